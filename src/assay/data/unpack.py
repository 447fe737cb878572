"""A file's bytes -> the bytes of the table in it: decompressed, and known not to be a document of another kind."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import zstandard

from assay.errors import DataError

_TABLE = "save the table as CSV, Parquet or JSON lines"
#: The first bytes of files that people take for tables: what they are, and what to do.
_NOT_TABLES: tuple[tuple[bytes, str, str], ...] = (
    (b"\xd0\xcf\x11\xe0", "a workbook of Excel", "save the sheet as CSV"),
    (b"SQLite format 3\x00", "an SQLite database", "export one table or query as CSV"),
    (b"%PDF", "a PDF document", _TABLE),
    (b"\x89HDF", "an HDF5 file", _TABLE),
    (b"ARROW1", "an Arrow file", "save the table as Parquet"),
    (b"<!doctype html", "a web page", "fetch the file itself, not the page that links to it"),
    (b"<html", "a web page", "fetch the file itself, not the page that links to it"),
    (b"<?xml", "an XML document", _TABLE),
)
_SUFFIXES = frozenset({".gz", ".zst", ".zstd", ".bz2", ".xz", ".zip"})


def unpack(source: Path, content: bytes) -> bytes:
    """The table's bytes; compression is recognised by the first bytes, not by the name.

    Raises:
        DataError: the file is damaged, or no table.
    """
    for magic, name, open_ in _PACKINGS:
        if content.startswith(magic):
            try:
                content = open_(content)
            except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, zstandard.ZstdError) as error:
                raise DataError(
                    f"{source} is a damaged {name} file: {error}", remedy="fetch or compress it again"
                ) from None
            except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
                raise DataError(f"{source} cannot be unpacked: {error}", remedy="unpack it yourself") from None
            break
    start = content[:64].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for magic, what, remedy in _NOT_TABLES:
        if start.startswith(magic.lower()):
            raise DataError(f"{source} is {what}, not a table", remedy=remedy)
    return content


def plain_suffix(source: Path) -> str:
    """The suffix that says what is in the file: `.jsonl` of `rows.jsonl.gz`."""
    name = source.with_suffix("") if source.suffix.lower() in _SUFFIXES else source
    return name.suffix.lower()


def _zstd(content: bytes) -> bytes:
    with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(content), read_across_frames=True) as stream:
        whole: bytes = stream.read()
    return whole


def _zip(content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = [item for item in archive.infolist() if not item.is_dir() and not item.filename.startswith("__MACOSX")]
        if any(item.filename == "xl/workbook.xml" for item in files):
            raise zipfile.BadZipFile("it is a workbook of Excel; save the sheet as CSV")
        if len(files) != 1:
            raise zipfile.BadZipFile(f"it holds {len(files)} files, not one")
        return archive.read(files[0])


_PACKINGS: tuple[tuple[bytes, str, Callable[[bytes], bytes]], ...] = (
    (b"\x1f\x8b", "gzip", gzip.decompress),
    (b"\x28\xb5\x2f\xfd", "zstd", _zstd),
    (b"BZh", "bzip2", bz2.decompress),
    (b"\xfd7zXZ\x00", "xz", lzma.decompress),
    (b"PK\x03\x04", "zip", _zip),
)
