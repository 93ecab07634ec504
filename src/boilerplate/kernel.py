"""Whether the compiled loops are here.

`boilerplate._kernel` is built when the package is installed and a compiler is there. Without it NumPy does the same
work, to the last bit, in more time. What has a compiled form asks `compiled()` for it.
"""

from __future__ import annotations

import os
from functools import cache
from types import ModuleType
from typing import Final

SWITCH: Final = "BOILERPLATE_NO_KERNEL"
"""Environment variable that turns the compiled loops off, whatever its value; for comparisons."""


@cache
def compiled() -> ModuleType | None:
    """The compiled loops, or None where they were not built or are turned off."""
    if os.environ.get(SWITCH):
        return None
    try:
        from boilerplate import _kernel
    except ImportError:
        return None
    return _kernel
