"""A file of any packing and encoding -> one that pieces can be cut from: plain UTF-8 or Parquet, block by block."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import msgspec

from assay.batch.reading import Wish
from assay.data.encoding import marked_encoding
from assay.data.read import JSON_SUFFIXES, PARQUET
from assay.data.structured import without_constants
from assay.data.unpack import is_packed, plain_suffix, refuse_documents, unpacked_blocks
from assay.errors import DataError

UTF8_MARK = codecs.BOM_UTF8

_UTF8 = "utf-8"
_BLOCK = 1 << 20


def write_plain(path: Path, wish: Wish, plain: Path) -> Path:
    """The file itself where pieces can be cut from it, else `plain`, written here.

    What is not valid in the encoding stays invalid, and is then found in its row.

    Raises:
        DataError: it is empty or damaged, is no table, or its encoding has no name.
    """
    blocks = unpacked_blocks(path, _BLOCK)
    begins = next(blocks, b"")
    refuse_documents(path, begins)
    encoding = _UTF8 if begins.startswith(PARQUET) else _encoding(path, begins, wish)
    packed = is_packed(_first_bytes(path))
    is_list = plain_suffix(path) in JSON_SUFFIXES and begins.removeprefix(UTF8_MARK).lstrip()[:1] == b"["
    if not packed and encoding == _UTF8 and not is_list:
        return path
    content = chain([begins], blocks)
    texts = content if encoding == _UTF8 else _recoded(content, encoding)
    with plain.open("wb") as out:
        out.writelines(_objects(path, texts) if is_list else texts)
    return plain


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(8)


def _encoding(path: Path, begins: bytes, wish: Wish) -> str:
    """What was said, else what the first bytes tell, else the release's, unless all of the text is UTF-8."""
    if wish.said.encoding != "auto":
        return _known(wish.said.encoding)
    marked = marked_encoding(begins)
    if marked is not None:
        return marked
    recorded = _known(wish.reading.form.encoding) if wish.reading.form.encoding != "auto" else _UTF8
    return recorded if recorded == _UTF8 or not _is_utf8(path) else _UTF8


def _known(encoding: str) -> str:
    try:
        name = codecs.lookup(encoding).name
    except LookupError:
        raise DataError(
            f"{encoding!r} is not an encoding", remedy="use a name such as utf-8, latin-1 or cp1252"
        ) from None
    return _UTF8 if name == "utf-8-sig" else name


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder(_UTF8)()
    try:
        for block in unpacked_blocks(path, _BLOCK):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _recoded(blocks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)(errors="surrogateescape")
    for block in blocks:
        yield decoder.decode(block).encode(_UTF8, errors="surrogateescape")
    yield decoder.decode(b"", final=True).encode(_UTF8, errors="surrogateescape")


def _objects(path: Path, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """One list of objects as JSON lines. Lists are read whole: they have no pieces."""
    try:
        content = without_constants(b"".join(blocks).removeprefix(UTF8_MARK))
        objects = msgspec.json.decode(content, type=list[msgspec.Raw])
    except (msgspec.DecodeError, RecursionError) as error:
        raise DataError(
            f"{path} is not a list of JSON objects: {error}", remedy="write one JSON object a line"
        ) from None
    # Within JSON strings there are no line ends.
    return (bytes(one).replace(b"\n", b" ").replace(b"\r", b" ") + b"\n" for one in objects)
