"""The text sanitiser: one definition for training and serving. It knows no columns and no lengths."""

from __future__ import annotations

import html
import re
import unicodedata

_ELEMENTS = (
    "a|abbr|b|blockquote|body|br|button|center|code|div|em|font|footer|form|h[1-6]|head|header|hr|html|i|iframe|img|"
    "input|label|li|link|main|meta|nav|ol|option|p|pre|s|script|section|select|small|span|strike|strong|style|sub|sup|"
    "svg|table|tbody|td|tfoot|th|thead|title|tr|u|ul|video"
)
_MARKUP = re.compile(rf"</?(?:{_ELEMENTS})(?:[\s/][^<>]*)?>|<!--[^<>]*-->", re.IGNORECASE)
#: Joiners hold emoji and some scripts together; every other format character is invisible and goes.
_JOINERS = "\u200c\u200d"
_KEPT_CONTROLS = "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85"


def sanitise(text: str) -> str:
    """Text as the features see it; empty when nothing legible is left.

    HTML entities are resolved once, then characters normalised (NFKC), control characters, lone surrogates and
    invisible format characters removed, runs of white space folded to one blank, and the ends stripped. Text that is
    nothing but HTML tags is empty.
    """
    if text.isascii() and text.isprintable() and "&" not in text:
        clean = text if "  " not in text else " ".join(text.split())
        clean = clean.strip()
    else:
        clean = unicodedata.normalize("NFKC", html.unescape(text))
        clean = " ".join("".join(filter(_stays, clean)).split())
        if not clean.strip(_JOINERS + " "):
            return ""
    if clean[:1] == "<" and clean[-1:] == ">" and not _MARKUP.sub("", clean).strip():
        return ""
    return clean


def _stays(character: str) -> bool:
    if character.isprintable() or character in _KEPT_CONTROLS:
        return True
    return unicodedata.category(character) not in {"Cc", "Cf", "Cs"} or character in _JOINERS
