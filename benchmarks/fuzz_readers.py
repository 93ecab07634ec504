"""Readers under fire: files of all formats as tools write them, damaged ones, and noise.

No reader may crash, hang, or lose a record without saying so; `tests/reader_fuzzing.py` says what exactly is checked.
Each kind of file has its turn, in processes of its own, which may crash. Hypothesis makes the files, and makes small
those that show a fault. With ``--engine atheris`` (``pip install atheris``) noise is steered by which lines of the
readers it reaches, in place of chance. How far it is stands on standard error, the table of counts on standard output.

usage: python benchmarks/fuzz_readers.py [--minutes N | --inputs N] [--kinds jsonl,csv,...] [--engine ENGINE]

Exit codes: 0 nothing was found, 1 something was, 2 bad usage.
"""

from __future__ import annotations

import argparse
import faulthandler
import inspect
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from reader_fuzzing import FILES, PACKERS, check_damaged, check_good, check_noise, mutations
from timing import console, section, show

from boilerplate.inputs import FORMATS

BATCH: Final = 2_000
"""Inputs of each process at most."""
TURN_SECONDS: Final = 45
"""About how long a kind of file has its turn; on a busy machine a process takes some seconds to begin."""
INPUT_SECONDS: Final = 20
"""CPU time for one input; more is a hang. Code that does not come back to Python has twice that."""
HANG_SECONDS: Final = 120
"""A process that does not end for so long, though it is told to, or tells of no input, hangs."""
STOPPED: Final = 72
"""Exit code of a process that was told to stop, as libFuzzer has it."""
NOISE: Final = "noise"
CHECKS: Final = ("good", "damaged")


class Stop(KeyboardInterrupt):
    """Time is up. Hypothesis would take any other exception for a fault."""


def main() -> int:
    """Fuzz until time or inputs are used up, and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=5.0, help="for all kinds together")
    parser.add_argument("--inputs", type=int, help="of each kind, in place of a time")
    parser.add_argument("--kinds", default=",".join([*FILES, NOISE]), help="with commas between them")
    parser.add_argument("--engine", choices=("hypothesis", "atheris"), default="hypothesis")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--worker", nargs=3, metavar=("KIND", "INPUTS", "TOLD"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        kind, inputs, told = arguments.worker
        return work(kind, int(inputs), arguments.seed, Told(Path(told)), arguments.engine)
    kinds = arguments.kinds.split(",")
    if unknown := [kind for kind in kinds if kind not in (*FILES, NOISE)]:
        print(f"unknown kind {unknown[0]!r}; known: {', '.join([*FILES, NOISE])}", file=sys.stderr)
        return 2
    counts = dict.fromkeys(kinds, 0)
    faults: dict[str, list[str]] = {kind: [] for kind in kinds}
    begin = time.monotonic()
    number = arguments.seed
    for kind, seconds in turns(kinds, 60 * arguments.minutes if arguments.inputs is None else None):
        end = None if seconds is None else begin + seconds
        while counts[kind] < arguments.inputs if end is None else time.monotonic() < end:
            wanted = BATCH if end is not None else min(BATCH, arguments.inputs - counts[kind])
            read, fault = batch(kind, wanted, number, arguments.engine, end)
            counts[kind] += read
            minutes = (time.monotonic() - begin) / 60
            limit = f" of {arguments.minutes:g}" if end is not None else ""
            print(f"{minutes:.1f}{limit} minutes: {kind}, {counts[kind]:,} inputs", file=sys.stderr, flush=True)
            number += 1
            if fault:
                faults[kind].append(fault)
                console.print(f"\n{kind}, seed {number - 1}:\n{fault}", soft_wrap=True)
                break
    section("Readers under fire", f"{(time.monotonic() - begin) / 60:.1f} minutes, by {arguments.engine}.")
    rows = [(kind, f"{counts[kind]:,}", str(len(faults[kind]))) for kind in kinds]
    total = ("all", f"{sum(counts.values()):,}", str(sum(map(len, faults.values()))))
    show(["kind of file", "inputs", "faults"], [*rows, total])
    return int(any(faults.values()))


def turns(kinds: Sequence[str], seconds: float | None) -> Iterator[tuple[str, float | None]]:
    """The kinds in turn, each with the second at which its turn ends; without a time each has one turn."""
    if seconds is None:
        yield from ((kind, None) for kind in kinds)
        return
    number = len(kinds) * max(1, round(seconds / (TURN_SECONDS * len(kinds))))
    for turn in range(number):
        yield kinds[turn % len(kinds)], seconds * (turn + 1) / number


def batch(kind: str, inputs: int, number: int, engine: str, end: float | None) -> tuple[int, str]:
    """How many inputs a process of its own has read, until that time at most, and how it failed, if it did."""
    with (
        tempfile.NamedTemporaryFile("r", prefix="fuzz-") as file,
        tempfile.TemporaryFile("w+") as said,
        tempfile.TemporaryDirectory(prefix="fuzz-") as passing,
    ):
        command = [sys.executable, __file__, "--seed", str(number), "--engine", engine]
        process = subprocess.Popen(
            [*command, "--worker", kind, str(inputs), file.name],
            stdout=said,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TMPDIR": passing},  # goes with what a process that is killed leaves behind
        )
        told = Told(Path(file.name))
        hangs = told_to_stop = False
        count, changed = 0, time.monotonic()
        while process.poll() is None:
            time.sleep(0.2)
            if (now := told.count) != count and not told_to_stop:
                count, changed = now, time.monotonic()
            if end is not None and time.monotonic() > end and not told.faults:
                changed = changed if told_to_stop else time.monotonic()
                told_to_stop = True
                process.terminate()
            if hangs := time.monotonic() - changed > HANG_SECONDS:
                process.kill()
                process.wait()
        said.seek(0)
        stopped = told_to_stop and process.returncode in (0, STOPPED, -signal.SIGTERM)
        if hangs:
            return told.count, f"no progress for {HANG_SECONDS} s"
        if told.faults or not (stopped or process.returncode == 0):
            return told.count, f"exit code {process.returncode}\n{said.read()[-4_000:]}"
        return told.count, ""


class Told:
    """What a process tells of itself, in a file: how many inputs it has read, and how many of them showed a fault."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_RDWR)

    @property
    def count(self) -> int:
        """Inputs that were read."""
        return self._numbers()[0]

    @property
    def faults(self) -> int:
        """Inputs that showed a fault, those that Hypothesis tries to make it smaller included."""
        return self._numbers()[1]

    def tell(self, count: int, faults: int) -> None:
        """Write both."""
        os.pwrite(self._handle, f"{count:12} {faults:12}".encode(), 0)

    def _numbers(self) -> tuple[int, int]:
        count, faults = (os.pread(self._handle, 25, 0) or b"0 0").split()
        return int(count), int(faults)


def work(kind: str, inputs: int, number: int, told: Told, engine: str) -> int:
    """Read so many inputs, or until told to stop; the exit code."""
    count = faults = 0
    signal.signal(signal.SIGPROF, _hang)
    signal.signal(signal.SIGTERM, _stop)
    # Where Python cannot act, the system ends the process.
    faulthandler.register(signal.SIGVTALRM, chain=True)

    def counted(check: Callable[[], None]) -> None:
        nonlocal count, faults
        count += 1
        signal.setitimer(signal.ITIMER_PROF, INPUT_SECONDS)
        signal.setitimer(signal.ITIMER_VIRTUAL, 2 * INPUT_SECONDS)
        try:
            check()
        except Exception:
            faults += 1
            if faults == 1:  # in case there is no time to make it smaller
                traceback.print_exc()
            raise
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            told.tell(count, faults)

    if engine == "atheris":
        _steered(kind, inputs, number, counted)
        return 0
    calm = settings(
        max_examples=inputs,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )

    @seed(number)
    @calm
    @given(st.binary(max_size=2_000), st.sampled_from(FORMATS), st.sampled_from(sorted(PACKERS)))
    def noise(raw: bytes, format_: str, compression: str) -> None:
        counted(lambda: check_noise(raw, format_, compression))

    @seed(number)
    @calm
    @given(st.data(), st.sampled_from(CHECKS), st.integers(1, 3_000))
    def files(data: st.DataObject, check: str, target: int) -> None:
        file = data.draw(FILES[kind])
        if check == "good":
            counted(lambda: check_good(file, target))
        else:
            changes = data.draw(mutations)
            counted(lambda: check_damaged(file, changes))

    try:
        (noise if kind == NOISE else files)()
    except Stop:
        return STOPPED
    return 0


def _hang(number: int, frame: object) -> None:
    raise TimeoutError(f"an input took {INPUT_SECONDS} s")


def _stop(number: int, frame: object) -> None:
    raise Stop


def _steered(kind: str, inputs: int, number: int, counted: Callable[[Callable[[], None]], None]) -> None:
    """Noise that atheris chooses, for all formats of a kind."""
    import atheris

    formats = {"single": ["text", "page"], "csv": ["csv", "tsv"], NOISE: list(FORMATS)}.get(kind, [kind])
    with tempfile.TemporaryDirectory() as corpus:
        # Something of the kind to begin with.
        for place in range(20):
            Path(corpus, str(place)).write_bytes(bytes([place % 7, 0]) + _example(kind, place))
        for module in [
            name for name in sys.modules if name.startswith(("boilerplate.inputs", "boilerplate.compression"))
        ]:
            for function in vars(sys.modules[module]).values():
                if inspect.isfunction(function):
                    atheris.instrument_func(function)

        def once(raw: bytes) -> None:
            if len(raw) > 2:
                names = sorted(PACKERS)
                counted(lambda: check_noise(raw[2:], formats[raw[0] % len(formats)], names[raw[1] % len(names)]))

        options = [f"-runs={inputs}", f"-seed={number + 1}", "-max_len=4096", f"-artifact_prefix={corpus}/"]
        atheris.Setup([sys.argv[0], *options, corpus], once)
        atheris.Fuzz()


def _example(kind: str, number: int) -> bytes:
    """A plain file of that kind."""
    found: list[bytes] = []

    @seed(number)
    @settings(max_examples=5, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(FILES.get(kind, FILES["jsonl"]))
    def make(file: object) -> None:
        found.append(file.raw)  # type: ignore[attr-defined]

    make()
    return max(found, key=len)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
