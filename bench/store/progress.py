"""What runs now, how fast, and how long it takes: a live display on a terminal, plain lines elsewhere; and Ctrl-C."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import FrameType
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

OVERALL_EVERY_SECONDS = 60.0  # a line of what is left of all work, where there is no terminal
REFRESHED_SECONDS = 1.0  # how old it may be on a terminal
PLAIN_EVERY_SECONDS = 10.0
LEAST_SECONDS = 0.1  # of a task that a line is worth when it has ended
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Update(Protocol):
    """Takes how much is done, a note, and the total once that has become known."""

    def __call__(self, done: int, note: str = "", known: int | None = None) -> None: ...


class Ahead(Protocol):
    """What is left of all work, in words; it is told which stage this process does, and how far that is."""

    def doing(self, key: str) -> AbstractContextManager[None]: ...

    def progress(self, done: int, total: int) -> None: ...

    def give_up(self, key: str) -> None: ...


class Display:
    """Shows one overall count and the one task that runs now, or nothing. Everything goes to stderr.

    outlook: what is left of all work, where that is known.
    """

    def __init__(self, quiet: bool = False) -> None:
        self.outlook: Ahead | None = None
        self.told = time.monotonic()  # when what is left was last said
        self.left = "", 0.0  # what was last said on a terminal, and when
        self.console = Console(stderr=True, highlight=False, quiet=quiet)
        self.live = self.console.is_terminal and not quiet
        self.bar = Progress(
            TextColumn("{task.description}", markup=False),  # a variant's name has brackets
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            Left(self),
            console=self.console,
            transient=True,
            disable=not self.live,
        )
        self.overall: TaskID | None = None

    def __enter__(self) -> "Display":
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def say(self, line: str) -> None:
        """Print one line above the live display."""
        self.console.print(line, markup=False, soft_wrap=True)

    @contextmanager
    def doing(self, key: str) -> Iterator[None]:
        """Take it that this process does a stage while the block runs."""
        with self.outlook.doing(key) if self.outlook else nullcontext():
            yield
        self._tell()

    def give_up(self, key: str) -> None:
        """Take it that a stage failed."""
        if self.outlook:
            self.outlook.give_up(key)

    def all_left(self) -> str:
        """Return what is left of all work, no older than a second."""
        now = time.monotonic()
        if now - self.left[1] > REFRESHED_SECONDS:
            self.left = str(self.outlook or ""), now
        return self.left[0]

    def _tell(self) -> None:
        """Say every so often what is left, where there is no terminal."""
        if self.outlook and not self.live and time.monotonic() - self.told > OVERALL_EVERY_SECONDS:
            self.told = time.monotonic()
            if left := str(self.outlook):
                self.say(left)

    def count(self, label: str, total: int) -> None:
        """Set up the overall count."""
        self.overall = self.bar.add_task(label, total=total, note="")

    def advance(self) -> None:
        """One more of the overall count is done."""
        if self.overall is not None:
            self.bar.advance(self.overall)

    @contextmanager
    def task(self, label: str, total: int, unit: str) -> Iterator[Update]:
        """Show a task while it runs; the update it yields takes how much is done and a note.

        Without a terminal it is a line every so often, and one at the end; whoever begins the task says that it begins.
        """
        task = self.bar.add_task(label, total=total or None, note="")
        began = last = time.monotonic()
        first: tuple[int, float] | None = None  # the first update: what came before it may be old work, or warming up

        def update(done: int, note: str = "", known: int | None = None) -> None:
            nonlocal last, first, total
            total = total if known is None else known
            now = time.monotonic()
            first = first or (done, now)
            rate = (done - first[0]) / (now - first[1]) if now > first[1] else 0.0
            if self.outlook and total:
                self.outlook.progress(done, total)
            speed = f"{rate:.1f} {unit}/s" if rate >= 1 or not rate else f"{1 / rate:.1f} s each"
            shown = f"{speed} {note}".rstrip()
            self.bar.update(task, completed=done, total=total, note=shown)
            if not self.live and now - last > PLAIN_EVERY_SECONDS and done != total:
                left = f", {(total - done) / rate:.0f} s left" if rate else ""
                self.say(f"  {label}: {done}/{total} {unit}, {shown}{left}")
                last = now
            self._tell()

        try:
            yield update
        finally:
            self.bar.remove_task(task)
        if (seconds := time.monotonic() - began) >= LEAST_SECONDS:
            self.say(f"{label}: {f'{total} {unit}' if total else 'done'} in {seconds:.1f} s")

    @contextmanager
    def waiting(self, label: str, unit: str) -> Iterator[Callable[[int, int], None]]:
        """Show a task whose size is known only once it runs; the update takes how much is done and of how much."""
        with self.task(label, 0, unit) as update:
            yield lambda done, total: update(done, "", total)


class Left(TimeRemainingColumn):
    """The time that is left: of a task by its own rate, of all work as the outlook has it."""

    def __init__(self, display: Display) -> None:
        super().__init__()
        self.display = display

    def render(self, task: Task) -> Text:
        """Return the time as it is shown."""
        if task.id == self.display.overall and self.display.outlook:
            return Text(self.display.all_left())
        return super().render(task)


@contextmanager
def held_back(say: Callable[[str], None]) -> Iterator[Callable[[], bool]]:
    """Yield a function that tells whether an interruption waits; a second one raises KeyboardInterrupt at once.

    One that still waits when the block ends is raised then. Signals reach the main thread alone; elsewhere, none.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    waits = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal waits
        if waits:
            raise KeyboardInterrupt
        waits = True
        say("interrupted: saving; once more to stop at once")

    before = {number: signal.signal(number, note) for number in SIGNALS}
    try:
        yield lambda: waits
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if waits:
        raise KeyboardInterrupt
