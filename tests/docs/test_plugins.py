"""The package that docs/plugins.md shows: its text is that of the files, which install, pass their test, and run."""

import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.command_line import ENVIRONMENT, ROOT, TINY, records, sfddm_bench

PACKAGE = ROOT / "docs" / "examples" / "sfddm-huber"
FILES = ("pyproject.toml", "sfddm_huber.py", "test_sfddm_huber.py")


@pytest.mark.parametrize("name", FILES)
def test_the_document_shows_the_files_as_they_are(name: str) -> None:
    text = (ROOT / "docs" / "plugins.md").read_text()
    (shown,) = re.findall(rf"`{re.escape(name)}`:\n\n```\w+\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert shown == (PACKAGE / name).read_text()


def test_the_package_has_no_file_that_the_document_does_not_show() -> None:
    listed = subprocess.run(["git", "ls-files", "."], cwd=PACKAGE, capture_output=True, text=True, check=False)
    assert not listed.stdout or set(listed.stdout.split()) == set(FILES)  # without git there is no list


def test_the_package_passes_its_own_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(PACKAGE))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    runpy.run_path(str(PACKAGE / FILES[-1]))["test_the_loss_is_zero_for_the_teacher_itself_and_falls_for_a_student"]()


@pytest.mark.slow
def test_the_package_installs_and_its_method_runs_with_its_settings(tmp_path: Path) -> None:
    source = shutil.copytree(PACKAGE, tmp_path / "source")  # a build leaves files in it
    offline = ["--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        *offline,
        "--target",
        str(tmp_path / "site"),
        str(source),
    ]
    pip = subprocess.run(command, capture_output=True, text=True, check=False)
    assert pip.returncode == 0, pip.stderr

    settings = ["--set", "huber.iterations=3", "--set", "huber.width=0.1"]
    words = [
        "--methods",
        "huber,ddim",
        "--steps",
        "2",
        "--metrics",
        "quality",
        *settings,
        "--out",
        str(tmp_path / "runs"),
    ]
    path = f"{ENVIRONMENT['PYTHONPATH']}:{tmp_path / 'site'}"
    ran = sfddm_bench("run", *TINY, *words, PYTHONPATH=path)
    assert ran.returncode == 0, ran.stderr
    (record,) = (record for record in records(tmp_path / "runs").values() if record["method"] == "huber")
    assert record["distance"] > 0
    (fold,) = (tmp_path / "runs" / "stages").glob("fold-*/settings.json")
    assert '"width": 0.1' in fold.read_text()
    assert "sfddm-huber 1.0" in fold.read_text()
