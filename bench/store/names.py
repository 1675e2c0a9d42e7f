"""The one rule for names that come from outside and become parts of paths: datasets, records, experiments."""

import re

from sfddm.errors import InputError

LONGEST = 200
ALLOWED = re.compile(r"[A-Za-z0-9_=-][A-Za-z0-9_.=-]*", re.ASCII)


def check_name(option: str, name: str) -> str:
    """Return a name that may become a file or folder name. Raises InputError naming the option, file or field."""
    if len(name) <= LONGEST and ALLOWED.fullmatch(name):
        return name
    given = name if len(name) <= LONGEST else name[:20] + f"... ({len(name)} characters)"
    raise InputError(
        f"{option}: {given!r} given, possible: 1 to {LONGEST} letters, digits and _.=-, and no dot in front"
    )
