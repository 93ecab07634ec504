"""The command line: one module a command."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Sequence

import click

from boilerplate import __version__
from boilerplate.cli.audit import audit
from boilerplate.cli.clean import clean
from boilerplate.cli.convert import convert
from boilerplate.cli.evaluate import evaluate
from boilerplate.cli.inspect import inspect
from boilerplate.cli.score import score
from boilerplate.cli.train import train
from boilerplate.errors import BoilerplateError

INTERRUPTED = 130
"""Exit code of a shell command that Ctrl-C stopped."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="boilerplate")
def cli() -> None:
    """Label every line of scraped pages as body, caption, promo or foreign-caption.

    \b
    boilerplate score page.txt              labels, as a coloured view
    boilerplate clean page.txt > body.txt   the body text only
    boilerplate train pages/ -o my.joblib   your own model, on pages that you annotated
    boilerplate evaluate pages/             how right the labels are
    boilerplate audit pages/ -o suspects/   annotated lines that are probably wrong

    Exit codes: 0 done, 1 a threshold was missed, 2 bad input or usage.
    """


for command in (score, clean, train, evaluate, audit, inspect, convert):
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit.

    Parameters
    ----------
    arguments : sequence of str, optional
        ``sys.argv[1:]`` by default.
    """
    for stream in (sys.stdout, sys.stderr):
        # Lone surrogates, and what the terminal's encoding has no form for, are shown as escapes.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = cli.main(
            args=None if arguments is None else list(arguments), prog_name="boilerplate", standalone_mode=False
        )
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except BoilerplateError as error:
        click.echo(f"boilerplate: {error}", err=True)
        code = 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("boilerplate: interrupted", err=True)
        code = INTERRUPTED
    except (BrokenPipeError, SystemExit):
        # The reader of our output has gone (``| head``): not an error. click and rich make a SystemExit of it.
        _drop_output()
        code = 0
    except OSError as error:
        # A full disk, for one.
        place = f"{error.filename}: " if error.filename else ""
        click.echo(f"boilerplate: {place}{error.strerror or error}", err=True)
        _drop_output()
        code = 2
    sys.exit(code if isinstance(code, int) else 0)


def _drop_output() -> None:
    # Python would complain when it flushes at exit what could not be written. Streams in memory have no such trouble.
    with contextlib.suppress(io.UnsupportedOperation):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
