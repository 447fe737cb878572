"""How a file was read, as a value that is kept: so that other files of its kind are read the same way."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from assay.spec.tree import Format

Kind = Literal["delimited", "json", "parquet"]


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What sort of file it was, and the keys of `data.format` with what was recognised in place of `auto`."""

    kind: Kind = "delimited"
    format: dict[str, Any] = {}

    @classmethod
    def of(cls, kind: Kind, form: Format) -> Reading:
        """The reading of a file of that kind and form."""
        return cls(kind=kind, format=form.model_dump(mode="json"))

    @property
    def form(self) -> Format:
        """The format as a value."""
        return Format.model_validate(self.format)
