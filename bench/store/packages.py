"""The list of all installed packages: once in a run folder, and by its hash in each record. No torch.

`packages/<first 16 digits of the sha256>.txt` has a line `name==version` for each, sorted: what pip takes as
constraints to have the same versions again.
"""

import hashlib
import re
import sysconfig
from functools import cache
from importlib.metadata import distributions
from pathlib import Path

from bench.store.files import read_text, write_text
from bench.store.layout import RunFolder
from sfddm.errors import InputError

DIGITS = 16


@cache
def installed() -> str:
    """Return the text of the list of what is installed for this Python.

    What a package brings in a folder of its own, as Ray does once it is imported, is not installed.
    """
    site = Path(sysconfig.get_path("purelib")).resolve()
    # Of one that is there twice, the first is imported. Its metadata is a file, read whenever it is asked for.
    described = ((one, one.metadata) for one in reversed(list(distributions())))
    found = {
        re.sub(r"[-_.]+", "-", about["Name"]).lower(): about["Version"]
        for one, about in described
        if about["Name"] and site not in Path(str(one.locate_file(""))).resolve().parents
    }
    return "".join(f"{name}=={found[name]}\n" for name in sorted(found))


def sha256_of(text: str) -> str:
    """Return the sha256 of a list's text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def packages_path(run: RunFolder, sha256: str) -> Path:
    """Return where a run folder has the list of a hash."""
    return run.packages / f"{sha256[:DIGITS]}.txt"


def write_packages(run: RunFolder) -> None:
    """Write the list of what is installed into a run folder, unless it is there."""
    text = installed()
    path = packages_path(run, sha256_of(text))
    if not path.is_file() or read_text(path) != text:
        write_text(path, text)


def read_packages(path: Path) -> dict[str, str]:
    """Return the versions in a list, by package. Raises InputError for a file that is none, or was changed."""
    text = read_text(path, "list of packages")
    if not path.name.startswith(sha256_of(text)[:DIGITS]):
        raise InputError(f"{path}: was changed after it was written; take it from a copy")
    return dict(line.split("==", 1) for line in text.splitlines() if "==" in line)
