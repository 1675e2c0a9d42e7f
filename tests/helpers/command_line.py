"""The command line in processes of its own, for tests."""

import atexit
import json
import os
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bench.records.record import SECTIONS
from bench.store.files import flat
from helpers.blank_figures import BLANK, RUNS

if TYPE_CHECKING:
    from helpers.forked_runs import Server

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "OMP_NUM_THREADS": "1"}
PROGRAM = [sys.executable, "-m", "bench.cli"]
# Processes that this one starts import it, and must not begin a run of their own.
WITHOUT_DRAWING = f"import bench.cli\nif __name__ == '__main__':\n    {BLANK}\n    bench.cli.main()"

TINY = (
    "--scale smoke --set teacher.iterations=4 --set student.iterations=3 --set pd.iterations=3 --images 20 "
    "--set classifier.epochs=1 --set teacher.timesteps=64 --set cost.batch=8"
).split()


CLOCKED = ("durations", "sampling_cost", "training_cost.seconds", "training_cost.teacher_seconds", "training_cost")


OF_ITS_OWN = {"--jobs", "--executor"}  # options of commands that start processes themselves


@cache
def forking() -> "Server":
    """Return this process's server of forked processes, which ends with it."""
    from helpers.forked_runs import Server

    folder = TemporaryDirectory(prefix="sfddm-bench-tests-")
    server = Server(Path(folder.name), often=False)
    atexit.register(folder.cleanup)
    atexit.register(server.close)
    return server


def sfddm_bench(*words: str, draws: bool = False, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line and return what it said. draws: also a run, whose figures are blank otherwise.

    With no environment of its own it is forked from a process that has imported everything, which takes seconds.
    """
    is_blank = not draws and bool(RUNS.intersection(words[:1]))
    if not environment and not OF_ITS_OWN & set(words):
        process = forking().start(*words, setup=BLANK if is_blank else "", apart=True)
        code = process.wait()
        said = [path.read_text() if path.exists() else "" for path in (process.log, process.errors)]
        return subprocess.CompletedProcess([*PROGRAM, *words], code, *said)
    command = [sys.executable, "-c", WITHOUT_DRAWING, *words] if is_blank else [*PROGRAM, *words]
    return subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT | environment, check=False)


def start(command: list[str], **environment: str) -> subprocess.Popen[str]:
    """Start a process that Ctrl-C ends, also where the tests themselves run in the background and ignore it."""
    return subprocess.Popen(
        command,
        env=ENVIRONMENT | environment,
        text=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for a process; return its exit code and what it said. One that does not end leaves the others their CPUs."""
    try:
        said = process.communicate(timeout=180)[1]
    finally:
        process.kill()
    return process.returncode, said


def records(out: Path) -> dict[str, dict]:
    """Return the records of a run by their names: with what is in their sections by dotted names, and the distance."""
    return {path.stem: in_sight(json.loads(path.read_text())) for path in sorted(out.glob("records/*/*.json"))}


def in_sight(record: dict) -> dict:
    """Return a record's values with those of its sections by dotted names beside them, and the distance."""
    sections = flat({name: record[name] or {} for name in SECTIONS})
    return record | sections | {"distance": sections.get("quality.distance.value")}


def without_clocks(record: dict, *others: str) -> dict:
    """Return a record without what a clock says, and without other fields by name.

    How many calls a time limit allows decides whether there is a 95th percentile, and so whether it has a reason.
    """
    kept = {
        key: value
        for key, value in record.items()
        if not key.startswith("sampling_cost") and key not in (*CLOCKED, *others)
    }
    reasons = {name: why for name, why in record["reasons"].items() if name != "sampling_cost.latency.p95"}
    return kept | {"reasons": reasons}
