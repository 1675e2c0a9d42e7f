"""The command line: one module of `bench.commands` for each command; torch is imported only by those that compute."""

import signal
import sys
from typing import Any

import typer

from bench.commands import (
    claims,
    clean,
    datasets,
    doctor,
    plots,
    report,
    reproduce,
    run,
    speed,
    status,
    tables,
    teacher,
    verify,
)
from sfddm.errors import InputError, ParameterError, WorkFailed

EXIT_FAILED = 1  # a cell failed
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130

# Click's UsageError, from wherever Typer has it: recent versions carry a Click of their own.
UsageError: Any = typer.BadParameter.__mro__[1]

app = typer.Typer(
    help="Measure whether step distillation of a diffusion model works: SFDDM against its baselines.",
    epilog="Example: sfddm-bench run --dataset digits --steps 1,4,16",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command(epilog=run.EXAMPLES)(run.run)
app.command(epilog=tables.EXAMPLES)(tables.tables)
app.command(epilog=plots.EXAMPLES)(plots.plots)
app.command(epilog=report.EXAMPLES)(report.report)
app.command(epilog=reproduce.EXAMPLES)(reproduce.reproduce)
app.command(epilog=claims.EXAMPLES)(claims.claims)
app.command(epilog=status.EXAMPLES)(status.status)
app.command(epilog=verify.EXAMPLES)(verify.verify)
app.command(epilog=clean.EXAMPLES)(clean.clean)
app.command(epilog=doctor.EXAMPLES)(doctor.doctor)
app.command(epilog=speed.EXAMPLES)(speed.speed)
app.add_typer(teacher.app, name="teacher")
app.add_typer(datasets.app, name="datasets")


def terminate(*_: Any) -> None:
    """Treat SIGTERM as Ctrl-C."""
    raise KeyboardInterrupt


def main() -> None:
    """Run the command line; every error is one line on stderr and an exit code, never a traceback."""
    signal.signal(signal.SIGTERM, terminate)
    try:
        code = app(standalone_mode=False)
    except ParameterError as error:  # of the library, which knows nothing of options
        sys.exit(complain(f"--{error}" if "." not in error.parameter else str(error), EXIT_BAD_INPUT))
    except InputError as error:
        sys.exit(complain(str(error), EXIT_BAD_INPUT))
    except UsageError as error:
        sys.exit(complain(error.format_message(), EXIT_BAD_INPUT))
    except WorkFailed as error:
        sys.exit(complain(str(error), EXIT_FAILED))
    except OSError as error:
        if error.filename is None:
            raise
        sys.exit(complain(f"{error.filename}: {error.strerror}", EXIT_FAILED))
    except (KeyboardInterrupt, typer.Abort):
        code = EXIT_INTERRUPTED
    if code == EXIT_INTERRUPTED:  # some versions of Typer turn Ctrl-C into this exit code themselves
        sys.exit(complain("interrupted; what is done is kept, the same command resumes from there", EXIT_INTERRUPTED))
    sys.exit(code if isinstance(code, int) else 0)


def complain(message: str, code: int) -> int:
    """Print one line on stderr and return the exit code."""
    print(f"sfddm-bench: {' '.join(message.split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()
