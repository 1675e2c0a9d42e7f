"""Everything a developer or CI runs. All sessions but the last two share one environment, made on first use.

nox -s demo      the main job: teacher, SFDDM students and DDIM on real digits (minutes, no GPU, no network)
nox -s tests     the tests
nox -s exhaustive every case of what the tests try some of (minutes)
nox -s smoke     the same job as demo, as small as it gets
nox -s reproduce every experiment of the paper on digits, as small as it gets, and the claims decided from it
nox -s results   whether the committed results are what they say
nox -s gpu       what only a GPU can say, small on a CPU; the same command does what is left
nox -s browser   the report and the site in a headless browser; needs chromium and chromedriver
nox -s lint types
nox -s oldest    the quick tests on Python 3.11 with the oldest version of everything that pyproject.toml allows
nox -s newest    the quick tests with the newest of everything, on Python 3.12 and on 3.13, if they are here

Those two make environments of their own, of about 5 GB each, and remove one that passed.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import nox

nox.options.sessions = ["tests", "lint", "types"]
nox.options.default_venv_backend = "none"

ROOT = Path(__file__).parent
ENVIRONMENT = ROOT / ".nox" / "environment"
PROGRAMS = "Scripts" if os.name == "nt" else "bin"
OLDEST_PYTHON = "3.11"
NEWEST_PYTHONS = ("3.12", "3.13")
REFUSED = ["torch!=2.13.0"]  # its wheel for CPUs cannot be imported with any torchvision


def shared_environment(session: nox.Session) -> Path:
    """Return the folder of the shared environment's programs; install it if pyproject.toml has changed."""
    programs = ENVIRONMENT / PROGRAMS
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
def exhaustive(session: nox.Session) -> None:
    """Run every case of what the tests try some of: each write that can fail, more inputs for each reader."""
    python = str(shared_environment(session) / "python")
    session.run(python, "-m", "pytest", "-n", "auto", "-m", "exhaustive", *session.posargs)


@nox.session
def results(session: nox.Session) -> None:
    """Verify the committed results, and those that a pull request adds."""
    session.run(str(shared_environment(session) / "sfddm-bench"), "verify", "results", *session.posargs)


@nox.session
def gpu(session: nox.Session) -> None:
    """Check parity, precision, speed and memory on this machine's GPU; with parts left the command ends with 3."""
    python = str(shared_environment(session) / "python")
    session.run(python, "-m", "bench.gpu", *session.posargs, success_codes=[0, 3])


@nox.session
def browser(session: nox.Session) -> None:
    """Open the report of a digits sweep, and a site of made-up records, in a headless Chromium."""
    tests = [f"tests/bench/report/{name}.py" for name in ("in_a_browser", "site_in_a_browser")]
    session.run(str(shared_environment(session) / "python"), "-m", "pytest", *tests, *session.posargs)


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


def lower_bounds() -> list[str]:
    """Return pyproject.toml's requirements, those of the tests too, each pinned to the oldest version it allows."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    return [re.sub(r"\[.*\]|[>=]=.*", "", line) + "==" + re.split("[>=]=", line)[1] for line in wanted]


def interpreter(version: str) -> str | None:
    """Return the program of a Python version; None if it is not here."""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    found = sys.executable if version == own else shutil.which(f"python{version}")
    # A shim of a version manager may be on the path for a version that is not switched on.
    return found if found and subprocess.run([found, "--version"], capture_output=True).returncode == 0 else None


def quick_tests(session: nox.Session, program: str, name: str, constraints: list[str]) -> None:
    """Run the quick tests in an environment of their own, and remove it once they pass."""
    folder = ROOT / ".nox" / name
    shutil.rmtree(folder, ignore_errors=True)
    session.run(program, "-m", "venv", str(folder), external=True)
    python, file = str(folder / PROGRAMS / "python"), folder / "constraints.txt"
    file.write_text("\n".join(constraints) + "\n")
    session.run(python, "-m", "pip", "install", "-q", "-c", str(file), "-e", f"{ROOT}[test]")
    session.run(python, "-m", "pytest", "-n", "auto", "-m", "not slow", *session.posargs)
    shutil.rmtree(folder)


@nox.session
def oldest(session: nox.Session) -> None:
    """Run the quick tests with the oldest versions that pyproject.toml allows."""
    program = interpreter(OLDEST_PYTHON)
    if program is None:
        session.error(f"python{OLDEST_PYTHON} is not here")
    quick_tests(session, program, "oldest", lower_bounds())


@nox.session
def newest(session: nox.Session) -> None:
    """Run the quick tests with the newest versions, on each Python that is here; say which are not."""
    for version in NEWEST_PYTHONS:
        if program := interpreter(version):
            quick_tests(session, program, f"newest-{version}", REFUSED)
        else:
            session.warn(f"python{version} is not here: left out")
