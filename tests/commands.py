"""The command line as a user runs it: in this process, in one of its own, on a terminal."""

from __future__ import annotations

import contextlib
import io
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from boilerplate.cli import main

COMMAND = (sys.executable, "-m", "boilerplate")
PATIENCE = 300
"""Seconds after which a process counts as hanging: many, as machines can be slow and busy."""


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    raw: bytes
    """Standard output."""
    errors: str
    """Standard error."""

    @property
    def text(self) -> str:
        return self.raw.decode("utf-8")

    @property
    def complaints(self) -> list[str]:
        return self.errors.splitlines()


def run(*arguments: str | Path, stdin: bytes = b"") -> Outcome:
    """Run a command in this process, with pipes for its input and output."""
    streams = [io.TextIOWrapper(io.BytesIO(content), encoding="utf-8") for content in (stdin, b"", b"")]
    names = ("sys.stdin", "sys.stdout", "sys.stderr")
    code: Any = None
    with contextlib.ExitStack() as stack:
        for name, stream in zip(names, streams, strict=True):
            stack.enter_context(mock.patch(name, stream))
        try:
            main([str(argument) for argument in arguments])
        except SystemExit as end:
            code = end.code
    out, errors = (_content(stream) for stream in streams[1:])
    return Outcome(code, out, errors.decode("utf-8"))


def _content(stream: io.TextIOWrapper) -> bytes:
    stream.flush()
    written = stream.buffer
    assert isinstance(written, io.BytesIO)
    return written.getvalue()


def run_alone(*arguments: str | Path, stdin: bytes = b"", command: Sequence[str] = COMMAND, **options: Any) -> Outcome:
    """Run a command in a process of its own, with pipes for its input and output."""
    done = subprocess.run(
        [*command, *map(str, arguments)], input=stdin, capture_output=True, timeout=PATIENCE, check=False, **options
    )
    return Outcome(done.returncode, done.stdout, done.stderr.decode("utf-8"))


@dataclass(frozen=True)
class Screen:
    """What a command showed on a terminal."""

    code: int
    raw: str

    @property
    def plain(self) -> str:
        """Without colours and cursor movements."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.raw).replace("\r\n", "\n")


def on_terminal(*arguments: str | Path, interrupt_at: str | None = None) -> Screen:
    """Run a command on a terminal of its own; Ctrl-C is pressed when that text is shown."""
    import pty  # not on Windows
    import termios

    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (40, 100))
    quiet = {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TTY_COMPATIBLE", "TTY_INTERACTIVE"}
    environment = {key: value for key, value in os.environ.items() if key not in quiet} | {"TERM": "xterm-256color"}
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        start_new_session=True,
        # Shells let what they run in the background ignore Ctrl-C; on a terminal nobody does.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    os.close(theirs)
    shown = b""
    end = time.monotonic() + PATIENCE
    try:
        while True:
            assert time.monotonic() < end, f"hangs, and showed {shown.decode('utf-8', 'replace')!r}"
            if not select.select([ours], [], [], 1)[0]:
                continue
            try:
                fresh = os.read(ours, 65_536)
            except OSError:  # how Linux tells that the other end is closed
                break
            if not fresh:
                break
            shown += fresh
            if interrupt_at is not None and interrupt_at.encode() in shown:
                interrupt_at = None
                # As a terminal does it: to the command and all processes that it started.
                os.killpg(process.pid, signal.SIGINT)
        code = process.wait(PATIENCE)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return Screen(code, shown.decode("utf-8"))


def wait_for(condition: Callable[[], Any]) -> Any:
    """The first true value of a condition, which has to come true in time: for what happens in other processes."""
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return found


def files_of_run(folder: Path) -> dict[str, bytes]:
    """All files of a run directory that have their names."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
