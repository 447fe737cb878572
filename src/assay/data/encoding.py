"""The bytes of a text file -> its text, and the encoding that it was read with."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path

from assay.errors import DataError

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"))
_MARKS_16 = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_SAMPLE_BYTES = 200_000
#: Encodings of alphabets, the likeliest first. They share most bytes, so only the words can tell them apart.
_ALPHABETIC = (
    *("cp1252", "cp1250", "cp1254", "cp1257", "iso8859_2", "mac_roman", "cp850", "cp852"),
    *("cp1251", "koi8_r", "cp866", "cp1253"),
)
#: The letters besides a to z that one language uses, in lower case.
_ALPHABETS = (
    "äöüß",
    "àâæçéèêëîïôœùûüÿ",
    "áéíóúüñ",
    "ãáàâçéêíóôõú",
    "àèéìíîòóù",
    "åäöé",
    "æøåéö",
    "ëïéèüöêóáí",
    "áðéíóúýþæö",
    "ąćęłńóśźż",
    "áčďéěíňóřšťúůýž",
    "áäčďéíĺľňóôŕšťúýž",
    "áéíóöőúüű",
    "čšžćđ",
    "ăâîșțşţ",
    "çğıİöşüâîû",
    "ąčęėįšųūž",
    "āčēģīķļņšūž",
    "õäöüšž",
    "абвгдежзийклмнопрстуфхцчшщъыьэюяё",
    "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя",
    "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώϊϋΐΰ",
)
#: The encoding of Western Europe, and the letters of its languages together.
_WESTERN, _WEST = "cp1252", frozenset("".join(_ALPHABETS[:9]))
_TYPOGRAPHY = frozenset("“”‘’„–—…•€£§°©®™«»¿¡²³µ½¼¾·×ªº\u00a0\u00ad")
#: A quotation mark or a sign in the middle of a word, which a wrong encoding makes of letters.
_BROKEN_WORD = re.compile(r"[^\W\d_][“”‘„•€£§°©®™«»¿¡²³µ½¼¾·×ªº\u00ad][^\W\d_]")
#: A sign at the head or the end of a word that stands at numbers, or at the other end.
_BROKEN_EDGE = re.compile(r"[£¥¼½¾][^\W\d_]|[^\W\d_][¼½¾¿¡](?!\w)")
#: A word of letters from two scripts, which a wrong encoding makes of accented ones.
_OTHER_SCRIPT = "[\u0370-\u03ff\u0400-\u052f]"
_LATIN = "[A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f]"
_MIXED_WORD = re.compile(f"{_LATIN}{_OTHER_SCRIPT}|{_OTHER_SCRIPT}{_LATIN}")
#: No word of a language begins so but in Icelandic: the Turkish capital \u0130, misread.
_BROKEN_HEAD = re.compile(r"\bÝ[a-z]")
_ICELANDIC = re.compile("[áðéíóúþæ]", re.IGNORECASE)
#: Two letters side by side, the second beyond ASCII: no language writes a capital after a small one.
_SHOULDERS = re.compile(r"(?=([^\W\d_])([^\W\d_a-zA-Z]))")
#: The share of the characters beyond ASCII that must belong to one language.
_FITTING = 0.98


def decode(source: Path, content: bytes, encoding: str = "auto") -> tuple[str, str]:
    """The text, and the name of its encoding; `auto` recognises it.

    UTF-8 is what decodes as such. Of other encodings the one is taken whose letters make a language.

    Raises:
        DataError: the bytes are not of the encoding (names the line), or it cannot be recognised.
    """
    if encoding == "auto":
        encoding = _recognise(source, content)
    spoken = codecs.lookup(encoding).name if _is_known(encoding) else encoding
    try:
        text = content.decode("utf-8-sig" if spoken == "utf-8" else spoken)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{source}, line {line}: not valid {encoding.upper()}",
            remedy="mend the line, or name the file's encoding in data.format.encoding (init: --encoding), "
            "for example latin-1",
        ) from None
    except LookupError:
        raise DataError(
            f"{encoding!r} is not an encoding", remedy="use a name such as utf-8, latin-1 or cp1252"
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise DataError(
            f"{source}, line {line}: holds a NUL character, which no text has",
            remedy="the file is damaged or of another encoding: write it anew, or name data.format.encoding",
        )
    return text.removeprefix("\ufeff"), encoding


def _is_known(encoding: str) -> bool:
    try:
        codecs.lookup(encoding)
    except LookupError:
        return False
    return True


def _recognise(source: Path, content: bytes) -> str:
    marked = marked_encoding(content)
    if marked is not None:
        return marked
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return _legacy(source, content)
    return "utf-8"


def marked_encoding(content: bytes) -> str | None:
    """The encoding that the first bytes of a text tell for certain: a byte order mark, or UTF-16 without one, where in
    text that is mostly ASCII every other byte is 0.
    """
    for mark, encoding in (*_MARKS, *_MARKS_16):
        if content.startswith(mark):
            return encoding
    start = content[:4096]
    half = len(start) // 2
    for offset, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if half and start[offset::2].count(0) > 0.7 * half and start[1 - offset :: 2].count(0) == 0:
            return encoding
    return None


def _legacy(source: Path, content: bytes) -> str:
    lines = [line for line in content.splitlines() if not line.isascii()]
    first = next(number for number, line in enumerate(content.splitlines(), start=1) if not line.isascii())
    if any(_is_utf8(line) for line in lines):
        return "utf-8"  # Its damaged line is named when it is decoded.
    sample = b"\n".join(lines)[:_SAMPLE_BYTES]
    for small in (True, False):
        fitting = [encoding for encoding in _ALPHABETIC if _reads_as_language(sample, encoding, mostly_small=small)]
        scripts = {_script(sample.decode(encoding)): encoding for encoding in reversed(fitting)}
        if "Latin" in scripts and len(scripts) > 1 and _is_mostly_beyond_ascii(sample, fitting[0]):
            raise _unrecognised(source, first, f"it may be {' or '.join(sorted(scripts.values()))}")
        if fitting:
            return fitting[0]
    # Few files need it, and it is slow to import.
    from charset_normalizer import from_bytes

    best = from_bytes(sample).best()
    if best is not None and _script(text := str(best)) == "Latin":
        # Words of several languages, such as names of towns.
        if _reads_as(sample, _WESTERN, _WEST):
            return _WESTERN
        best = None if _is_broken(text) else best
    if best is None:
        raise _unrecognised(source, first, "its encoding cannot be recognised")
    return best.encoding


def _unrecognised(source: Path, line: int, why: str) -> DataError:
    return DataError(
        f"{source}, line {line}: not UTF-8, and {why}",
        remedy="name it in data.format.encoding (init: --encoding), for example cp1252, or save the file as UTF-8",
    )


def _script(text: str) -> str:
    """The alphabet that most letters beyond ASCII are of."""
    counts = Counter(
        unicodedata.name(sign, "").partition(" ")[0] for sign in text if ord(sign) > 127 and sign.isalpha()
    )
    return counts.most_common(1)[0][0].capitalize() if counts else "Latin"


def _is_mostly_beyond_ascii(sample: bytes, encoding: str) -> bool:
    letters = [sign for sign in sample.decode(encoding) if sign.isalpha()]
    return 2 * sum(not sign.isascii() for sign in letters) > len(letters)


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _reads_as_language(sample: bytes, encoding: str, *, mostly_small: bool) -> bool:
    signs = _signs(sample, encoding)
    if signs is None or (mostly_small and 2 * sum(sign.isupper() for sign in signs) > len(signs)):
        return False
    return any(_fits(signs, letters) for letters in _letters())


def _reads_as(sample: bytes, encoding: str, letters: Collection[str]) -> bool:
    signs = _signs(sample, encoding)
    return signs is not None and _fits([sign.lower() for sign in signs], letters)


def _fits(signs: Sequence[str], letters: Collection[str]) -> bool:
    return sum(sign in letters for sign in signs) >= _FITTING * len(signs)


def _signs(sample: bytes, encoding: str) -> list[str] | None:
    """The characters beyond ASCII that should be letters; None where the sample is not of the encoding."""
    try:
        text = sample.decode(encoding)
    except UnicodeDecodeError:
        return None
    if _is_broken(text):
        return None
    return [sign for sign in text if not sign.isascii() and sign not in _TYPOGRAPHY]


def _is_broken(text: str) -> bool:
    """Whether something stands in the text that only a wrong encoding makes."""
    if any(pattern.search(text) for pattern in (_BROKEN_WORD, _BROKEN_EDGE, _MIXED_WORD)):
        return True
    if _BROKEN_HEAD.search(text) and not _ICELANDIC.search(text):
        return True
    return any(one.islower() and two.isupper() for one, two in _SHOULDERS.findall(text))


@cache
def _letters() -> tuple[frozenset[str], ...]:
    return tuple(frozenset(alphabet + alphabet.upper()) for alphabet in _ALPHABETS)
