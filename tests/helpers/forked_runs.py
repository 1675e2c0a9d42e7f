"""The command line in processes that begin at once: forked from a server that has imported everything.

`OFTEN` makes happen often what happens rarely in a large run: a checkpoint every 5 iterations, shards of 8 images.
"""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from helpers.blank_figures import BLANK
from helpers.command_line import ENVIRONMENT

IMPORTED = """
import json, os, signal, sys
import torch, torch._dynamo  # which an optimizer imports when it is first made
torch.set_num_threads(1)
import bench.cli, bench.run.session, bench.stages.sampling, bench.stages.training, sfddm.training, bench.plots.figures
import bench.report.page
import sfddm.units, bench.upkeep.verify, bench.config.methods, sklearn.datasets, matplotlib.backends.backend_agg
for name in bench.config.methods.METHODS: bench.config.methods.get(name)
import bench.store.packages
bench.store.packages.installed()  # reads a file of each package, and keeps what it found
"""
OFTEN = """
bench.stages.training.ResumableTraining.is_due = lambda self: True
sfddm.training.REPORT_EVERY = 5
sfddm.units.LARGEST_UNIT = 8
bench.stages.sampling.sample_in_shards.__defaults__ = ("samples.npy", 1)
bench.plots.figures.write_plots = lambda *_: []  # slow, and tested elsewhere; those of the report are blank
"""
SERVER = """
def work(words, logs, setup, folder):
    for number, log in enumerate(logs, 1):
        os.dup2(os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o666), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(folder)
    exec(setup)
    sys.argv = ["sfddm-bench", *words]
    try:
        bench.cli.main()
    except SystemExit as end:
        return end.code or 0
    return 99

print("ready", flush=True)
for line in sys.stdin:
    job = json.loads(line)
    if "wait" in job:
        print(os.waitstatus_to_exitcode(os.waitpid(job["wait"], 0)[1]), flush=True)
        continue
    process = os.fork()
    if process == 0:
        code = 98
        try:
            code = work(job["words"], job["logs"], job["setup"], job["folder"])
        finally:
            sys.stdout.flush(), sys.stderr.flush()
            os._exit(code)
    print(process, flush=True)
"""


@dataclass(frozen=True)
class Process:
    """One run of the command line. errors: what it says on stderr, if that is a file of its own."""

    number: int
    log: Path
    errors: Path
    server: "Server"

    def kill(self, with_signal: signal.Signals = signal.SIGKILL) -> None:
        """Send it a signal; it may have ended."""
        os.kill(self.number, with_signal)

    def wait(self) -> int:
        """Return its exit code, negative where a signal ended it."""
        return int(self.server.ask({"wait": self.number}))

    @property
    def said(self) -> str:
        """What it has said so far."""
        return self.log.read_text() if self.log.exists() else ""

    def wait_until_it_says(self, text: str) -> None:
        """Wait for some output."""
        ends = time.monotonic() + 120
        while text not in self.said:
            assert time.monotonic() < ends, f"never said '{text}': {self.said}"
            time.sleep(0.005)


class Server:
    """Starts processes. often: as the top of this file says."""

    def __init__(self, folder: Path, often: bool = True):
        self.folder, self.count = folder, 0
        program = IMPORTED + (OFTEN + BLANK if often else "") + SERVER
        self.process = subprocess.Popen(
            [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def ask(self, job: dict) -> str:
        """Send a request and return the answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline()

    def start(self, *words: str, setup: str = "", apart: bool = False) -> Process:
        """Start the command line with words; `setup` is Python that the process runs first. apart: of stderr."""
        self.count += 1
        log = self.folder / f"process-{self.count}.txt"
        errors = log.with_suffix(".errors") if apart else log
        job = {"words": words, "logs": [str(log), str(errors)], "setup": setup, "folder": os.getcwd()}
        return Process(int(self.ask(job)), log, errors, self)

    def run(self, *words: str, setup: str = "") -> tuple[int, str]:
        """Run the command line to its end; return its exit code and what it said."""
        process = self.start(*words, setup=setup)
        return process.wait(), process.said

    def close(self) -> None:
        """End the server."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()
