"""Kill a run with SIGKILL at random moments, go on with it, and compare what is left with an undisturbed run.

Half of the time only the command is killed and its workers are left behind, half of the time all of them are. After
each kill, every file that has its name must be whole; at the end the run directory must be the same as the undisturbed
one, byte for byte.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from generated import write_records

from boilerplate.errors import BoilerplateError

BAD_ROWS: Final = (b'{"text": "cut off', b'{"id": "no text"}', b'{"text": "\xff"}')
SHARDS: Final = 40
PATIENCE: Final = 600


def main(arguments: Sequence[str] | None = None) -> int:
    """Kill, go on, compare, print; the exit code."""
    options = parse(arguments)
    chance = random.Random(options.seed)
    try:
        with tempfile.TemporaryDirectory(prefix="crash-") as folder:
            return crash(Path(folder), options, chance)
    except BoilerplateError as error:
        print(f"crash.py: {error}", file=sys.stderr)
        return 1


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line's options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, help="how often to kill (%(default)s)")
    parser.add_argument("--size", type=float, default=8, help="megabytes of input (%(default)s)")
    parser.add_argument("--jobs", type=int, default=2, help="processes of the run (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the random moments (%(default)s)")
    return parser.parse_args(arguments)


def crash(folder: Path, options: argparse.Namespace, chance: random.Random) -> int:
    """Kill runs until they were killed often enough."""
    size = int(options.size * 1e6)
    records = folder / "records.jsonl"
    write_records(records, size, BAD_ROWS)
    command = [sys.executable, "-m", "boilerplate", "score", str(records), "--jobs", str(options.jobs), "--resume"]
    command += ["--shard-size", str(size // SHARDS)]

    begin = time.monotonic()
    finish(start(command, folder / "undisturbed"), folder / "undisturbed")
    seconds = time.monotonic() - begin
    expected = content(folder / "undisturbed")
    pages = json.loads(expected["summary.json"])["pages"]
    say(f"undisturbed: {pages:,} pages in {seconds:.1f} s, {len(expected)} files")

    kills = runs = 0
    while kills < options.kills:
        disturbed = folder / f"disturbed-{runs}"
        runs += 1
        begin = time.monotonic()
        before = kills
        while kills < options.kills:
            process = start(command, disturbed)
            moment = chance.uniform(0, seconds / 2)
            if ended(process, moment):
                break
            everyone = chance.random() < 0.5
            kill(process, everyone)
            kills += 1
            done = check(content(disturbed), expected)
            who = "all processes" if everyone else "the command alone"
            say(f"kill {kills}, {who}, after {moment:.2f} s: {done} shards done")
        if kills == before:
            # It was faster than the undisturbed one, when the machine may have been busy.
            seconds = min(seconds, time.monotonic() - begin)
        finish(start(command, disturbed), disturbed)
        found = content(disturbed)
        if found != expected:
            names = sorted(name for name in {**found, **expected} if found.get(name) != expected.get(name))
            raise BoilerplateError(f"run {runs} differs from the undisturbed one in {', '.join(names)}")
    say(f"{kills} kills in {runs} runs: nothing lost, nothing twice, all files the same as undisturbed")
    return 0


def say(what: str) -> None:
    """Print at once: this takes long."""
    print(what, flush=True)


def start(command: Sequence[str], folder: Path) -> subprocess.Popen[bytes]:
    """Start a run in a folder, in a process group of its own."""
    with errors_of(folder).open("wb") as errors:
        return subprocess.Popen(
            [*command, "--run-dir", str(folder)], stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True
        )


def errors_of(folder: Path) -> Path:
    """Where a run says what went wrong."""
    return folder.with_suffix(".errors")


def ended(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether a run ends within so many seconds."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def finish(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Wait for a run that has to end well.

    Raises
    ------
    BoilerplateError
        If it does not.
    """
    if process.wait(PATIENCE):
        raise BoilerplateError(f"exit code {process.returncode}: {errors_of(folder).read_text()}")


def kill(process: subprocess.Popen[bytes], everyone: bool) -> None:
    """Kill a run as a system without memory does."""
    if everyone:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def content(folder: Path) -> dict[str, bytes]:
    """All files of a run that have their names."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def check(found: dict[str, bytes], expected: dict[str, bytes]) -> int:
    """See that files are as they should be, and count the shards that are done.

    Raises
    ------
    BoilerplateError
        If a file is not.
    """
    for name, raw in found.items():
        if raw != expected.get(name):
            raise BoilerplateError(f"{name} is there, but not whole")
    return sum(name.startswith("done/") for name in found)


if __name__ == "__main__":
    raise SystemExit(main())
