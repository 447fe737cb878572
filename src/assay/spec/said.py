"""Keys of a spec as somebody says them on a command line."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import ValidationError

from assay.errors import ConfigurationError
from assay.spec.problems import explain
from assay.spec.tree import Format


def said_format(*, skip: str = "auto", times: Sequence[str] = (), **keys: str | bool) -> Format:
    """The keys of `data.format` that are said; each of `times` is COL=SPELLING.

    Raises:
        ConfigurationError: they make no format; names the option.
    """
    lines = int(skip) if skip.isdecimal() else skip
    try:
        return Format.model_validate({**keys, "skip": lines, "times": dict(one.rpartition("=")[::2] for one in times)})
    except ValidationError as error:
        path, message = explain(error.errors()[0])
        raise ConfigurationError(f"--{path[0]}: {message}", remedy="see --help") from None
