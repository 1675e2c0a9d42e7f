"""Several feature spaces in one run: the same images, sampled once, with a record and a table in each."""

from pathlib import Path

import pytest
from helpers.command_line import TINY, records, sfddm_bench
from helpers.small_transformers import clip_tensors, write

from bench.store.files import file_sha256

pytestmark = pytest.mark.slow

WORDS = ["run", "--methods", "ddim", "--steps", "4", "--metrics", "quality,consistency", *TINY]
SPACES = ("digits-cnn", "clip")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("weights") / "small.pt", clip_tensors())


@pytest.fixture(scope="module")
def run(weights: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run in both."""
    out = tmp_path_factory.mktemp("run")
    ran = sfddm_bench(*WORDS, "--features", ",".join(SPACES), "--extractor-weights", str(weights), "--out", str(out))
    assert ran.returncode == 0, ran.stderr
    return out


def by_space(out: Path, method: str) -> dict[str, dict]:
    found = [record for record in records(out).values() if record["method"] == method]
    return {record["config"]["evaluation"]["feature_space"]: record for record in found}


def test_the_images_are_sampled_once_and_judged_in_each(run: Path) -> None:
    first, further = (by_space(run, "ddim")[space] for space in SPACES)
    assert len(list(run.glob("stages/samples-*"))) == 1
    assert len(list(run.glob("stages/features-*"))) == 3  # of the full-length images too, in the first
    label = "samples of ddim at 4 steps (seed 0)"
    assert first["parents"][label] == further["parents"][label]
    assert first["key"] != further["key"]
    assert first["quality.distance.value"] != further["quality.distance.value"]
    assert set(by_space(run, "real data")) == set(SPACES)


def test_a_space_says_its_weights_and_cmmd_is_clips_alone(run: Path, weights: Path) -> None:
    first, further = (by_space(run, "ddim")[space] for space in SPACES)
    name = f"clip weights {file_sha256(weights)[:8]}"
    assert further["feature_space"] == further["protocol"]["network"] == name
    assert further["protocol"]["network_sha256"] == file_sha256(weights)
    assert further["protocol"]["version"] == first["protocol"]["version"] == 1
    assert further["quality.distance.name"] == f"FD ({name})"
    assert further["quality.cmmd.value"] > 0
    assert first["quality"]["cmmd"] is None
    assert "quality.cmmd" not in first["reasons"]
    assert further["reasons"]["quality.inception_score"] == f"{name} has no class probabilities"


def test_what_needs_other_images_is_measured_in_the_first_space_alone(run: Path) -> None:
    first, further = (by_space(run, "ddim")[space] for space in SPACES)
    assert first["consistency.cosine"] is not None
    assert further["reasons"]["consistency"] == "measured in digits-cnn only"
    assert further["reasons"]["interpolation"] == "not asked for (--metrics)"


def test_there_is_a_table_of_each(run: Path) -> None:
    tables = {path.name: path.read_text() for path in run.glob("tables/*.md")}
    assert len(tables) == 2
    assert sum("FD (digits-cnn)" in text for text in tables.values()) == 1
    assert sum("CMMD (clip weights" in text and "biased" in text for text in tables.values()) == 1


def test_a_run_in_the_further_space_alone_finds_its_record_done(run: Path, weights: Path) -> None:
    words = [*WORDS, "--metrics", "quality", "--features", "clip", "--extractor-weights", f"clip={weights}"]
    again = sfddm_bench(*words, "--out", str(run), "--dry-run")
    assert again.returncode == 0, again.stderr
    assert "compute" not in again.stdout
    assert "4 done, 0 running, 0 failed, 0 missing" in sfddm_bench("status", str(run)).stdout


def test_its_metrics_are_recomputed_with_the_file(run: Path, weights: Path) -> None:
    words = ["verify", str(run), "--recompute", "metrics", "--extractor-weights", str(weights)]
    checked = sfddm_bench(*words)
    assert checked.returncode == 0, checked.stdout
    assert "4 metrics recomputed" in checked.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--features", "clip,dinov2", "--extractor-weights", "FILE"], "a file for each is possible: clip=FILE"),
        (["--features", "digits-cnn", "--extractor-weights", "FILE"], "but digits-cnn takes no such file"),
        (["--features", "clip", "--extractor-weights", "nowhere.pt"], "'nowhere.pt' given, but there is no such file"),
        (["--features", "dinov2", "--extractor-weights", "FILE"], "no weight file of DINOv2: it has no 'cls_token'"),
        (["--features", "clip,dino"], "--features: 'dino' given, possible: inception, digits-cnn, random-cnn, dinov2,"),
        (["--features", "clip", "--set", "evaluation.feature_space=clip"], "which it stands for; leave one out"),
        (["--features", "clip,random-cnn", "--metrics", "cost"], "have quality only"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(words: list[str], told: str, weights: Path, tmp_path: Path) -> None:
    asked = [word.replace("FILE", str(weights)) for word in words]
    ran = sfddm_bench(*WORDS, *asked, "--out", str(tmp_path / "out"))
    assert ran.returncode == 2, ran.stderr
    assert told.replace("FILE", str(weights)) in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()
