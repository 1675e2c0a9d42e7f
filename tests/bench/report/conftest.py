"""What the report's tests share."""

from pathlib import Path

import pytest
from helpers.made_run import SWEEP, write_run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the synthetic sweep."""
    return write_run(tmp_path / "runs", SWEEP)
