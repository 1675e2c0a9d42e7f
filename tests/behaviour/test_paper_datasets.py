"""The whole command on each of the paper's datasets, at smoke scale, on small sets made in the real forms.

The features are a stand-in's: the tables must not call its distance FID.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.command_line import records, sfddm_bench
from helpers.dataset_forms import cifar_tarball, image_folder, lsun_lmdb
from helpers.stand_in_inception import write_stand_in

from bench.config.preset import load_preset
from bench.config.resolve import resolve
from bench.datasets.registry import load
from bench.metrics import spaces
from bench.metrics.spaces import WeightFiles, feature_weights
from sfddm.errors import InputError

pytestmark = pytest.mark.slow

TINY = (
    "--scale smoke --set teacher.iterations=3 --set student.iterations=2 --set pd.iterations=1 --images 12 "
    "--set teacher.timesteps=16 --set cost.batch=2 --set evaluation.interpolation_paths=1 "
    "--set evaluation.consistency_images=2"
).split()


def cifar10(folder: Path) -> Path:
    return cifar_tarball(folder)[0]


def celeba_hq(folder: Path) -> Path:
    image_folder(folder / "celeba", 24, 256)
    return folder / "celeba"


def lsun_church(folder: Path) -> Path:
    lsun_lmdb(folder / "church_outdoor_train_lmdb", 24)
    return folder / "church_outdoor_train_lmdb"


def lsun_bedroom(folder: Path) -> Path:
    lsun_lmdb(folder / "bedroom_train_lmdb", 480)  # 1/20 of which is taken
    return folder / "bedroom_train_lmdb"


@pytest.mark.parametrize("make", [cifar10, celeba_hq, lsun_church, lsun_bedroom])
def test_prepare_and_run_end_to_end(make: Callable[[Path], Path], tmp_path: Path) -> None:
    name, data, out = make.__name__, str(tmp_path / "data"), tmp_path / "runs"
    source = make(tmp_path)
    done = sfddm_bench("datasets", "prepare", name, "--from", str(source), "--data-root", data)
    assert done.returncode == 0, done.stderr
    weights = str(write_stand_in(tmp_path / "stand-in.pt"))
    words = [
        "run",
        "--dataset",
        name,
        "--steps",
        "1,4",
        "--data-root",
        data,
        "--inception-weights",
        weights,
        "--out",
        str(out),
        *TINY,
    ]
    done = sfddm_bench(*words)
    assert done.returncode == 0, done.stderr
    found = list(records(out).values())
    assert sorted((record["method"], record["steps"]) for record in found if record["steps"]) == [
        ("ddim", 1),
        ("ddim", 4),
        ("pd", 1),
        ("pd", 4),
        ("sfddm", 1),
        ("sfddm", 4),
    ]
    side = {"cifar10": 32, "celeba_hq": 64, "lsun_church": 64, "lsun_bedroom": 128}[name]
    for record in found:
        assert (record["dataset"], record["resolution"]) == (name, side)
        assert record["quality.distance.name"] == f"FD ({record['feature_space']})"
        assert record["feature_space"].startswith("weights ")
        assert record["config"]["teacher"]["prediction"] == ("v" if side == 128 else "eps")
    table = next(out.glob("tables/*.md")).read_text()
    assert "FID" not in table
    assert "FD (weights " in table


def test_a_dataset_that_is_not_there_is_one_line_that_says_how_to_get_it(tmp_path: Path) -> None:
    done = sfddm_bench("run", "--dataset", "lsun_church", "--steps", "1,10,100", "--data-root", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "sfddm-bench datasets prepare lsun_church --from church_outdoor_train_lmdb --resolution 64" in done.stderr
    assert "https://github.com/fyu/lsun" in done.stderr
    assert not list(tmp_path.iterdir())


def test_missing_inception_weights_are_one_line_that_says_where_to_put_them(tmp_path: Path) -> None:
    image_folder(tmp_path / "images", 20, 16)
    data = ["--data-root", str(tmp_path / "data")]
    sfddm_bench("datasets", "prepare", "folder", "--from", str(tmp_path / "images"), "--resolution", "16", *data)
    run = [
        "run",
        "--dataset",
        "folder",
        "--resolution",
        "16",
        "--scale",
        "smoke",
        *data,
        "--out",
        str(tmp_path / "runs"),
    ]
    done = sfddm_bench(*run, "--inception-weights", str(tmp_path / "none.pt"))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "none.pt' given, but there is no such file" in done.stderr
    done = sfddm_bench(*run, "--set", "evaluation.feature_space=folder-cnn")
    assert done.returncode == 2
    assert (
        "'folder-cnn' given, possible: inception, random-cnn, dinov2, dinov2-vitb14, clip; folder has no labels to "
        "train a classifier on" in done.stderr
    )
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("metrics", ["cost", "consistency,interpolation"])
def test_what_needs_no_network_runs_without_weights(metrics: str, digits_run: Path, tmp_path: Path) -> None:
    del digits_run  # digits are always there; the space is Inception's all the same
    space = [] if metrics == "cost" else ["--set", "evaluation.feature_space=pixels"]
    words = ["run", "--methods", "ddim", "--steps", "2", "--metrics", metrics, *space, *TINY, "--out", str(tmp_path)]
    words += ["--set", "evaluation.feature_space=inception"] if metrics == "cost" else []
    done = sfddm_bench(*words, XDG_CACHE_HOME=str(tmp_path / "empty"))
    assert done.returncode == 0, done.stderr
    (record,) = records(tmp_path).values()
    assert record["distance"] is None
    if metrics != "cost":
        assert record["feature_space"] == "pixels"
        assert record["consistency.cosine"] > record["consistency.cosine_unrelated"]


def test_quality_has_no_meaning_in_pixels(tmp_path: Path) -> None:
    done = sfddm_bench("run", "--set", "evaluation.feature_space=pixels", "--out", str(tmp_path / "out"))
    assert done.returncode == 2
    assert "possible: inception, digits-cnn, random-cnn" in done.stderr
    assert "quality has no meaning in pixels" in done.stderr
    assert not (tmp_path / "out").exists()


def test_without_weights_the_refusal_names_the_ways_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_network() -> Path:
        raise InputError("--inception-weights: they could not be downloaded")

    monkeypatch.setattr(spaces, "find_weights", lambda _: None)
    monkeypatch.setattr(spaces, "download", no_network)
    config = resolve(load_preset("digits"), "smoke", ["evaluation.feature_space=inception"])
    ways = r"downloaded, or go on without: --set evaluation.feature_space=digits-cnn \(.*\) or random-cnn$"
    with pytest.raises(InputError, match=ways):
        feature_weights(config, load("digits", 8, None, 0.0), WeightFiles(), dry_run=False)
