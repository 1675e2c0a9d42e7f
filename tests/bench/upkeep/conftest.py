"""One tiny finished run that the tests of the inspecting commands share; each copies it before it changes anything."""

import shutil
from pathlib import Path

import pytest
from helpers.command_line import TINY, sfddm_bench


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SFDDM and DDIM at 1 and 4 steps, and the real data: five cells."""
    out = tmp_path_factory.mktemp("digits") / "runs"
    run = sfddm_bench("run", "--out", str(out), "--steps", "1,4", *TINY)
    assert run.returncode == 0, run.stderr
    return out


@pytest.fixture
def runs(digits_run: Path, tmp_path: Path) -> Path:
    """A copy of the finished run that a test may damage."""
    return Path(shutil.copytree(digits_run, tmp_path / "runs"))
