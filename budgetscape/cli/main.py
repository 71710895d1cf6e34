"""The command line: `budgetscape ask|world|index|questions|runs|sweep|judge|surface|fit|allocate|gate|store|...`.

An error is one line that says what to do, and a non-zero exit; `--traceback` before the command shows where it came
from.
A command's module is imported when it is run; `--help` reads what they do from their sources, so that it is quick.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import click

from engine.errors import BudgetscapeError

COMMANDS = {
    "ask": "budgetscape.cli.ask:ask",
    "world": "budgetscape.cli.library:world",
    "index": "budgetscape.cli.library:index",
    "questions": "budgetscape.cli.library:questions",
    "runs": "budgetscape.cli.runs:runs",
    "attach": "budgetscape.cli.library:attach",
    "sweep": "budgetscape.cli.sweep:sweep",
    "sweeps": "budgetscape.cli.sweeps:sweeps",
    "judge": "budgetscape.cli.judge:judge",
    "surface": "budgetscape.cli.store_commands:surface",
    "fit": "budgetscape.cli.numbers:fit",
    "allocate": "budgetscape.cli.numbers:allocate",
    "verdict": "budgetscape.cli.numbers:verdict",
    "summary": "budgetscape.cli.summing:summary",
    "gate": "budgetscape.cli.gate:gate",
    "store": "budgetscape.cli.store_commands:store",
    "strategies": "budgetscape.cli.data:strategies",
    "models": "budgetscape.cli.data:models",
}


class Lazy(click.Group):
    """Commands by name, imported when they are asked for."""

    def list_commands(self, _: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name].split(":")
        found: click.Command = getattr(import_module(module), name)
        return found

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        limit = formatter.width - 6 - max(map(len, COMMANDS))
        told = [click.Command(name, help=_does(name)) for name in COMMANDS]
        rows = [(command.name or "", command.get_short_help_str(limit)) for command in told]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _does(command: str) -> str:
    """The docstring of a command, without importing what it needs."""
    module, name = COMMANDS[command].split(":")
    return next(ast.get_docstring(f) or "" for f in _functions(module) if f.name == name)


@cache
def _functions(module: str) -> list[ast.FunctionDef]:
    spec = find_spec(module)
    assert spec is not None and spec.origin, f"{module} is one of our own files"
    source = Path(spec.origin).read_text(encoding="utf-8")
    return [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--traceback", is_flag=True, help="Show where an error came from.")
@click.version_option(package_name="budgetscape")
def cli(traceback: bool) -> None:
    """What does the next search, or the next thought, buy?"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; exit 0 when it worked, 2 for bad input, 1 for everything else."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    try:
        cli.main(args=arguments, prog_name="budgetscape", standalone_mode=False)
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except click.ClickException as error:
        click.echo(f"budgetscape: {error.format_message()}", err=True)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("budgetscape: stopped", err=True)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except Exception as error:
        if "--traceback" in arguments:
            raise
        click.echo(f"budgetscape: {one_line(error)}", err=True)
        sys.exit(1)


def one_line(error: BaseException) -> str:
    """What happened, on one line: our own errors as they are, others with their kind."""
    text = " ".join(str(error).split())[:500]
    if isinstance(error, BudgetscapeError):
        return text
    return f"{type(error).__name__}: {text} (run again with --traceback before the command)"


if __name__ == "__main__":
    main()
