"""Metrics and feature extractors of another package: measured, recorded, shown, and shown without the package too."""

import json
import re
from pathlib import Path

import pytest
from helpers.command_line import TINY, records, sfddm_bench
from helpers.third_party import install

from bench.store.files import file_sha256

pytestmark = pytest.mark.slow

WEIGHTS = b"2.0"
MODULE = """
from pathlib import Path
from typing import Annotated

from bench.metrics.declared import Extractor
from bench.metrics.metric import Given, Metric
from bench.metrics.shown import Shown


class Spread(Metric):
    most: Annotated[float, Shown("spread{{space}}", "units", "higher", 3)]
    least: Annotated[float | None, Shown("least spread{{space}}", "units")] = None

    @classmethod
    def of(cls, given: Given):
        return cls(most=given.features.std(0).max().item()), {{"least": "nobody asked for it"}}


def load(path: Path, device: str):
    scale = float(path.read_text())
    return lambda pixels: (scale * pixels.flatten(1).to(device).float(), None)


halves = Extractor("halves", "halves.txt", "{sha256}", "none", load)
"""
WORDS = ["run", "--methods", "ddim", "--steps", "1", "--set", "evaluation.feature_space=halves", *TINY]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of the package, with the weight file in the cache."""
    home = tmp_path_factory.mktemp("home")
    weights = home / "sfddm-bench" / "halves.txt"
    weights.parent.mkdir()
    weights.write_bytes(WEIGHTS)
    entry_points = "[sfddm_bench.metrics]\nspread = spread:Spread\n[sfddm_bench.extractors]\nhalves = spread:halves\n"
    module = MODULE.format(sha256=file_sha256(weights))
    return install(home / "site", "spread", module, entry_points) | {"XDG_CACHE_HOME": str(home)}


@pytest.fixture(scope="module")
def run(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with both."""
    out = tmp_path_factory.mktemp("run")
    ran = sfddm_bench(*WORDS, "--out", str(out), **environment)
    assert ran.returncode == 0, ran.stderr
    return out


def of_ddim(out: Path) -> dict:
    (record,) = (record for record in records(out).values() if record["method"] == "ddim")
    return record


def test_its_numbers_and_reasons_are_in_the_record(run: Path) -> None:
    record = of_ddim(run)
    assert record["feature_space"] == record["protocol"]["network"] == "halves"
    assert record["quality.distance.name"] == "FD (halves)"
    assert record["quality.plugged.spread.most"] > 0
    assert record["reasons"]["quality.plugged.spread.least"] == "nobody asked for it"
    assert record["reasons"]["quality.inception_score"]


def test_a_table_shows_them_by_their_declaration(run: Path, environment: dict[str, str]) -> None:
    shown = sfddm_bench("tables", str(run), **environment)
    assert shown.returncode == 0, shown.stderr
    assert "spread (halves) (units)" in (run / "tables" / "digits-8-smoke.md").read_text()
    assert "least spread" not in (run / "tables" / "digits-8-smoke.md").read_text()
    assert "quality.plugged.spread.most" in (run / "tables" / "digits-8-smoke.csv").read_text().splitlines()[0]


def test_records_are_shown_where_the_package_is_not(run: Path, tmp_path: Path) -> None:
    shown = sfddm_bench("tables", str(run), "--out", str(tmp_path))
    assert shown.returncode == 0, shown.stderr
    assert "spread, most (halves)" in (tmp_path / "tables" / "digits-8-smoke.md").read_text()


def test_the_package_is_in_the_key_of_what_it_measured_and_in_no_other(run: Path, environment: dict[str, str]) -> None:
    settings = {path.parent.name: json.loads(path.read_text()) for path in run.glob("stages/*/settings.json")}
    with_it = {name for name, found in settings.items() if "spread 1.0" in json.dumps(found)}
    assert {name.rpartition("-")[0] for name in with_it} >= {"metrics", "floor", "features"}
    assert not {name for name in with_it if name.startswith(("teacher-", "samples-"))}
    again = sfddm_bench(*WORDS, "--out", str(run), "--dry-run", **environment)
    assert "compute" not in again.stdout


@pytest.mark.parametrize("words", [[], ["--dry-run"]])
def test_an_extractor_without_its_weights_says_where_to_put_them(
    words: list[str], environment: dict[str, str], tmp_path: Path
) -> None:
    elsewhere = environment | {"XDG_CACHE_HOME": str(tmp_path)}
    ran = sfddm_bench(*WORDS, "--out", str(tmp_path / "out"), *words, **elsewhere)
    assert ran.returncode == 2
    assert f"put them at '{tmp_path / 'sfddm-bench' / 'halves.txt'}'" in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


def test_an_unknown_feature_space_names_those_there_are(environment: dict[str, str], tmp_path: Path) -> None:
    words = [word.replace("=halves", "=halve") for word in WORDS]
    ran = sfddm_bench(*words, "--out", str(tmp_path), **environment)
    assert ran.returncode == 2
    assert (
        "'halve' given, possible: inception, digits-cnn, random-cnn, dinov2, dinov2-vitb14, clip, halves" in ran.stderr
    )


def test_a_metric_that_takes_a_name_of_the_suite_is_refused(tmp_path: Path) -> None:
    environment = install(tmp_path / "site", "taker", "kid = None\n", "[sfddm_bench.metrics]\nkid = taker:kid\n")
    ran = sfddm_bench(*WORDS[:5], *TINY, "--out", str(tmp_path / "out"), **environment)
    assert ran.returncode == 2
    assert ran.stderr.startswith(
        "sfddm-bench: entry point sfddm_bench.metrics: 'kid' given, but the suite has one of that name"
    )


METHOD = """
from baselines.ddim import DDIM
from sfddm.single_fold import SingleFold


class Twin(DDIM):
    name = "twin"


class Student(SingleFold):
    name = "student"
"""


def planned(environment: dict[str, str], methods: str, out: Path) -> dict[str, str]:
    """Return the names of the stages of a dry run by their labels."""
    words = ["run", "--methods", methods, "--steps", "1", *TINY, "--out", str(out), "--dry-run"]
    ran = sfddm_bench(*words, **environment)
    assert ran.returncode == 0, ran.stderr
    lines = [re.search(r"compute +(.+): not done before  \[(.+)\]", line) for line in ran.stdout.splitlines()]
    return {match[1]: match[2] for match in lines if match}


def test_the_version_of_a_methods_package_is_in_the_keys_of_what_the_method_decides(tmp_path: Path) -> None:
    entry_points = "[sfddm_bench.methods]\ntwin = twin:Twin\nstudent = twin:Student\n"
    environment = install(tmp_path / "site", "twin", METHOD, entry_points)
    (metadata,) = (tmp_path / "site").glob("*.dist-info/METADATA")
    found = []
    for version in ("1.0", "2.0"):
        metadata.write_text(f"Metadata-Version: 2.1\nName: twin\nVersion: {version}\n")
        found.append(planned(environment, "twin,student,ddim,sfddm", tmp_path / "out"))
    one, other = found
    assert one.keys() == other.keys()
    changed = {name.rpartition("-")[0] for label, name in one.items() if other[label] != name}
    assert changed == {"fold", "samples", "features", "metrics", "consistency", "interpolation", "cost"}
    of_plugins = {label for label, name in one.items() if other[label] != name}
    assert all("twin" in label.lower() or "student" in label.lower() for label in of_plugins), of_plugins
