"""The command group, its errors and its exit codes."""

import errno
import io
import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from rnncli import __version__
from rnncli.cli import console
from rnncli.cli.compare import compare
from rnncli.cli.eval import evaluate
from rnncli.cli.predict import predict
from rnncli.cli.prepare import prepare
from rnncli.cli.train import train
from rnncli.errors import RnncliError

CLOSED_PIPE = 128 + 13  # as a shell reports a program that SIGPIPE ended


class CommandGroup(TyperGroup):
    """Runs a command and turns its failure into one line on stderr and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command; see the base class."""
        try:
            result = super().invoke(ctx)
            if sys.stdout:
                sys.stdout.flush()
        except BrokenPipeError:
            # What Python still holds for the closed pipe would raise once more at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(CLOSED_PIPE) from None
        except RnncliError as error:
            if console.debug:
                raise
            console.fail(str(error))
            raise typer.Exit(error.exit_code) from None
        except OSError as error:
            if console.debug:
                raise
            console.fail(_describe(error))
            raise typer.Exit(1) from None
        except (MemoryError, RuntimeError) as error:
            exhausted = isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error)  # XLA's word
            if console.debug or not exhausted:
                raise
            console.fail("out of memory: use a smaller --batch-size or --max-length")
            raise typer.Exit(1) from None
        return result


def _describe(error: OSError) -> str:
    """One line for a failed system call: what it was about, what happened, what helps."""
    remedies = {
        errno.ENOSPC: "free some space, or choose another disk with --runs-dir",
        errno.EDQUOT: "free some space, or choose another disk with --runs-dir",
        errno.EFBIG: "raise the file-size limit (ulimit -f)",
        errno.EROFS: "choose a writable folder with --runs-dir",
        errno.EACCES: "check its permissions, or choose another folder with --runs-dir",
    }
    what = f"{error.filename}: " if error.filename else ""
    remedy = remedies.get(error.errno or 0)
    return f"{what}{error.strerror or error}" + (f"; {remedy}" if remedy else "")


app = typer.Typer(
    cls=CommandGroup,
    name="rnncli",
    help="Train, evaluate, compare and ship recurrent text classifiers.",
    epilog="Start with: rnncli train --arch bilstm --epochs 3, then rnncli predict 'great movie'.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
app.command("prepare")(prepare)
app.command("train")(train)
app.command("eval")(evaluate)
app.command("predict")(predict)
app.command("compare")(compare)


def _print_version(value: bool) -> None:
    if value:
        typer.echo(f"rnncli {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Train, evaluate, compare and ship recurrent text classifiers."""


def main() -> None:
    """Entry point of the ``rnncli`` script and of ``python -m rnncli``."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a label that the terminal cannot show
    app(prog_name="rnncli")
