"""A folder of images, at any depth, in the order of their names."""

import os
import stat
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from bench.datasets.listing import HIDDEN, choose, is_hidden
from bench.datasets.sources import Source, check_size, opened
from sfddm.errors import InputError

NOWHERE, SPECIAL = "links that lead nowhere", "neither files nor folders"
LOOP, AGAIN = "links that lead back to a folder they are in", "links to a folder that is taken already"


class FolderSource(Source):
    """The files under a folder; a linked folder counts as any other, once, and none that leads back."""

    kind = "folder"

    def __init__(self, path: Path):
        self.path = path
        walk = Walk(path)
        listing = choose(walk.files())
        listing.left_out.update(walk.left_out)
        self._take_listing(listing, path)

    def image(self, number: int) -> Image.Image:
        path = self.path / self.names[number]
        check_size(path.stat().st_size)
        return opened(path)

    def states(self) -> list[Any]:
        found = [(self.path / name).stat() for name in self.names]
        return [
            str(self.path.resolve()),
            [[one.st_size, one.st_mtime_ns, one.st_ctime_ns, one.st_ino] for one in found],
        ]


class Walk:
    """Finds the files under a folder. Folders come before links to them, so a folder has its own name if it has one."""

    def __init__(self, root: Path):
        self.root = root
        self.left_out: Counter[str] = Counter()
        self.seen: set[str] = set()

    def files(self) -> Iterator[str]:
        """Yield the files' relative names, links followed. Raises InputError for a folder that cannot be read."""
        waiting = [(os.fspath(self.root), "")]
        links: list[tuple[str, str]] = []
        while waiting or links:
            path, name = waiting.pop() if waiting else links.pop(0)
            if self._is_new(path, name):
                folders: list[tuple[str, str]] = []
                linked: list[tuple[str, str]] = []
                for entry in self._entries(path):
                    below = f"{name}/{entry.name}" if name else entry.name
                    if entry.is_symlink() and is_hidden(below):
                        self.left_out[HIDDEN] += 1  # and not followed, wherever it leads
                    elif (mode := _mode(entry)) is None:
                        self.left_out[NOWHERE] += 1
                    elif stat.S_ISDIR(mode):
                        (linked if entry.is_symlink() else folders).append((entry.path, below))
                    elif stat.S_ISREG(mode):
                        yield below
                    else:
                        self.left_out[SPECIAL] += 1
                waiting += folders
                links += linked

    def _is_new(self, path: str, name: str) -> bool:
        real = os.path.realpath(path)
        if real in self.seen or self._leads_back(real, path, name):
            self.left_out[LOOP if self._leads_back(real, path, name) else AGAIN] += 1
            return False
        self.seen.add(real)
        return True

    def _leads_back(self, real: str, path: str, name: str) -> bool:
        """Whether a folder is or holds the one that its name stands in: then the source holds itself without end."""
        if not name:
            return False
        holders = (os.path.realpath(self.root), os.path.realpath(os.path.dirname(path)))
        return any(os.path.commonpath([real, holder]) == real for holder in holders)

    @staticmethod
    def _entries(path: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(path) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            raise InputError(f"--from: '{path}' cannot be read ({error.strerror})") from None


def _mode(entry: os.DirEntry[str]) -> int | None:
    """Return what an entry, or what it links to, is; None for a link that leads nowhere, or to itself."""
    try:
        return entry.stat().st_mode
    except OSError:
        return None
