"""A prepared dataset that is damaged, changed, of an older version, or in a place that cannot be written."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from helpers.command_line import sfddm_bench
from helpers.dataset_forms import image_folder

from bench.config.preset import load_preset
from bench.config.resolve import resolve
from bench.datasets import packed
from bench.datasets.dataset import labels_sha256
from bench.datasets.packed import check, load_packed, prepared, read_manifest, survey
from bench.datasets.prepare import prepare
from bench.metrics import METRICS
from bench.metrics.offered import check_feature_space
from bench.stages.classifier import stage
from sfddm.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A prepared dataset `s` of 12 labelled images."""
    for name in ("a", "b"):
        image_folder(tmp_path / "set" / name, 6, 8)
    return prepare("folder", tmp_path / "set", tmp_path / "data", 8, label="s")


def change(folder: Path, **fields: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_changed_labels_are_refused(folder: Path, tmp_path: Path) -> None:
    labels = load_packed(tmp_path / "data", "s", 8).labels
    assert labels is not None
    assert read_manifest(folder).labels_sha256 == labels_sha256(labels)
    np.save(folder / "labels.npy", 1 - labels)
    with pytest.raises(InputError, match=r"labels\.npy: its content has sha256 \w+, .*manifest\.json says"):
        load_packed(tmp_path / "data", "s", 8)
    (folder / "labels.npy").unlink()
    with pytest.raises(InputError, match=r"labels\.npy: missing"):
        load_packed(tmp_path / "data", "s", 8)


def test_labels_of_an_earlier_preparation_are_gone_when_the_new_one_has_none(folder: Path, tmp_path: Path) -> None:
    prepare("folder", tmp_path / "set" / "a", tmp_path / "data", 8, label="s")
    assert load_packed(tmp_path / "data", "s", 8).labels is None
    np.save(folder / "labels.npy", np.zeros(6, np.int64))
    with pytest.raises(InputError, match="its manifest says that there are no labels"):
        load_packed(tmp_path / "data", "s", 8)


def test_other_labels_give_another_classifier_and_data_of_older_versions_keeps_its_own(
    folder: Path, tmp_path: Path
) -> None:
    config = resolve(load_preset("folder"), "smoke", ["evaluation.feature_space=s-cnn"])
    first = load_packed(tmp_path / "data", "s", 8)
    (tmp_path / "set" / "a" / "00000.png").rename(tmp_path / "set" / "b" / "first.png")
    image_folder(tmp_path / "set" / "c", 1, 8)
    prepare("folder", tmp_path / "set", tmp_path / "data", 8, label="s")
    assert stage(config, load_packed(tmp_path / "data", "s", 8)).key != stage(config, first).key
    written = json.loads((folder / "manifest.json").read_text())
    old = {key: value for key, value in written.items() if key not in ("labels_sha256", "left_out", "noted")}
    (folder / "manifest.json").write_text(json.dumps(old | {"schema_version": 1}))
    loaded = load_packed(tmp_path / "data", "s", 8)
    assert (loaded.labels_sha256, read_manifest(folder).left_out) == (None, {})
    assert "labels_sha256" not in stage(config, loaded).settings


def test_bit_rot_that_keeps_the_time_is_found_by_the_check(folder: Path, tmp_path: Path) -> None:
    load_packed(tmp_path / "data", "s", 8)
    assert check(folder) == []
    for name, place in (("images.npy", 200), ("labels.npy", 130)):
        path = folder / name
        before, data = path.stat(), bytearray(path.read_bytes())
        data[place] ^= 1
        path.write_bytes(data)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        with pytest.raises(InputError, match=f"{name}: its content has sha256"):  # by the time of its last change
            load_packed(tmp_path / "data", "s", 8)
        (fault,) = check(folder)
        assert fault.startswith(f"{path}: its content has sha256")
        data[place] ^= 1
        path.write_bytes(data)
    (folder / "manifest.json").write_text("[" * 100_000)
    assert len(check(folder)) == 1


@pytest.mark.parametrize("name", ["images.npy", "labels.npy"])
@pytest.mark.parametrize(
    "data", [b"", b"\x93NUMPY", b"PK\3\4", b"\x93NUMPY\1\0\xff\xff{", b"\x93NUMPY\1\0\4\0{1:}", b"\x80\4."]
)
def test_a_damaged_array_is_one_line_naming_it(folder: Path, tmp_path: Path, name: str, data: bytes) -> None:
    (folder / name).write_bytes(data)
    with pytest.raises(InputError, match=rf"\A[^\n]*{name}: not a readable array [^\n]*\Z"):
        load_packed(tmp_path / "data", "s", 8)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"count": ' + "9" * 5000 + "}",
        '{"count": NaN}',
        "null",
        "",
        "\ufeff{}",
        '{"name": "\\ud800"}',
    ],
)
def test_an_odd_manifest_is_one_line_and_hides_no_other_dataset(folder: Path, tmp_path: Path, text: str) -> None:
    image_folder(tmp_path / "more", 3, 8)
    prepare("folder", tmp_path / "more", tmp_path / "data", 8, label="good")
    (folder / "manifest.json").write_text(text)
    with pytest.raises(InputError, match=r"\A[^\n]*manifest\.json: [^\n]*prepare the dataset again\Z"):
        load_packed(tmp_path / "data", "s", 8)
    assert [manifest.name for manifest in prepared(tmp_path / "data")] == ["good"]
    assert list(survey(tmp_path / "data")[1]) == [folder]
    assert len(load_packed(tmp_path / "data", "good", 8).pixels) == 3


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", "../x"), ("name", "t"), ("dataset", "../x"), ("resolution", 16), ("resolution", 10**9), ("count", -1)],
)
def test_a_manifest_that_speaks_of_another_place_is_refused(folder: Path, field: str, value: object) -> None:
    change(folder, **{field: value})
    with pytest.raises(InputError, match=r"manifest\.json: "):
        read_manifest(folder)


def test_the_list_names_a_bad_dataset_on_stderr_and_shows_the_others(folder: Path, tmp_path: Path) -> None:
    (folder / "manifest.json").write_text("{}")
    done = sfddm_bench("datasets", "list", "--data-root", str(tmp_path / "data"))
    assert done.returncode == 0
    assert "digits" in done.stdout
    assert done.stderr.count("\n") == 1
    assert f"{folder / 'manifest.json'}: name: Field required" in done.stderr


def test_data_that_cannot_be_written_is_read_and_marked_elsewhere_or_not_at_all(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []

    def refuse(path: Path, text: str) -> None:
        written.append(path)
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(packed, "write_text", refuse)
    monkeypatch.setattr(packed, "user_cache_path", lambda *_, **__: tmp_path / "cache")
    assert len(load_packed(tmp_path / "data", "s", 8).pixels) == 12
    assert [path.parent for path in written] == [folder, tmp_path / "cache" / "verified"]


def test_a_set_too_small_for_a_classifier_says_how_many_images_it_needs(tmp_path: Path) -> None:
    for name in ("a", "b"):
        image_folder(tmp_path / "set" / name, 2, 8)
    prepare("folder", tmp_path / "set", tmp_path / "data", 8, label="s")
    images = load_packed(tmp_path / "data", "s", 8)
    config = resolve(load_preset("folder"), "smoke", ["evaluation.feature_space=s-cnn"])
    with pytest.raises(InputError, match="s has 4 images; a classifier needs 5 or more"):
        check_feature_space(config, images, METRICS)
