"""The optional compiled part; everything else about the package stands in pyproject.toml."""

import sys
import zlib
from pathlib import Path

from setuptools import Extension, setup

KERNEL = "src/boilerplate/_kernel.c"

setup(
    ext_modules=[
        Extension(
            "boilerplate._kernel",
            [KERNEL],
            # So that kernel.py can tell whether it was compiled from the source that lies beside it.
            define_macros=[("KERNEL_SOURCE", str(zlib.crc32(Path(KERNEL).read_bytes()) & 0x7FFF_FFFF))],
            # Where it cannot be compiled, the package is installed without it.
            optional=True,
            # One wheel for all versions of Python.
            py_limited_api=True,
            extra_compile_args=[] if sys.platform == "win32" else ["-O3"],
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
