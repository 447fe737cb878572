"""A file's bytes -> the bytes of the table in it: decompressed, and known not to be a document of another kind."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple, cast

import zstandard

from assay.errors import DataError

_LONGEST_MAGIC = 8
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
    for packing in _PACKINGS:
        if content.startswith(packing.magic):
            with _told(source, packing), packing.stream(io.BytesIO(content)) as stream:
                content = stream.read()
            if is_packed(content[:_LONGEST_MAGIC]):
                raise DataError(f"{source} holds a file that is compressed itself", remedy="unpack it once")
            break
    refuse_documents(source, content)
    return content


def refuse_documents(source: Path, content: bytes) -> None:
    """Refuse a file that begins like a document of another kind. Raises DataError."""
    start = content[:64].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for magic, what, remedy in _NOT_TABLES:
        if start.startswith(magic.lower()):
            raise DataError(f"{source} is {what}, not a table", remedy=remedy)


def is_packed(begins: bytes) -> bool:
    """Whether a file that begins so is compressed."""
    return any(begins.startswith(packing.magic) for packing in _PACKINGS)


def unpacked_blocks(source: Path, size: int) -> Iterator[bytes]:
    """The table's bytes, `size` at most at a time, of a file that may be larger than memory.

    Raises:
        DataError: the file is damaged, or no table.
    """
    with source.open("rb") as file:
        begins = file.read(_LONGEST_MAGIC)
        file.seek(0)
        packing = next((packing for packing in _PACKINGS if begins.startswith(packing.magic)), None)
        with _told(source, packing), packing.stream(file) if packing else file as stream:
            while block := stream.read(size):
                yield block


def plain_suffix(source: Path) -> str:
    """The suffix that says what is in the file: `.jsonl` of `rows.jsonl.gz`."""
    name = source.with_suffix("") if source.suffix.lower() in _SUFFIXES else source
    return name.suffix.lower()


@contextmanager
def _told(source: Path, packing: _Packing | None) -> Iterator[None]:
    """Say of what goes wrong in unpacking which file it is, and what to do."""
    try:
        yield
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise DataError(f"{source} cannot be unpacked: {error}", remedy="unpack it yourself") from None
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, zstandard.ZstdError) as error:
        if packing is None:
            raise
        raise DataError(
            f"{source} is a damaged {packing.name} file: {error}", remedy="fetch or compress it again"
        ) from None


class _Packing(NamedTuple):
    """A way to compress files: the bytes that they begin with, its name, and what reads them."""

    magic: bytes
    name: str
    stream: Callable[[IO[bytes]], IO[bytes]]


def _gzip(file: IO[bytes]) -> IO[bytes]:
    return cast("IO[bytes]", gzip.GzipFile(fileobj=file))


def _zstd(file: IO[bytes]) -> IO[bytes]:
    stream: IO[bytes] = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
    return stream


def _zip(file: IO[bytes]) -> IO[bytes]:
    archive = zipfile.ZipFile(file)
    files = [item for item in archive.infolist() if not item.is_dir() and not item.filename.startswith("__MACOSX")]
    if any(item.filename == "xl/workbook.xml" for item in files):
        raise zipfile.BadZipFile("it is a workbook of Excel; save the sheet as CSV")
    if len(files) != 1:
        raise zipfile.BadZipFile(f"it holds {len(files)} files, not one")
    return archive.open(files[0])


_PACKINGS = (
    _Packing(b"\x1f\x8b", "gzip", _gzip),
    _Packing(b"\x28\xb5\x2f\xfd", "zstd", _zstd),
    _Packing(b"BZh", "bzip2", bz2.BZ2File),
    _Packing(b"\xfd7zXZ\x00", "xz", lzma.LZMAFile),
    _Packing(b"PK\x03\x04", "zip", _zip),
)
