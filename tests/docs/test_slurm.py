"""The Slurm scripts with stand-ins of Slurm's programs that write down what they were asked."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "docs" / "slurm"
ASKED = '#!/bin/bash\necho "$(basename "$0") ${SRUN_CPUS_PER_TASK:-none}: $*" >> "$ASKED"\n'
JOB = {"SLURM_JOB_ID": "7", "SLURM_CPUS_PER_TASK": "8", "SLURM_NNODES": "2", "SLURMD_NODENAME": "node1"}


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("srun", "sbatch", "sfddm-bench"):
        (folder / name).write_text(ASKED)
    (folder / "scontrol").write_text("#!/bin/bash\necho '   Command=/shared/array.sh --dataset digits'\n")
    for path in folder.iterdir():
        path.chmod(0o755)
    return folder


def run(script: str, programs: Path, *words: str, **variables: str) -> tuple[int, list[str], str]:
    """Return a script's exit code, what it asked of Slurm's programs, and its stderr."""
    asked = programs.parent / "asked"
    environment = {**os.environ, **JOB, **variables, "ASKED": str(asked)}
    environment["PATH"] = f"{programs}:{environment['PATH']}"
    done = subprocess.run(
        ["bash", SCRIPTS / script, *words], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, asked.read_text().splitlines() if asked.exists() else [], done.stderr


@pytest.mark.parametrize("script", sorted(path.name for path in SCRIPTS.glob("*.sh")))
def test_a_script_is_bash(script: str) -> None:
    assert subprocess.run(["bash", "-n", SCRIPTS / script], check=False).returncode == 0


def test_the_array_begins_after_the_job_that_makes_the_teacher(programs: Path) -> None:
    code, asked, said = run("array.sh", programs, "--steps", "1", SLURM_GPUS_ON_NODE="4")
    assert (code, said) == (0, "")
    assert asked == [
        "sbatch 8: --dependency=afterok:7 --kill-on-invalid-dep=yes --array=0-1 --gpus-per-node=4 /shared/array.sh "
        "--steps 1",
        "srun 8: torchrun --standalone --nproc-per-node=4 --no-python sfddm-bench run --methods ddim --steps 1",
    ]


def test_a_task_of_the_array_does_its_own_method(programs: Path) -> None:
    code, asked, _ = run("array.sh", programs, "--steps", "1", SLURM_ARRAY_TASK_ID="1")
    assert code == 0
    assert asked == [
        "srun 8: torchrun --standalone --nproc-per-node=1 --no-python sfddm-bench run --methods pd --steps 1"
    ]


def test_several_nodes_meet_at_the_first(programs: Path) -> None:
    code, (asked,), _ = run("nodes.sh", programs, "--steps", "4", SLURM_GPUS_ON_NODE="8")
    assert code == 0
    assert asked.startswith("srun 8: torchrun --nnodes=2 --nproc-per-node=8 --rdzv-id=7 --rdzv-backend=c10d")
    assert asked.endswith(":20007 --no-python sfddm-bench run --steps 4")


def test_a_head_that_does_not_start_ends_the_job(programs: Path) -> None:
    """The stand-in of srun ends at once, as `ray start` does where its port is taken."""
    code, asked, said = run("ray.sh", programs, "--steps", "4")
    assert code == 1
    assert "the head of the Ray cluster did not start" in said
    assert not [line for line in asked if line.startswith("sfddm-bench")]
