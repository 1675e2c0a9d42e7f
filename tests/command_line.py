"""The command line in processes of its own, for tests."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
PROGRAM = [sys.executable, "-m", "bench.cli"]

TINY = ["--scale", "smoke", "--set", "teacher.iterations=4", "--set", "student.iterations=3", "--images", "20",
        "--set", "classifier.epochs=1", "--set", "teacher.timesteps=64"]  # fmt: skip


def sfddm_bench(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line and return what it said."""
    return subprocess.run([*PROGRAM, *words], capture_output=True, text=True, env=ENVIRONMENT | environment,
                          check=False)  # fmt: skip


def records(out: Path) -> dict[str, dict]:
    """Return the records of a run by their names."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(out.glob("records/*/*.json"))}
