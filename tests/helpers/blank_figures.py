"""Figures that are blank: a small run draws two dozen, in plots and report, which takes longer than all its stages.

`tests/conftest.py` has one run that draws; the commands that only draw always do.
"""

from collections.abc import Callable
from typing import IO, Any

from PIL import Image

BLANK = "from helpers.blank_figures import use; use()"  # for another process
RUNS = {"run", "reproduce"}  # the commands that draw beside their work


def blank(_: object, file: IO[bytes], format: str, **__: Any) -> None:
    """Save a figure as nothing but a few pixels."""
    Image.new("RGB", (8, 8)).save(file, format)


def use(replace: Callable[[type, str, Any], None] = setattr) -> None:
    """Have this process draw no more; or as long as a test has an attribute replaced."""
    from matplotlib.figure import Figure

    replace(Figure, "savefig", blank)
    replace(Figure, "draw_without_rendering", lambda figure: None)
