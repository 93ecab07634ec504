"""Readers under fire: files of all formats as tools write them, damaged ones, and noise.

No reader may crash, hang, or lose a record without saying so; `tests/reader_fuzzing.py` says what exactly is checked.
Each kind of file is read in processes of its own, which may crash. Hypothesis makes the files, and makes small those
that show a fault. With ``--engine
atheris`` (``pip install atheris``) noise is steered by which lines of the readers it reaches, in place of chance.

usage: python benchmarks/fuzz_readers.py [--minutes N | --inputs N] [--kinds jsonl,csv,...] [--engine ENGINE]

Exit codes: 0 nothing was found, 1 something was, 2 bad usage.
"""

from __future__ import annotations

import argparse
import inspect
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from reader_fuzzing import FILES, PACKERS, check_damaged, check_good, check_noise, mutations
from timing import console, section, show

from boilerplate.inputs import FORMATS

BATCH: Final = 2_000
"""Inputs of each process."""
INPUT_SECONDS: Final = 20
"""CPU time for one input; more is a hang."""
HANG_SECONDS: Final = 600
"""A process that tells of no input for so long hangs where Python cannot see it."""
NOISE: Final = "noise"
CHECKS: Final = ("good", "damaged")


def main() -> int:
    """Fuzz until time or inputs are used up, and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--inputs", type=int, help="of each kind, in place of a time")
    parser.add_argument("--kinds", default=",".join([*FILES, NOISE]), help="with commas between them")
    parser.add_argument("--engine", choices=("hypothesis", "atheris"), default="hypothesis")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--worker", nargs=3, metavar=("KIND", "INPUTS", "TOLD"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        kind, inputs, told = arguments.worker
        work(kind, int(inputs), arguments.seed, Path(told), arguments.engine)
        return 0
    kinds = arguments.kinds.split(",")
    if unknown := [kind for kind in kinds if kind not in (*FILES, NOISE)]:
        print(f"unknown kind {unknown[0]!r}; known: {', '.join([*FILES, NOISE])}", file=sys.stderr)
        return 2
    counts = dict.fromkeys(kinds, 0)
    faults: dict[str, list[str]] = {kind: [] for kind in kinds}
    end = time.monotonic() + 60 * arguments.minutes
    number = arguments.seed
    begin = time.monotonic()
    while True:
        for kind in kinds:
            wanted = BATCH if arguments.inputs is None else min(BATCH, arguments.inputs - counts[kind])
            read, fault = batch(kind, wanted, number, arguments.engine)
            counts[kind] += read
            if fault:
                faults[kind].append(fault)
                console.print(f"\n{kind}, seed {number}:\n{fault}", soft_wrap=True)
        number += 1
        if time.monotonic() > end if arguments.inputs is None else min(counts.values()) >= arguments.inputs:
            break
    section("Readers under fire", f"{(time.monotonic() - begin) / 60:.1f} minutes, by {arguments.engine}.")
    show(["kind of file", "inputs", "faults"], [(kind, f"{counts[kind]:,}", str(len(faults[kind]))) for kind in kinds])
    return int(any(faults.values()))


def batch(kind: str, inputs: int, number: int, engine: str) -> tuple[int, str]:
    """Inputs that a process of its own has read, and how it failed, if it did."""
    with tempfile.NamedTemporaryFile("r", prefix="fuzz-") as told, tempfile.TemporaryFile("w+") as said:
        command = [sys.executable, __file__, "--seed", str(number), "--engine", engine]
        process = subprocess.Popen(
            [*command, "--worker", kind, str(inputs), told.name], stdout=said, stderr=subprocess.STDOUT
        )
        count, changed = 0, time.monotonic()
        while process.poll() is None:
            time.sleep(0.2)
            if (now := _told(told.name)) != count:
                count, changed = now, time.monotonic()
            elif time.monotonic() - changed > HANG_SECONDS:
                process.kill()
                process.wait()
                return count, f"no progress for {HANG_SECONDS} s"
        said.seek(0)
        return _told(told.name), said.read()[-4_000:] if process.returncode else ""


def _told(name: str) -> int:
    return int(Path(name).read_text() or 0)


def work(kind: str, inputs: int, number: int, told: Path, engine: str) -> None:
    """Read so many inputs, and keep count in a file."""
    count = 0
    signal.signal(signal.SIGPROF, _hang)

    def counted(check: Callable[[], None]) -> None:
        nonlocal count
        count += 1
        if count % 50 == 0 or count == inputs:
            told.write_text(str(count))
        signal.setitimer(signal.ITIMER_PROF, INPUT_SECONDS)
        check()
        signal.setitimer(signal.ITIMER_PROF, 0)

    if engine == "atheris":
        _steered(kind, inputs, number, counted)
        return
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

    (noise if kind == NOISE else files)()
    told.write_text(str(count))


def _hang(number: int, frame: object) -> None:
    raise TimeoutError(f"an input took {INPUT_SECONDS} s")


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
