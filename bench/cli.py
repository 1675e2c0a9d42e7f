"""The command line: one module of `bench.commands` for each command; torch is imported only by those that compute."""

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from errno import EBADF, EIO, ENOSPC
from importlib.metadata import version
from io import TextIOWrapper
from typing import Annotated, Any

import typer

from bench.commands import (
    archive,
    checklist,
    claims,
    clean,
    compare,
    datasets,
    doctor,
    export,
    merge,
    methods,
    metrics,
    plots,
    remeasure,
    report,
    reproduce,
    run,
    sample,
    settings,
    site,
    speed,
    status,
    tables,
    teacher,
    verify,
)
from bench.commands.examples import shown
from bench.store.crash import last_line
from bench.store.text import to_stderr
from sfddm.errors import InputError, ParameterError, WorkFailed
from sfddm.words import on_one_line

EXIT_FAILED = 1  # a cell failed
EXIT_BAD_INPUT = 2
EXIT_FAULT = 70  # a fault of this program, or of a package that it uses (EX_SOFTWARE of sysexits.h)
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141  # as a shell has it of a process that SIGPIPE ended

KEEPING = ("run", "reproduce", "prepare", "remeasure")  # the commands that resume what they have begun

# Click's UsageError, from wherever Typer has it: recent versions carry a Click of their own.
UsageError: Any = typer.BadParameter.__mro__[1]

app = typer.Typer(
    help="Measure whether step distillation of a diffusion model works: SFDDM against its baselines.",
    epilog=shown("sfddm-bench run --dataset digits --steps 1,4,16"),
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command(epilog=shown(run.EXAMPLES))(run.run)
app.command(epilog=shown(tables.EXAMPLES))(tables.tables)
app.command(epilog=shown(plots.EXAMPLES))(plots.plots)
app.command(epilog=shown(report.EXAMPLES))(report.report)
app.command(epilog=shown(site.EXAMPLES))(site.site)
app.command(epilog=shown(reproduce.EXAMPLES))(reproduce.reproduce)
app.command(epilog=shown(claims.EXAMPLES))(claims.claims)
app.command(epilog=shown(checklist.EXAMPLES))(checklist.checklist)
app.command(epilog=shown(merge.EXAMPLES))(merge.merge)
app.command(epilog=shown(archive.EXAMPLES))(archive.archive)
app.command(epilog=shown(sample.EXAMPLES))(sample.sample)
app.command(epilog=shown(compare.EXAMPLES))(compare.compare)
app.command(epilog=shown(export.EXAMPLES))(export.export)
app.command(epilog=shown(methods.EXAMPLES))(methods.methods)
app.command(epilog=shown(metrics.EXAMPLES))(metrics.metrics)
app.command(epilog=shown(settings.EXAMPLES))(settings.settings)
app.command(epilog=shown(status.EXAMPLES))(status.status)
app.command(epilog=shown(verify.EXAMPLES))(verify.verify)
app.command(epilog=shown(remeasure.EXAMPLES))(remeasure.remeasure)
app.command(epilog=shown(clean.EXAMPLES))(clean.clean)
app.command(epilog=shown(doctor.EXAMPLES))(doctor.doctor)
app.command(epilog=shown(speed.EXAMPLES))(speed.speed)
app.add_typer(teacher.app, name="teacher")
app.add_typer(datasets.app, name="datasets")


def print_version(wanted: bool) -> None:
    """Print the version and leave."""
    if wanted:
        print(f"sfddm-bench {version('sfddm-bench')}")
        raise typer.Exit


@app.callback()
def options_of_all(
    wanted: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=print_version, is_eager=True)
    ] = False,
) -> None:
    """Take the options that come before a command."""


def terminate(*_: Any) -> None:
    """Treat SIGTERM as Ctrl-C."""
    raise KeyboardInterrupt


def main() -> None:
    """Run the command line; every error is one line on stderr and an exit code, never a traceback."""
    signal.signal(signal.SIGTERM, terminate)
    print_any_text()
    code = EXIT_FAULT
    try:
        code = outcome()
        sys.stdout.flush()
    except BrokenPipeError:  # whoever reads has seen enough, such as `| head`
        close_stdout()
        code = EXIT_BROKEN_PIPE
    except OSError as error:
        close_stdout()
        code = complain(f"stdout: cannot be written ({error.strerror})", EXIT_FAILED)
    sys.exit(code)


def outcome() -> int:
    """Do what the command line asks; return the exit code, every error but one of stdout's being told."""
    try:
        refuse_empty(sys.argv[1:])
        code = app(standalone_mode=False)
    except ParameterError as error:  # of the library, which knows nothing of options
        return complain(f"--{error}" if "." not in error.parameter else str(error), EXIT_BAD_INPUT)
    except InputError as error:
        return complain(str(error), EXIT_BAD_INPUT)
    except UsageError as error:
        return complain(f"{error.format_message()}{instead_of_out(error)}", EXIT_BAD_INPUT)
    except WorkFailed as error:
        return complain(str(error), EXIT_FAILED)
    except (KeyboardInterrupt, typer.Abort):
        return complain(interrupted(sys.argv[1:]), EXIT_INTERRUPTED)
    except OSError as error:
        if stdout_failed(error):
            raise
        if error.filename is None:
            return complain(last_line(error), EXIT_FAULT)
        return complain(f"{error.filename}: {error.strerror}", EXIT_FAILED)
    except SystemExit as error:
        if isinstance(error.__context__, BrokenPipeError):  # as Rich ends when nobody reads
            raise BrokenPipeError from None
        if completing():
            return error.code if isinstance(error.code, int) else 0
        # Else it comes from another package: only this module ends the process.
        return complain(f"{last_line(error)}; a plug-in or package ended the process", EXIT_FAULT)
    except BaseException as error:
        return complain(last_line(error), EXIT_FAULT)
    if code == EXIT_INTERRUPTED:  # some versions of Typer turn Ctrl-C into this exit code themselves
        return complain(interrupted(sys.argv[1:]), EXIT_INTERRUPTED)
    return code if isinstance(code, int) else 0


def completing() -> bool:
    """Tell whether a shell asks for completions or is taught to; Typer ends the process after either."""
    return "_SFDDM_BENCH_COMPLETE" in os.environ or sys.argv[1:2] in (["--install-completion"], ["--show-completion"])


def print_any_text() -> None:
    """Have stdout and stderr print a question mark for what their encoding has no code for."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def refuse_empty(words: Sequence[str]) -> None:
    """Raise InputError for an option or argument that is given and empty: none has a meaning when it is."""
    for before, word in zip(["", *words], words, strict=False):
        option, equals, value = word.partition("=")
        if equals and option.startswith("--") and not value.strip():
            raise InputError(f"{option}: '{value}' given, which is empty; leave the option out, or give it a value")
        if not word.strip():
            name = before if before.startswith("-") and "=" not in before else "argument"
            raise InputError(f"{name}: '{word}' given, which is empty; leave it out, or give it a value")


def instead_of_out(error: Any) -> str:
    """Return what to give in place of --out to a command that has none: it is only where a run folder is written."""
    if getattr(error, "option_name", None) != "--out" or error.ctx is None:
        return ""
    names = {param.name for param in error.ctx.command.params}
    if "to" in names:
        return "; what is written is named by --to"
    given = {"folders", "run"} & names
    return f"; name the run folder itself: {error.ctx.command_path} runs" if given else ""


def interrupted(words: Sequence[str]) -> str:
    """Return what an interruption leaves: only some commands keep what they have done."""
    if any(word in KEEPING for word in words[:2]):
        return "interrupted; what is done is kept, the same command resumes from there"
    return "interrupted"


def stdout_failed(error: OSError) -> bool:
    """Tell whether it is stdout that cannot be written: a full device, or a pipe that nobody reads."""
    return isinstance(error, BrokenPipeError) or (error.filename is None and error.errno in (ENOSPC, EIO, EBADF))


def close_stdout() -> None:
    """Let nothing more be written to stdout, so that Python does not fail again when it ends."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def complain(message: str, code: int) -> int:
    """Print one line on stderr and return the exit code."""
    with suppress(OSError, ValueError):
        to_stderr(f"sfddm-bench: {on_one_line(message)}")
    return code


if __name__ == "__main__":
    main()
