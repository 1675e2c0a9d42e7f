"""A zip of images."""

import io
import stat
import zipfile
from collections import Counter
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from PIL import Image

from bench.datasets.listing import choose
from bench.datasets.sources import Source, check_size, first_line, opened
from sfddm.errors import InputError

LINKS, TWICE = "links, which a zip cannot follow", "of a name that is there twice"
ENCRYPTED = 0x1  # a flag of a member


class ZipSource(Source):
    """The members of a zip; their names may have backslashes, as some programs write them."""

    kind = "zip"

    def __init__(self, path: Path):
        self.path = path
        self.file: zipfile.ZipFile | None = None
        left_out: Counter[str] = Counter()
        places: dict[str, int] = {}
        for place, member in enumerate(read_members(path)):
            name = member.filename.replace("\\", "/")
            check_member(name, member, path)
            if name.endswith("/"):
                continue
            if stat.S_ISLNK(member.external_attr >> 16):
                left_out[LINKS] += 1
                continue
            if name in places:
                left_out[TWICE] += 1
            places[name] = place
        listing = choose(places)
        listing.left_out.update(left_out)
        self._take_listing(listing, path)
        self.places = [places[name] for name in self.names]
        if isinstance(self.test, ZipSource):
            self.test.places = [places[name] for name in self.test.names]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"file": None}

    def image(self, number: int) -> Image.Image:
        if self.file is None:
            self.file = zipfile.ZipFile(self.path)
        member = self.file.infolist()[self.places[number]]
        check_size(member.file_size)  # which is also the most that is unpacked, whatever is in it
        return opened(io.BytesIO(self.file.read(member)))

    def states(self) -> list[Any]:
        members = read_members(self.path)
        found = [members[place] if place < len(members) else None for place in self.places[: len(self)]]
        return [one and [one.CRC, one.file_size, one.compress_size, one.header_offset] for one in found]


def read_members(path: Path) -> list[zipfile.ZipInfo]:
    """Return what a zip says that it holds. Raises InputError if it is not one."""
    try:
        with zipfile.ZipFile(path) as file:
            return file.infolist()
    except Exception as error:  # a damaged zip raises errors of many kinds
        raise InputError(f"--from: '{path}' is not a readable zip ({first_line(error)})") from None


def check_member(name: str, member: zipfile.ZipInfo, path: Path) -> None:
    """Raise InputError for a member that leads out of the zip, needs a password, or is an LMDB."""
    parts = PurePosixPath(name).parts
    if PurePosixPath(name).is_absolute() or ".." in parts or PureWindowsPath(name).is_absolute():
        raise InputError(f"--from: '{path}' holds '{name}', which leads out of the zip; it is refused")
    if member.flag_bits & ENCRYPTED:
        raise InputError(f"--from: '{path}' holds '{name}', which is encrypted; unpack it with its password first")
    if parts and parts[-1] == "data.mdb":
        folder = PurePosixPath(name).parent.name or path.stem
        raise InputError(
            f"--from: '{path}' holds an LMDB; unpack it, and give the folder '{folder}' that holds data.mdb"
        )
