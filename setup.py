"""The optional compiled part; everything else about the package stands in pyproject.toml."""

import sys

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "boilerplate._kernel",
            ["src/boilerplate/_kernel.c"],
            # Where it cannot be compiled, the package is installed without it.
            optional=True,
            # One wheel for all versions of Python.
            py_limited_api=True,
            extra_compile_args=[] if sys.platform == "win32" else ["-O3"],
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
