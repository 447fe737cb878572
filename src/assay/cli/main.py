"""The `assay` command: one table of commands, one table of exit codes. A command's module is imported when it runs."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from assay.cli.terminal import INTERRUPTED, report
from assay.errors import AssayError, ConfigurationError, ContractError, DataError, MalformedError, NotFoundError

COMMANDS = {
    "init": ("assay.cli.data:init", "Infer a commented classifier.yaml from a file."),
    "check": ("assay.cli.data:check", "Validate spec and data; print the audit."),
    "split": ("assay.cli.data:split", "Write train.csv, validation.csv and gate.csv."),
    "train": ("assay.cli.train:train", "From data to a gated, registered release."),
    "import": ("assay.cli.importing:import_", "A model fitted elsewhere becomes a gated, registered release."),
    "releases": ("assay.cli.releases:releases", "List releases."),
    "show": ("assay.cli.releases:show", "The card of a release."),
    "promote": ("assay.cli.releases:promote", "Approve a release; to production also deploys it."),
    "serve": ("assay.cli.serve:serve", "Serve every deployed classifier, or the ones named."),
    "predict": ("assay.cli.predict:predict", "Classify one or many rows in process."),
    "batch": ("assay.cli.batch:batch", "Classify every row of a file of any size."),
    "bench": ("assay.cli.bench:bench", "What a release can do on this machine, and what it costs."),
    "log": ("assay.cli.log:log", "The prediction log: tail, stats, export."),
    "feedback": ("assay.cli.log:feedback", "Record true labels from a file."),
    "doctor": ("assay.cli.doctor:doctor", "What is installed, reachable and wrong."),
}

_MANY_OBJECTS = 50_000

EXIT_CODES: tuple[tuple[type[AssayError], int], ...] = (
    (ConfigurationError, 2),
    (DataError, 2),
    (ContractError, 2),
    (MalformedError, 2),
    (NotFoundError, 2),
    (AssayError, 1),
)


class _LazyCommands(TyperGroup):
    """Commands looked up in the table above, in its order."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        target, short_help = COMMANDS[cmd_name]
        module, _, attribute = target.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if isinstance(command, typer.Typer):
            made = typer.main.get_command(command)
        else:
            single = typer.Typer(add_completion=False, rich_markup_mode="rich")
            single.command(cmd_name)(command)
            made = typer.main.get_command(single)
        made.name, made.short_help = cmd_name, short_help
        return made


app = typer.Typer(
    cls=_LazyCommands,
    name="assay",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"assay {version('assay-ml')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """From a table of labelled examples to a guarded classifier in production."""


def exit_code(error: AssayError) -> int:
    """0 done, 1 the gates said no or the work failed, 2 wrong usage or wrong input."""
    return next(code for kind, code in EXIT_CODES if isinstance(error, kind))


def main() -> None:
    """Run the command line; an expected error is one calm message and an exit code, never a traceback."""
    # A command loads much, and what it loads stays: looking through it took a tenth of the start.
    gc.set_threshold(_MANY_OBJECTS)
    try:
        app()
    except AssayError as error:
        report(error)
        sys.exit(exit_code(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
