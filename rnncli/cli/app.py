"""The command group, its errors and its exit codes."""

import errno
import os
import sys
import warnings
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from rnncli import __version__
from rnncli.cli import console
from rnncli.cli.compare import compare
from rnncli.cli.eval import evaluate
from rnncli.cli.predict import predict
from rnncli.cli.prepare import prepare
from rnncli.cli.signals import exit_on_sigterm
from rnncli.cli.train import train
from rnncli.errors import RnncliError
from rnncli.system.files import named_failures

CLOSED_PIPE = 128 + 13  # as a shell reports a program that SIGPIPE ended
OUT_OF_MEMORY = "out of memory: use a smaller --batch-size or --max-length, or end other programs"
FREE_SPACE = "free some space, or write elsewhere (--runs-dir, --output)"
UNLOCK = "make it writable, or write elsewhere (--runs-dir, --output)"
REMEDIES = {
    errno.ENOSPC: FREE_SPACE,
    errno.EDQUOT: FREE_SPACE,
    errno.EFBIG: "raise the file-size limit (ulimit -f)",
    errno.EROFS: UNLOCK,
    errno.EACCES: UNLOCK,
    errno.EPERM: UNLOCK,
}


class CommandGroup(TyperGroup):
    """Runs a command and turns its failure into one line on stderr and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command; see the base class."""
        try:
            result = super().invoke(ctx)
            if sys.stdout:
                with named_failures(console.STDOUT):
                    sys.stdout.flush()
            return result
        except BrokenPipeError:
            _forget_output()
            raise typer.Exit(CLOSED_PIPE) from None
        except Exception as error:
            message = _describe(error)
            if console.debug or message is None:
                raise
            # Not the note in which JAX says that it has shortened the traceback.
            notes = [note for note in getattr(error, "__notes__", ()) if "JAX_" not in note]
            console.fail("; ".join([message, *notes]))
            if isinstance(error, OSError) and error.filename == str(console.STDOUT):
                _forget_output()
            raise typer.Exit(error.exit_code if isinstance(error, RnncliError) else 1) from None


class Command(TyperCommand):
    """A command whose help lists the options that all commands have after its own.

    Typer's own help looks richer and takes a tenth of a second to start.
    """

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write a section for arguments, options, and each panel that options name; see the base class."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            kind = "Arguments" if parameter.param_type_name == "argument" else "Options"
            panel = "Common" if parameter.name == "help" else getattr(parameter, "rich_help_panel", None)
            if record := parameter.get_help_record(ctx):
                sections.setdefault(panel or kind, []).append(record)
        for title, records in sections.items():
            with formatter.section(title):
                formatter.write_dl(records)


def _describe(error: Exception) -> str | None:
    """A failure in one line: what it is about, what happened, what helps; None for a bug."""
    if isinstance(error, RnncliError):
        return str(error)
    if isinstance(error, MemoryError):
        return OUT_OF_MEMORY
    if isinstance(error, OSError):
        what = f"{error.filename}: " if error.filename else ""
        remedy = REMEDIES.get(error.errno or 0)
        return f"{what}{error.strerror or error}" + (f"; {remedy}" if remedy else "")
    jax = sys.modules.get("jax")
    if jax and isinstance(error, jax.errors.JaxRuntimeError):  # above all where a device's memory is full
        return "JAX: " + str(error).partition("\n")[0]
    return None


def _forget_output() -> None:
    """Discard buffered standard output, which would fail once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


app = typer.Typer(
    cls=CommandGroup,
    name="rnncli",
    help="Train, evaluate, compare and ship recurrent text classifiers.",
    epilog="Start with: rnncli train --arch bilstm --epochs 3, then rnncli predict 'great movie'.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("prepare", cls=Command)(prepare)
app.command("train", cls=Command)(train)
app.command("eval", cls=Command)(evaluate)
app.command("predict", cls=Command)(predict)
app.command("compare", cls=Command)(compare)


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
    if sys.stdout:
        # Buffered, whatever PYTHONUNBUFFERED says: an unbuffered write to a full disk may be cut short
        # without an error. A label that the terminal cannot show is written as an escape.
        sys.stdout = open(  # noqa: SIM115 - open for as long as the program runs
            sys.stdout.fileno(), "w", encoding=sys.stdout.encoding, errors="backslashreplace", closefd=False
        )
    exit_on_sigterm()
    # A cache of compiled programs that cannot be read or written costs time and nothing else.
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache")
    typer.main.get_command(app)(prog_name="rnncli")  # app() would replace sys.excepthook
