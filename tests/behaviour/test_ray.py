"""Sweeps on a Ray cluster of two worker nodes, real processes on this machine, against the same in one process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from helpers.command_line import ENVIRONMENT, WITHOUT_DRAWING, end, records, sfddm_bench, start, without_clocks
from ray.cluster_utils import Cluster

pytestmark = pytest.mark.slow

DIVERGES = "sfddm[iterations=10,learning_rate=1e30]"
WORDS = (
    f"run --scale smoke --steps 2 --methods ddim,sfddm,{DIVERGES} --images 20 --set teacher.timesteps=8 "
    "--set teacher.iterations=40 --set teacher.batch=4 --set student.iterations=10 --set student.batch=4 "
    "--set classifier.epochs=1 --set classifier.batch=1400"
).split()
OWN = ("command", "integrity")  # the words of the command, and the hash of the record
MISSED_SOON = {"health_check_period_ms": 500, "health_check_failure_threshold": 6}


def begin(*words: str) -> subprocess.Popen[str]:
    """Start the command line."""
    return start([sys.executable, "-c", WITHOUT_DRAWING, *words])


def processes(node: Any) -> list[int]:
    """Return the numbers of a node's raylet and of all that it has started."""
    raylet = node.all_processes["raylet"][0].process.pid
    children = [path.read_text().split() for path in Path(f"/proc/{raylet}/task").glob("*/children")]
    return [raylet, *(int(child) for some in children for child in some)]


def has_open(process: int, path: Path) -> bool:
    return any(os.path.realpath(file) == str(path.resolve()) for file in Path(f"/proc/{process}/fd").iterdir())


def kill_the_node_that_holds(lock: Path, cluster: Cluster) -> None:
    """Kill all processes of a node at once, as where a machine loses its power."""
    (node,) = [node for node in cluster.worker_nodes if any(has_open(process, lock) for process in processes(node))]
    for process in processes(node):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    cluster.remove_node(node, allow_graceful=False)


def wait_until(so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    ends = time.monotonic() + 120
    while not so():
        assert time.monotonic() < ends
        time.sleep(0.01)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """The sweep in one process, which runs while the cluster starts."""
    out = tmp_path_factory.mktemp("alone")
    process = begin(*WORDS, "--out", str(out))
    yield process, out
    process.kill()


@pytest.fixture(scope="module")
def cluster(begun: tuple[subprocess.Popen[str], Path]) -> Iterator[Cluster]:
    """A head without CPUs, and two nodes of one CPU each."""
    head = {"num_cpus": 0, "include_dashboard": False, "_system_config": MISSED_SOON}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    for _ in range(2):
        cluster.add_node(num_cpus=1)
    yield cluster
    cluster.shutdown()


@pytest.fixture(scope="module")
def alone(begun: tuple[subprocess.Popen[str], Path]) -> dict[str, dict]:
    """The numbers of the sweep in one process."""
    code, said = end(begun[0])
    assert code == 1, said
    return numbers(begun[1])


@pytest.fixture(scope="module")
def on_cluster(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of the sweep on the cluster, and what was said."""
    out = tmp_path_factory.mktemp("cluster")
    code, said = end(begin(*WORDS, "--out", str(out), "--executor", "ray", "--address", cluster.address))
    assert code == 1, said
    return out, said


def numbers(out: Path) -> dict[str, dict]:
    """Return the records without what a clock says."""
    found = {name: without_clocks(record, *OWN) for name, record in records(out).items()}
    assert len(found) == 4
    return found


def artefacts(out: Path) -> dict[str, bytes]:
    """Return what decides every number: the models, samples and features of a run."""
    paths = [path for ending in ("safetensors", "npy") for path in out.glob(f"stages/*/*.{ending}")]
    return {str(path.relative_to(out)): path.read_bytes() for path in paths}


def test_a_sweep_on_two_nodes_has_the_records_of_a_local_run_bit_for_bit(
    on_cluster: tuple[Path, str], alone: dict[str, dict], begun: tuple[subprocess.Popen[str], Path]
) -> None:
    out, said = on_cluster
    assert numbers(out) == alone
    assert artefacts(out) == artefacts(begun[1])
    assert not list(out.glob("stages/*/lock"))
    assert "Traceback" not in said
    for log in out.glob("stages/*/log.txt"):
        assert log.read_text().count(" compute: ") == 1, log


def test_a_stage_that_fails_on_the_cluster_is_recorded_once_tried_and_the_others_go_on(
    on_cluster: tuple[Path, str],
) -> None:
    out, said = on_cluster
    found = {record["method"]: record["failure"] for record in records(out).values()}
    why = found.pop(DIVERGES)
    assert why.startswith("sfddm to 2 steps (seed 0): the loss is nan")
    assert set(found.values()) == {None}
    assert f"failed: {why}" in said
    assert said.splitlines()[-1] == "sfddm-bench: 1 of 4 cells failed; the same command tries them again"
    (failed,) = [log for log in out.glob("stages/fold-*/log.txt") if "failed" in log.read_text()]
    assert failed.read_text().count("Traceback") == 1  # once in a worker, not again in the driver


def test_an_interruption_ends_with_one_line_and_the_workers_keep_their_checkpoints(
    cluster: Cluster, tmp_path: Path
) -> None:
    long = ["--set", "teacher.iterations=1000000"]
    process = begin(*WORDS, *long, "--out", str(tmp_path), "--executor", "ray", "--address", cluster.address)
    logs = Path(cluster.head_node.get_session_dir_path()) / "logs"
    wait_until(lambda: any("/1000000 iterations" in log.read_text() for log in logs.glob("worker-*.err")))
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    code, said = end(process)
    assert code == 130, said
    assert said.splitlines()[-1].startswith("sfddm-bench: interrupted; what is done is kept")
    assert "Traceback" not in said
    assert list(tmp_path.glob("stages/teacher-*/resume-*.pt"))
    assert not list(tmp_path.glob("stages/*/lock"))


def test_a_node_that_is_killed_in_the_middle_changes_nothing(
    cluster: Cluster, alone: dict[str, dict], begun: tuple[subprocess.Popen[str], Path], tmp_path: Path
) -> None:
    process = begin(*WORDS, "--out", str(tmp_path), "--executor", "ray", "--address", cluster.address)
    wait_until(lambda: any(" compute: " in log.read_text() for log in tmp_path.glob("stages/teacher-*/log.txt")))
    (lock,) = tmp_path.glob("stages/teacher-*/lock")
    kill_the_node_that_holds(lock, cluster)
    code, said = end(process)
    assert code == 1, said
    assert numbers(tmp_path) == alone
    assert artefacts(tmp_path) == artefacts(begun[1])
    assert lock.with_name("log.txt").read_text().count(" compute: ") == 2
    for log in tmp_path.glob("stages/*/log.txt"):
        assert log.read_text().count(" done in ") + log.read_text().count(" failed: ") == 1
    cluster.add_node(num_cpus=1)


def test_without_ray_the_executor_is_one_line_that_says_what_to_install() -> None:
    without = "import sys; sys.modules['ray'] = None; import bench.cli; bench.cli.main()"
    run = subprocess.run(
        [sys.executable, "-c", without, "run", "--executor", "ray"],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        check=False,
    )
    assert run.returncode == 2
    assert (
        run.stderr == "sfddm-bench: --executor: 'ray' given, but Ray is not installed; pip install 'sfddm-bench[ray]'\n"
    )


def test_the_cluster_is_asked_for_its_devices_and_not_this_machine(cluster: Cluster, tmp_path: Path) -> None:
    words = ["run", "--scale", "smoke", "--executor", "ray", "--address", cluster.address, "--dry-run"]
    words += ["--out", str(tmp_path / "runs")]
    run = sfddm_bench(*words)
    assert run.returncode == 0
    node = cluster.add_node(num_cpus=0, num_gpus=1)
    try:
        run = sfddm_bench(*words)
        assert run.returncode == 2
        assert run.stderr.startswith("sfddm-bench: --device: 'auto' given, but the cluster has GPUs and this machine")
        assert run.stderr.count("\n") == 1
        run = sfddm_bench(*words, "--device", "cpu")
        assert run.returncode == 0
    finally:
        cluster.remove_node(node)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--address", "auto"], "--address: 'auto' given, but it is of --executor ray; give both or none"),
        (["--executor", "slurm"], "--executor: 'slurm' given, possible: local, ray"),
        (
            ["--executor", "ray", "--device", "cuda:1"],
            "--device: 'cuda:1' given, possible with --executor ray: auto, cpu, cuda (it hands GPUs out)",
        ),
        (
            ["--executor", "ray", "--address", "127.0.0.1:1"],
            "--address: '127.0.0.1:1' given, but no Ray cluster answers there ([Errno 111] Connection refused)",
        ),
    ],
)
def test_an_executor_or_address_that_is_not_there_is_refused(words: list[str], line: str) -> None:
    run = sfddm_bench("run", *words)
    assert (run.returncode, run.stderr) == (2, f"sfddm-bench: {line}\n")
