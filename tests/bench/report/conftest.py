"""What the report's tests share."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for `browser` and `synthetic_run`

from synthetic_run import SWEEP, write_run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the synthetic sweep."""
    return write_run(tmp_path / "runs", SWEEP)
