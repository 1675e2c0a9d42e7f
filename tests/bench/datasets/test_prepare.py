"""Preparing, from each form people have: pixels against PIL and the originals, refusals, and going on after a stop."""

import io
import json
import os
import pickle
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from helpers.command_line import ENVIRONMENT, PROGRAM
from helpers.dataset_forms import cifar_batches, cifar_tarball, encoded, image_folder, lsun_lmdb, picture, zipped
from PIL import Image

from bench.datasets.packed import Manifest, load_packed, read_manifest
from bench.datasets.prepare import prepare
from bench.datasets.preprocessing import PREPROCESSING
from sfddm.errors import InputError


def prepared(
    root: Path, name: str, source: Path, resolution: int | None = None, **options: object
) -> tuple[np.ndarray, Manifest]:
    """Prepare a dataset and return its pixels and manifest."""
    folder = prepare(name, source, root, resolution, **options)  # type: ignore[arg-type]
    manifest = read_manifest(folder)
    return load_packed(root, manifest.name, manifest.resolution).pixels, manifest


def by_rule(images: list[Image.Image], rule: str, resolution: int) -> np.ndarray:
    done = [np.asarray(PREPROCESSING[rule](image.convert("RGB"), resolution)) for image in images]
    return np.stack(done).transpose(0, 3, 1, 2)


def test_cifar10_batches_and_tarball_give_the_pixels_and_labels(tmp_path: Path) -> None:
    original, labels = cifar_batches(tmp_path / "batches")
    pixels, manifest = prepared(tmp_path / "data", "cifar10", tmp_path / "batches")
    np.testing.assert_array_equal(pixels, original)
    np.testing.assert_array_equal(load_packed(tmp_path / "data", "cifar10", 32).labels, labels)
    assert (manifest.count, manifest.source_kind, manifest.lossy) == (100, "cifar10-python", False)
    tarball, original = cifar_tarball(tmp_path / "packed")
    pixels, _ = prepared(tmp_path / "data", "cifar10", tarball, label="from-tarball")
    np.testing.assert_array_equal(pixels, original)


def test_cifar10_as_jpeg_files_keeps_its_own_name_and_says_it_is_lossy(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        image_folder(tmp_path / "jpeg" / "train" / name, 3, 32, "jpg")
    image_folder(tmp_path / "jpeg" / "test" / "cat", 2, 32, "jpg")  # not for training
    for source in (tmp_path / "jpeg", zipped(tmp_path / "jpeg", tmp_path / "jpeg.zip")):
        pixels, manifest = prepared(tmp_path / "data", "cifar10", source, label="cifar10-jpeg")
        assert manifest.test is not None
        assert (manifest.test.count, manifest.test.lossy, manifest.left_out) == (2, True, {})
        assert (manifest.name, manifest.dataset, manifest.lossy, manifest.count) == ("cifar10-jpeg", "cifar10", True, 6)
        assert manifest.classes == ["cat", "dog"]
        assert load_packed(tmp_path / "data", "cifar10-jpeg", 32).labels.tolist() == [0, 0, 0, 1, 1, 1]
        expected = [
            Image.open(tmp_path / "jpeg" / "train" / n / f"0000{k}.jpg") for n in ("cat", "dog") for k in (0, 1, 2)
        ]
        np.testing.assert_array_equal(pixels, by_rule(expected, "none", 32))
        small, manifest = prepared(tmp_path / "data", "cifar10", source, 16, label="cifar10-jpeg")
        np.testing.assert_array_equal(small, by_rule(expected, "area", 16))
        assert manifest.preprocessing == "area"


def test_lsun_lmdb_in_key_order_with_the_authors_share_of_bedroom(tmp_path: Path) -> None:
    values = lsun_lmdb(tmp_path / "bedroom_train_lmdb", 40)
    pixels, manifest = prepared(tmp_path / "data", "lsun_bedroom", tmp_path / "bedroom_train_lmdb", resolution=64)
    expected = by_rule([Image.open(io.BytesIO(value)) for value in values[:2]], "sfddm", 64)
    np.testing.assert_array_equal(pixels, expected)  # 1/20 of 40
    assert (manifest.preprocessing, manifest.source_kind, manifest.lossy) == ("sfddm", "lmdb", True)
    everything, _ = prepared(tmp_path / "data", "lsun_bedroom", tmp_path / "bedroom_train_lmdb", everything=True)
    assert everything.shape == (40, 3, 128, 128)


def test_celeba_hq_from_a_folder_and_a_zip_of_256_and_of_1024(tmp_path: Path) -> None:
    pictures = image_folder(tmp_path / "celeba", 3, 256)
    for source in (tmp_path / "celeba", zipped(tmp_path / "celeba", tmp_path / "celeba.zip")):
        pixels, manifest = prepared(tmp_path / "data", "celeba_hq", source)
        np.testing.assert_array_equal(pixels, by_rule(pictures, "sfddm", 64))
        assert not manifest.lossy
    large = image_folder(tmp_path / "large", 2, 1024)
    pixels, manifest = prepared(tmp_path / "data", "celeba_hq", tmp_path / "large", resolution=128)
    np.testing.assert_array_equal(pixels, by_rule(large, "sfddm-reduced", 128))
    assert manifest.preprocessing == "sfddm-reduced"


def test_grey_cmyk_palette_and_alpha_images_become_rgb(tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    kinds = {"a.png": "L", "b.jpg": "CMYK", "c.png": "P", "d.png": "RGBA"}
    for seed, (name, mode) in enumerate(kinds.items()):
        picture(seed, 50, 40, mode).save(folder / name)
    pixels, _ = prepared(tmp_path / "data", "folder", folder, resolution=16)
    np.testing.assert_array_equal(pixels, by_rule([Image.open(folder / name) for name in kinds], "square-lanczos", 16))


def test_few_corrupt_images_are_listed_and_many_are_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    image_folder(folder, 1001, 8)
    broken = folder / "00500.png"
    broken.write_bytes(broken.read_bytes()[:60])
    pixels, manifest = prepared(tmp_path / "data", "folder", folder, resolution=8)
    assert (len(pixels), manifest.count, manifest.corrupt) == (1000, 1000, ["00500.png"])
    (folder / "00900.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"2 of the first \d+ images cannot be read .*00500.png, 00900.png"):
        prepare("folder", folder, tmp_path / "data", 8)


def test_images_of_a_wrong_size_are_refused_where_no_resize_is_declared(tmp_path: Path) -> None:
    image_folder(tmp_path / "wrong", 3, 40)
    with pytest.raises(InputError, match=r"3 of the first 3 images cannot be read .* 00000.png"):
        prepare("cifar10", tmp_path / "wrong", tmp_path / "data")


def zip_with(path: Path, name: str) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(name, encoded(picture(0), "png"))
    return path


def tar_with(path: Path, name: str) -> Path:
    with tarfile.open(path, "w:gz") as file:
        file.addfile(tarfile.TarInfo(name))
    return path


class Malicious:
    def __reduce__(self) -> tuple:
        return os.system, ("exit 3",)


@pytest.mark.parametrize(
    "case",
    ["empty", "escape", "absent", "not-a-zip", "not-a-tarball", "other-tarball", "other-kind", "malicious-pickle"],
)
def test_a_source_that_cannot_be_used_is_one_line_naming_it(tmp_path: Path, case: str) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    for ending in (".zip", ".tar.gz"):
        (tmp_path / f"fake{ending}").write_text("hello")
    cifar_batches(tmp_path / "bad")
    (tmp_path / "bad" / "data_batch_3").write_bytes(pickle.dumps({b"data": Malicious()}))
    sources = {
        "empty": (empty, "holds no images"),
        "escape": (zip_with(tmp_path / "evil.zip", "../evil.png"), "'../evil.png', which leads out of the zip"),
        "absent": (tmp_path / "nowhere", "there is nothing there"),
        "not-a-zip": (tmp_path / "fake.zip", "not a readable zip"),
        "not-a-tarball": (tmp_path / "fake.tar.gz", "not a readable tarball"),
        "other-tarball": (tar_with(tmp_path / "other.tar.gz", "readme"), "holds no 'data_batch_1'"),
        "other-kind": (text, "possible: a folder or zip of images, LSUN's LMDB"),
        "malicious-pickle": (tmp_path / "bad", "it asks for posix.system"),
    }
    source, message = sources[case]
    with pytest.raises(InputError, match=r"^--from: .*") as raised:
        prepare("cifar10", source, tmp_path / "data")
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not list((tmp_path / "data").rglob("manifest.json"))


def test_resolutions_and_names_that_are_not_there_are_refused(tmp_path: Path) -> None:
    image_folder(tmp_path / "images", 2, 32)
    for name, resolution, message in [
        ("cifar10", 64, "--resolution: 64 given, cifar10 has: 32, 16"),
        ("lsun_church", 32, "has: 64, 128"),
        ("folder", None, "has: any from 1 up"),
        ("cifar", None, "NAME: 'cifar' given, possible: cifar10"),
    ]:
        with pytest.raises(InputError, match=message):
            prepare(name, tmp_path / "images", tmp_path / "data", resolution)
    with pytest.raises(InputError, match=r"--from: not given, and lsun_church .* get it from https"):
        prepare("lsun_church", None, tmp_path / "data")


def test_changed_pixels_are_named_and_refused(tmp_path: Path) -> None:
    image_folder(tmp_path / "images", 3, 8)
    folder = prepare("folder", tmp_path / "images", tmp_path / "data", 8)
    load_packed(tmp_path / "data", "folder", 8)
    path = folder / "images.npy"
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"images\.npy: its content has sha256 \w+, .*manifest\.json says"):
        load_packed(tmp_path / "data", "folder", 8)


def test_a_broken_manifest_and_a_missing_dataset_say_what_to_do(tmp_path: Path) -> None:
    image_folder(tmp_path / "images", 2, 8)
    folder = prepare("folder", tmp_path / "images", tmp_path / "data", 8)
    with pytest.raises(
        InputError,
        match=r"'folder' at 16x16 is not in '.*' \(there is 8x8: --resolution\); prepare it with: sfddm-bench",
    ):
        load_packed(tmp_path / "data", "folder", 16)
    kept = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(kept | {"count": "many"}))
    with pytest.raises(InputError, match=r"manifest\.json: count: .*; prepare the dataset again"):
        load_packed(tmp_path / "data", "folder", 8)


def test_a_killed_preparation_goes_on_and_gives_the_same_bytes(tmp_path: Path) -> None:
    image_folder(tmp_path / "images", 1200, 48)
    whole = prepare("folder", tmp_path / "images", tmp_path / "one", 40)
    words = [
        "datasets",
        "prepare",
        "folder",
        "--from",
        str(tmp_path / "images"),
        "--resolution",
        "40",
        "--data-root",
        str(tmp_path / "two"),
    ]
    process = subprocess.Popen(
        [*PROGRAM, *words], env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    progress = tmp_path / "two" / "folder" / "40" / "progress.json"
    deadline = time.monotonic() + 60
    while not progress.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)  # ends when every process that holds the pipe has: no worker is left behind
    assert progress.exists(), "the preparation ended before it could be killed"
    assert not (progress.parent / "manifest.json").exists()
    reported: list[int] = []
    resumed = prepare("folder", tmp_path / "images", tmp_path / "two", 40, report=lambda done, _: reported.append(done))
    assert reported[0] > 256 or len(reported) < 5  # it did not start again at the first of five chunks
    assert (resumed / "images.npy").read_bytes() == (whole / "images.npy").read_bytes()
    assert read_manifest(resumed) == read_manifest(whole)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_images(tmp_path: Path) -> None:
    """Peak memory of preparing 6,000 images stays within 64 MiB of that of preparing 600."""
    image_folder(tmp_path / "images", 6000, 64, "jpg")
    script = (
        "import resource, sys; from pathlib import Path; from bench.datasets.prepare import prepare; "
        "prepare('folder', Path(sys.argv[1]), Path(sys.argv[2]), 64, int(sys.argv[3])); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"
    )
    peaks = []
    for count in ("600", "6000"):
        words = [sys.executable, "-c", script, str(tmp_path / "images"), str(tmp_path / count), count]
        done = subprocess.run(words, env=ENVIRONMENT, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout.split()[-1]))
    assert peaks[1] < peaks[0] + 64, peaks  # 6,000 images of 64x64 are 70 MiB
