"""What every test shares: one finished run, and a server of processes that begin at once."""

import fcntl
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from helpers.command_line import TINY, sfddm_bench
from helpers.forked_runs import Server

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Runs the command line in processes that are forked, not started."""
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    server.close()


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The folder of a finished run: SFDDM and DDIM at 1 and 4 steps, and the real data: five cells. Never changed.

    It has drawn its figures. It is made once, by whichever of pytest's processes comes first.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "digits"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            words = ["run", "--out", str(folder / "runs"), "--steps", "1,4", "--methods", "sfddm,ddim", *TINY]
            run = sfddm_bench(*words, draws=True)
            assert run.returncode == 0, run.stderr
            (folder / "done").touch()
    return folder / "runs"


@pytest.fixture
def runs(digits_run: Path, tmp_path: Path) -> Path:
    """A copy of the finished run that a test may change."""
    return Path(shutil.copytree(digits_run, tmp_path / "runs"))
