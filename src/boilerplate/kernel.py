"""Whether the compiled loops are here.

`boilerplate._kernel` is built when the package is installed and a compiler is there. Without it NumPy does the same
work, to the last bit, in more time. What has a compiled form asks `compiled()` for it.

In a clone that is installed in place (``pip install -e .``) the source can change behind what was compiled from it,
whose functions then may take other arguments, or be missing: it is not used until it is compiled once more.
"""

from __future__ import annotations

import os
import zlib
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Final

SWITCH: Final = "BOILERPLATE_NO_KERNEL"
"""Environment variable that turns the compiled loops off, whatever its value; for comparisons."""


@cache
def compiled() -> ModuleType | None:
    """The compiled loops, or None where they were not built, are turned off, or are of another source than lies here.

    Warns
    -----
    UserWarning
        In the last case, once a process, but not in those of workers.
    """
    if os.environ.get(SWITCH):
        return None
    try:
        from boilerplate import _kernel
    except ImportError:
        return None
    if _is_stale(_kernel):
        _warn()
        return None
    return _kernel


def _is_stale(loops: ModuleType) -> bool:
    """Whether these loops were compiled from another source than the one beside this file, if one is there."""
    try:
        source = Path(__file__).with_name("_kernel.c").read_bytes()
    except OSError:  # installed without it: what was installed together fits together
        return False
    return getattr(loops, "SOURCE", None) != zlib.crc32(source) & 0x7FFF_FFFF  # as in setup.py


def _warn() -> None:
    import multiprocessing
    import warnings

    if multiprocessing.current_process().name == "MainProcess":
        warnings.warn(
            "the compiled loops do not fit their source and are not used, which is slower; compile them once more: "
            f"pip install -e {Path(__file__).parents[2]}",
            stacklevel=3,
        )
