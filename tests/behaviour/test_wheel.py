"""The package as it is handed out: its wheel has every file of the source, and its version is the same everywhere."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from zipfile import ZipFile

from helpers.command_line import ROOT

PACKAGES = ("bench", "baselines", "sfddm")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_wheel_has_every_file_of_the_packages(tmp_path: Path) -> None:
    """Presets, experiments, published values, templates, styles and scripts are files as modules are."""
    source = tmp_path / "source"
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    wanted = {path.relative_to(source).as_posix() for name in PACKAGES for path in (source / name).rglob("*.*")}
    assert {Path(name).suffix for name in wanted} >= {".py", ".toml", ".html", ".css", ".js"}

    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", *offline, "-w", str(tmp_path), str(source)]
    pip = subprocess.run(command, capture_output=True, text=True, check=False)
    assert pip.returncode == 0, pip.stderr
    (wheel,) = tmp_path.glob("*.whl")
    found = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert found == wanted


def test_the_version_is_the_same_for_the_package_its_citation_and_its_changes() -> None:
    cited = re.findall(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    headings = re.findall(r"^## ([\d.]+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert [*cited, headings[0]] == [PROJECT["version"]] * 2
