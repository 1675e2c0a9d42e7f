"""Students that learn from themselves, by the whole command: trained once for all step counts, and usable outside."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.command_line import TINY, records, sfddm_bench

import sfddm

pytestmark = pytest.mark.slow

METHODS = ("cd", "ect", "ct", "multistep-cd", "shortcut", "ddim")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of all of them at 1, 4 and 7 steps, from an eps teacher, with dropout for one of them."""
    out = tmp_path_factory.mktemp("self-taught")
    words = f"run --steps 1,4,7 --methods {','.join(METHODS)} --metrics quality --set ect.dropout=0.1".split()
    more = ["--set", "multistep-cd.target_ema=0.5", "--out", str(out)]
    done = sfddm_bench(*words, *TINY, *more)
    assert done.returncode == 0, done.stderr
    return out


def folds(run: Path) -> list[str]:
    """The labels of the folds that were trained."""
    return sorted(json.loads(path.read_text())["label"] for path in run.glob("stages/fold-*/settings.json"))


def test_one_training_serves_all_step_counts_but_those_of_segments(run: Path) -> None:
    several = [f"multistep-cd to {steps} step{'s' * (steps > 1)} (seed 0)" for steps in (1, 4, 7)]
    assert folds(run) == sorted([f"{name} (seed 0)" for name in ("cd", "ect", "ct", "shortcut")] + several)


def test_records_tell_the_network_evaluations_that_were_asked_for_and_made(run: Path) -> None:
    found = {(record["method"], record["steps"]): record for record in records(run).values() if record["steps"]}
    assert set(found) == {(name, steps) for name in METHODS for steps in (1, 4, 7)}
    for (_, steps), record in found.items():
        assert record["nfe"] == steps
        assert np.isfinite(record["distance"])
    assert len({found["cd", steps]["training_cost.evaluations"] for steps in (1, 4, 7)}) == 1
    assert max(found["ct", 4]["timesteps"]) < 63  # sigma / alpha is at most 80
    assert max(found["cd", 4]["timesteps"]) == 63
    assert found["cd", 4]["sampling"]["sampler"] == "consistency"


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("steps", [1, 7])
def test_a_student_outside_the_run_makes_the_runs_own_images(run: Path, name: str, steps: int) -> None:
    model = sfddm.load(f"{run}:{name}:{steps}")
    samples = next(
        path.parent
        for path in run.glob("stages/samples-*/settings.json")
        if (own := json.loads(path.read_text())["settings"])["method"] == name and own["steps"] == steps
    )
    expected = np.load(samples / "samples.npy", allow_pickle=False)
    np.testing.assert_array_equal(model.sample(len(expected)).numpy(), expected)
