"""The folder of a site: written file by file, each whole, in an order in which every page finds its pictures."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.store.files import read_object, write_bytes, write_json
from sfddm.errors import InputError
from sfddm.files import remove, remove_dead

CONTENTS = "site.json"  # lists the files of the site, so that they can be told from all else and replaced
OWN = re.compile(r"[\w=-][\w.=-]*\.html|pictures/[0-9a-f]+\.(png|webp|jpeg)", re.ASCII)


def check_is_free(out: Path, option: str = "--out") -> None:
    """Raise InputError if a folder holds what is neither a site's nor hidden, as a checkout's .git is."""
    if not out.is_dir():
        return
    own = listed(out)
    other = next((name for name in names_in(out) if name not in own), None)
    if other is not None:
        raise InputError(
            f"{option}: '{out}' given, but it holds other things, such as {other}; name an empty or new folder, or "
            "that of a site"
        )


def write_site_folder(out: Path, files: Mapping[str, bytes]) -> None:
    """Write the files of a site into a folder, and remove those of an earlier one that are no longer its own.

    Whenever it ends, each file is whole, each page has its pictures, and the next call continues. Raises OSError.
    """
    earlier = listed(out)
    write_json(out / CONTENTS, {"files": sorted({*earlier, *files} - {CONTENTS})})
    pages = [name for name in files if name.endswith(".html")]
    for name in [*(name for name in files if name not in pages), *reversed(pages)]:  # the index, the first, at the end
        path = out / name
        if not path.is_file() or path.read_bytes() != files[name]:
            write_bytes(path, files[name])
    for name in sorted(earlier - {CONTENTS, *files}):
        remove(out / name)
    for folder in sorted({(out / name).parent for name in {*earlier, *files}}):
        remove_dead(folder)
    write_json(out / CONTENTS, {"files": sorted(files)})


def listed(out: Path) -> set[str]:
    """Return the files that the site in a folder has, by path, its list among them; none if there is no such list."""
    try:
        names = read_object(out / CONTENTS)["files"]
    except (InputError, KeyError):
        return set()
    whole = isinstance(names, list) and all(isinstance(name, str) and OWN.fullmatch(name) for name in names)
    return {CONTENTS, *names} if whole else set()


def names_in(out: Path) -> Iterator[str]:
    """Yield the paths of all files in a folder, but for what has a name that begins with a dot.

    What a process leaves of a file that it was writing when it was killed begins with one.
    """
    for path in sorted(out.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from (f"{path.name}/{name}" for name in names_in(path))
        else:
            yield path.name
