"""`sfddm-bench archive`: the records of run folders in one file."""

from pathlib import Path
from typing import Annotated

import typer

from bench.commands.options import Folders, folders_of

EXAMPLES = """
sfddm-bench archive runs --to runs.zip
sfddm-bench archive results/digits --to digits.zip --no-pictures
"""


def archive(
    folders: Folders = None,
    to: Annotated[
        Path | None, typer.Option(help="The zip file to write (default: the first folder's name with .zip).")
    ] = None,
    no_pictures: Annotated[
        bool, typer.Option("--no-pictures", help="Without the pictures beside the records.")
    ] = False,
) -> None:
    """Write records, pictures and lists of packages as one file, which every command reads as it reads a folder."""
    from bench.collected.archive import write_archive
    from bench.collected.gathering import gather
    from bench.store.files import check_writable, readable_size
    from sfddm.errors import InputError
    from sfddm.words import plural

    given = folders_of(folders)
    path = to or Path(f"{given[0].resolve().name}.zip")
    if path.suffix != ".zip" or path.is_dir():
        raise InputError(f"--to: '{path}' given, the name of a .zip file is needed")
    if any(path.resolve() == one.resolve() for one in folders or []):
        raise InputError(f"--to: '{path}' {'given' if to else 'by default'}, which is read itself; name another file")
    check_writable(path.absolute().parent, "--to")
    found = gather(given)
    size = write_archive(found, path, pictures=not no_pictures)
    shown = 0 if no_pictures else sum(name.endswith(".png") for name in found.files)
    print(f"{path}: {plural(len(found.records), 'record')}, {plural(shown, 'picture')}, {readable_size(size)}")
