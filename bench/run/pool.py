"""Worker processes of this machine that do stages side by side, and say what they do in the driver's display.

A process is asked to stop over its connection, never by a signal: Ctrl-C may reach the whole group or the driver alone,
and either way a worker must hear of it once, so that it saves. One whose driver is gone stops in the same way.
"""

import multiprocessing
import os
import signal
import threading
import time
from _thread import interrupt_main
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from queue import SimpleQueue
from types import TracebackType
from typing import Any

import torch

from bench.run.task import Given, Outcome, Workplace, outcome_of
from bench.store.failures import StageFailed, reason
from bench.store.progress import Display, Update
from bench.store.stage import Stage

TRIES = 2  # of a stage whose process was killed
SAVE_SECONDS = 60.0  # for checkpoints after Ctrl-C
END_SECONDS = 5.0  # for a process that has nothing to do
STOP = "stop"


@dataclass(eq=False)
class Hand:
    """A worker process; stage: that it does now. shown, update: of the task that it shows."""

    process: BaseProcess
    connection: Connection
    stage: Stage | None = None
    shown: ExitStack = field(default_factory=ExitStack)
    update: Update | None = None


class Pool:
    """At most some processes with some threads each, started when there is work for them, and ended with the block.

    An exception in the block stops them: what trains saves first.
    """

    def __init__(self, given: Given, threads: int, display: Display):
        self.given, self.threads, self.display = given, threads, display
        self.hands: list[Hand] = []
        self.killed: dict[str, int] = {}  # by the stage's key, how often its process was

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self._stop(said=kind is KeyboardInterrupt)

    def close(self) -> None:
        """End all processes, none of which has anything to do."""
        self._end(END_SECONDS)
        self.hands.clear()

    @property
    def is_idle(self) -> bool:
        """Whether no stage is being done."""
        return not any(hand.stage for hand in self.hands)

    @property
    def has_room(self) -> bool:
        """Whether one more stage may be given."""
        return sum(hand.stage is not None for hand in self.hands) < self.given.jobs

    def give(self, stage: Stage) -> None:
        """Have a stage done by a process that has nothing to do, or by a new one."""
        hand = next((hand for hand in self.hands if hand.stage is None), None) or self._start()
        hand.stage = stage
        with suppress(OSError):  # it was killed: its connection ends, and says so
            hand.connection.send((stage.key, stage.label))

    def wait(self, seconds: float) -> Iterator[tuple[Stage, Outcome]]:
        """Wait for something to happen, at most so long; yield the stages that ended, and how."""
        connections = {hand.connection: hand for hand in self.hands}
        if not connections:
            time.sleep(seconds)
        for connection in wait(list(connections), timeout=seconds):
            hand = connections[connection]  # type: ignore[index]
            try:
                kind, *values = hand.connection.recv()
            except (EOFError, OSError):
                ended = self._lost(hand)
            else:
                ended = self._heard(hand, kind, values)
            if ended is not None:
                yield ended

    def _start(self) -> Hand:
        ours, theirs = multiprocessing.Pipe()
        process = multiprocessing.get_context("spawn").Process(target=work, args=(theirs, self.given, self.threads))
        with environment(OMP_NUM_THREADS=str(self.threads)), signals_held():
            process.start()
            theirs.close()
            self.hands.append(Hand(process, ours))
        return self.hands[-1]

    def _heard(self, hand: Hand, kind: str, values: list[Any]) -> tuple[Stage, Outcome] | None:
        """Take in what a process says: a line, how far its task is, or how its stage ended."""
        assert hand.stage is not None
        if kind == "say":
            self.display.say(*values)
        elif kind == "task":
            hand.update = hand.shown.enter_context(self.display.task(hand.stage.label, *values))
        elif kind == "update" and hand.update is not None:
            hand.update(*values)
        elif kind == "over":
            hand.shown.close()
        elif kind == "ended":
            stage, hand.stage = hand.stage, None
            leave(hand.shown)
            return stage, values[0]
        return None

    def _lost(self, hand: Hand) -> tuple[Stage, Outcome] | None:
        """Take in that a process is gone; the stage that it did is tried once more, from its checkpoint."""
        self.hands.remove(hand)
        hand.connection.close()
        hand.process.join()
        leave(hand.shown)
        if hand.stage is None:
            return None
        stage, how = hand.stage, ended_by(hand.process.exitcode)
        self.killed[stage.key] = self.killed.get(stage.key, 0) + 1
        if self.killed[stage.key] < TRIES:
            self.display.say(f"{stage.label}: its process was {how}; once more")
            self.give(stage)
            return None
        return stage, Outcome(failed=f"{stage.label}: its process was {how}, {TRIES} times; with less memory: --jobs 1")

    def _stop(self, said: bool) -> None:
        """Have all processes stop, those that train after they have saved."""
        if said and not self.is_idle:
            self.display.say("interrupted: the workers save; once more to stop at once")
        try:
            self._ask_to_stop()
            self._end(SAVE_SECONDS)
        except KeyboardInterrupt:
            self._ask_to_stop()
            self._end(END_SECONDS)

    def _ask_to_stop(self) -> None:
        for hand in self.hands:
            with suppress(OSError):
                hand.connection.send(STOP)

    def _end(self, seconds: float) -> None:
        """Wait for processes to end, as those do that were asked to or whose connection is closed; kill the rest."""
        for hand in self.hands:
            if hand.stage is None:
                hand.connection.close()
        try:
            until = time.monotonic() + seconds
            for hand in self.hands:
                hand.process.join(max(until - time.monotonic(), 0.0))
        finally:
            for hand in self.hands:
                leave(hand.shown)
        for hand in self.hands:
            if hand.process.is_alive():
                hand.process.kill()
                hand.process.join()


def ended_by(code: int | None) -> str:
    """Return how a process ended that did not say so: by which signal, or with which exit code."""
    if code is None or code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"killed by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")


def leave(shown: ExitStack) -> None:
    """End a display's task, if there is one, without the line that says that it is done."""
    error = StageFailed()
    with suppress(StageFailed):
        shown.__exit__(StageFailed, error, None)


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Set environment variables while the block runs."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def signals_held() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM back while the block runs; a process that starts in it never gets them."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    start_tracker()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@cache
def start_tracker() -> None:
    """Start the process that Python starts beside the first spawned one: it would let the signals through again."""
    from multiprocessing.resource_tracker import ensure_running

    ensure_running()


class Told(Display):
    """A display that tells the driver what there is to show."""

    def __init__(self, send: Callable[..., None]):
        super().__init__(quiet=True)
        self.send = send

    def say(self, line: str) -> None:
        """Have the driver print a line."""
        self.send("say", line)

    @contextmanager
    def task(self, label: str, total: int, unit: str) -> Iterator[Update]:
        """Have the driver show a task, under the label of its stage."""
        self.send("task", total, unit)

        def update(done: int, note: str = "", known: int | None = None) -> None:
            self.send("update", done, note, known)

        yield update
        self.send("over")


def work(connection: Connection, given: Given, threads: int) -> None:
    """Do the stages that come, one after the other, until there are no more or it is asked to stop."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # called by `Orders`; the signal itself is held back
    torch.set_num_threads(threads)

    def send(*message: Any) -> None:
        with suppress(OSError):  # the driver is gone, which `Orders` hears as well
            connection.send(message)

    orders = Orders(connection)
    workplace: Workplace | None = None
    with suppress(KeyboardInterrupt):
        while (order := orders.next()) is not None:
            key, label = order
            try:
                workplace = workplace or Workplace(given, Told(send))
                outcome = outcome_of(workplace.worker, workplace.stage(key))
            except Exception as error:  # the folder or the dataset is not there any more, for one
                outcome = Outcome(failed=f"{label}: {reason(error)}")
            orders.busy = False
            send("ended", outcome)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class Orders:
    """What comes over a connection, read in a thread: stages by key and label; and to stop, as its end says too."""

    def __init__(self, connection: Connection):
        self.connection, self.busy = connection, False
        self.stages: SimpleQueue[tuple[str, str] | None] = SimpleQueue()
        threading.Thread(target=self._listen, daemon=True).start()

    def next(self) -> tuple[str, str] | None:
        """Wait for the next stage; None if there is none."""
        return self.stages.get()

    def _listen(self) -> None:
        while True:
            try:
                order = self.connection.recv()
            except (EOFError, OSError):
                order = None
            if order in (STOP, None):
                self.stages.put(None)
                if self.busy:
                    interrupt_main()  # as Ctrl-C would: what trains saves
            else:
                self.busy = True
                self.stages.put(order)
            if order is None:
                return
