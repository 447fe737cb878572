"""The one thing that pyproject.toml cannot say: the compiled loops, left out where there is no compiler."""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "assay._native",
            ["src/assay/_native.c"],
            extra_compile_args=["-O3", "-ffp-contract=off", "-Wall", "-Wextra"],
            optional=True,
        )
    ]
)
