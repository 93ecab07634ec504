"""The command line: one module a command."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

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
TERMINATED = 143
"""Exit code of a shell command that was told to end: by ``kill``, a scheduler, a container."""


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
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        # Lone surrogates, and what the terminal's encoding has no form for, are shown as escapes.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        with _stopping_when_told():
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
    except (click.Abort, KeyboardInterrupt) as error:
        told = isinstance(error.__cause__ or error, _ToldToStop)
        click.echo(f"boilerplate: {'terminated' if told else 'interrupted'}", err=True)
        code = TERMINATED if told else INTERRUPTED
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


class _ToldToStop(KeyboardInterrupt):
    """SIGTERM, which ends a command as Ctrl-C does: nothing half-written stays, nor any process."""


def _tell_to_stop(signum: int, frame: Any) -> NoReturn:
    # Once: a second signal would cut the tidying short.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise _ToldToStop


@contextlib.contextmanager
def _stopping_when_told() -> Iterator[None]:
    try:
        before = signal.signal(signal.SIGTERM, _tell_to_stop)
    except ValueError:  # not the main thread, which alone takes signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _open_closed_streams() -> None:
    """Standard streams that the caller has closed lead nowhere, as programs without a terminal expect."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115  open to the end


def _drop_output() -> None:
    # Python would complain when it flushes at exit what could not be written. Streams in memory have no such trouble.
    with contextlib.suppress(io.UnsupportedOperation):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
