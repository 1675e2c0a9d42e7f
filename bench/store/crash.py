"""The last handler: what nobody foresaw goes to a file with its traceback, and one line says where it is. No torch."""

import sys
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

from bench.store.provenance import anonymous

ISSUES = "please report it with that file"


def last_line(error: BaseException) -> str:
    """Return the one line on an unforeseen error; its traceback is written to a file, if any place can be written."""
    what = f"{type(error).__name__}: {error}".removesuffix(": ")
    path = write_traceback(error)
    where = f"the traceback is in '{path}', {ISSUES}" if path else "the traceback could not be written anywhere"
    return f"unexpected {' '.join(what.split())[:300]}; {where}"


def write_traceback(error: BaseException) -> Path | None:
    """Write an error's traceback and the command into the run's folder, or that of temporary files; return the path."""
    text = "".join(traceback.format_exception(error))
    command = " ".join(["sfddm-bench", *map(anonymous, sys.argv[1:])])
    name = f"sfddm-bench-{datetime.now(UTC):%Y%m%dT%H%M%S}-"
    for folder in (run_folder(sys.argv[1:]), Path(tempfile.gettempdir())):
        if folder is None or not folder.is_dir():
            continue
        try:
            with tempfile.NamedTemporaryFile(
                "w", encoding="utf-8", errors="replace", dir=folder, prefix=name, suffix=".txt", delete=False
            ) as file:
                file.write(f"{command}\n\n{text}")
            return Path(file.name)
        except OSError:
            continue
    return None


def run_folder(words: list[str]) -> Path | None:
    """Return the folder that --out names, None if the command does not say one."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == "--out" and following:
            return Path(following)
        if word.startswith("--out="):
            return Path(word.removeprefix("--out="))
    return None
