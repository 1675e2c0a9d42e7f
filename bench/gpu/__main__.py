"""`python -m bench.gpu`: parity, precision, speed, memory and the rest on this machine's GPU, into a report.

It installs nothing and needs torch and the project's own dependencies. A call does as many parts as its limit allows,
and the next one resumes. Without a GPU, everything runs on the CPU at a small size.
"""

import argparse
import signal
import sys
from pathlib import Path

from bench.cli import EXIT_BAD_INPUT, EXIT_INTERRUPTED, terminate
from bench.commands.options import check_device
from bench.gpu.piece import PIECES, Setup, piece
from bench.gpu.report import JSON, PAGE
from bench.gpu.run import run
from bench.store.files import check_writable
from sfddm.errors import InputError


def arguments() -> argparse.ArgumentParser:
    """Return the options."""
    parser = argparse.ArgumentParser("python -m bench.gpu", description=__doc__)
    parser.add_argument("--piece", action="append", metavar="NAME", help="only this one (may be repeated)")
    parser.add_argument("--list", action="store_true", help="print the pieces, their targets and parts, do nothing")
    parser.add_argument("--limit", type=float, default=480.0, metavar="SECONDS", help="of this call (default: 480)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--out", type=Path, default=Path("runs/gpu"), help=f"the folder of {JSON} and {PAGE}")
    return parser


def work(given: argparse.Namespace) -> int:
    """Do what the options ask; return the exit code. Raises InputError."""
    names = given.piece or list(PIECES)
    pieces = {name: piece(name) for name in names}
    if given.list:
        for name, one in pieces.items():
            print(f"{name}: {one.target}")
            print("  " + ", ".join(one.parts))
        return 0
    if not given.limit > 0:
        raise InputError(f"--limit: {given.limit:g} given, seconds above 0 are possible")
    device = check_device(given.device)
    setup = Setup(device, small=device == "cpu", folder=check_writable(given.out) / "work")
    code = run(names, setup, given.out, given.limit, print)
    print(given.out / PAGE)
    return code


def main() -> None:
    """Run the command line; bad input is one line on stderr."""
    signal.signal(signal.SIGTERM, terminate)  # so that the part's process ends as well
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    try:
        sys.exit(work(arguments().parse_args()))
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(EXIT_BAD_INPUT)
    except KeyboardInterrupt:
        print("interrupted; what is done is kept, the same command does the rest", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    main()
