"""A DataFrame in memory -> a file that can be read again: the same frame gives the same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

_INDEX = r"^__index_level_\d+__$"


def write_frame(source: Any, path: Path) -> None:
    """Write a frame that speaks the Arrow C stream interface (pandas, polars, pyarrow) as Parquet.

    The index of pandas is left out; categories become their texts.

    Raises:
        OSError: `path` cannot be written.
    """
    frame = pl.DataFrame(source).select(pl.exclude(_INDEX))
    coded = pl.selectors.categorical() | pl.selectors.enum() | pl.selectors.by_dtype(pl.Null)
    unfinished = path.with_name(f".{path.name}.unfinished")
    frame.with_columns(coded.cast(pl.String)).write_parquet(unfinished)
    unfinished.replace(path)
