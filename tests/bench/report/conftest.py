"""What the report's tests share."""

from pathlib import Path

import pytest
from helpers import blank_figures
from helpers.made_run import SWEEP, write_run

from bench.report.page import write_report


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the synthetic sweep."""
    return write_run(tmp_path / "runs", SWEEP)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plots are blank."""
    blank_figures.use(monkeypatch.setattr)


@pytest.fixture(scope="session")
def sweep_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of the synthetic sweep."""
    return write_report([write_run(tmp_path_factory.mktemp("page") / "runs", SWEEP)]).read_text()
