"""Everything a developer or CI runs. All sessions share one environment, made on first use.

nox -s demo      the main job: teacher, SFDDM students and DDIM on real digits (minutes, no GPU, no network)
nox -s tests     the tests
nox -s smoke     the same job as demo, as small as it gets
nox -s reproduce every experiment of the paper on digits, as small as it gets, and the claims decided from it
nox -s browser   the report in a headless browser; needs chromium and chromedriver
nox -s lint types
"""

import hashlib
import os
import sys
from pathlib import Path

import nox

nox.options.sessions = ["tests", "lint", "types"]
nox.options.default_venv_backend = "none"

ROOT = Path(__file__).parent
ENVIRONMENT = ROOT / ".nox" / "environment"


def shared_environment(session: nox.Session) -> Path:
    """Return the folder of the shared environment's programs; install it if pyproject.toml has changed."""
    programs = ENVIRONMENT / ("Scripts" if os.name == "nt" else "bin")
    wanted = hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + str(ROOT).encode()).hexdigest()
    marker = ENVIRONMENT / "installed"
    if not marker.exists() or marker.read_text() != wanted:
        session.run(sys.executable, "-m", "venv", str(ENVIRONMENT))
        session.run(str(programs / "python"), "-m", "pip", "install", "-q", "-e", f"{ROOT}[test,lint]")
        marker.write_text(wanted)
    return programs


@nox.session
def demo(session: nox.Session) -> None:
    """Run the main job on digits."""
    session.run(str(shared_environment(session) / "sfddm-bench"), "run", "--dataset", "digits", *session.posargs)


@nox.session
def smoke(session: nox.Session) -> None:
    """Run the main job at smoke scale."""
    options = ["--dataset", "digits", "--scale", "smoke", "--steps", "1,4", "--out", "runs-smoke"]
    session.run(str(shared_environment(session) / "sfddm-bench"), "run", *options, *session.posargs)


@nox.session
def reproduce(session: nox.Session) -> None:
    """Run every named experiment at smoke scale in one folder, then decide the claims."""
    program, out = str(shared_environment(session) / "sfddm-bench"), "runs-reproduce"
    for path in sorted((ROOT / "bench" / "experiments").glob("*.toml")):
        options = ["--dataset", "digits", "--scale", "smoke", "--out", out]
        session.run(program, "reproduce", path.stem, *options, *session.posargs)
    session.run(program, "claims", out)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests."""
    session.run(str(shared_environment(session) / "python"), "-m", "pytest", "-n", "auto", *session.posargs)


@nox.session
def browser(session: nox.Session) -> None:
    """Open the report of a digits sweep in a headless Chromium."""
    test = "tests/bench/report/in_a_browser.py"
    session.run(str(shared_environment(session) / "python"), "-m", "pytest", test, *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style."""
    ruff = str(shared_environment(session) / "ruff")
    session.run(ruff, "check", ".")
    session.run(ruff, "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Check types."""
    session.run(str(shared_environment(session) / "mypy"))
