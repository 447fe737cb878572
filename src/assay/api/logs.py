"""The server's own log: one JSON object a line on stderr, or a plain line on a terminal. No request bodies, no texts of
exceptions: both may hold what is personal. Control characters are escaped.
"""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

import msgspec

from assay.settings import Settings

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}


class JsonFormatter(logging.Formatter):
    """Time, level, logger, message, and whatever the caller put into `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {key: value for key, value in vars(record).items() if key not in _STANDARD and value is not None}
        if record.exc_info and record.exc_info[1] is not None:
            line |= {"error": type(record.exc_info[1]).__name__, "frames": frames_of(record.exc_info[1])}
        return msgspec.json.encode(line, enc_hook=str).decode()


class PlainFormatter(logging.Formatter):
    """The same for people: the time of day, what is worse than a note, the message and whatever the caller adds."""

    def format(self, record: logging.LogRecord) -> str:
        line = msgspec.json.decode(JsonFormatter().format(record))
        at, level, message = line.pop("at"), line.pop("level"), line.pop("message")
        del line["logger"]
        said = "" if level in ("info", "debug") else f"{level}: "
        parts = [
            f"{at[11:19]}  {said}{_visible(message)}",
            *(f"{key}={_visible(value)}" for key, value in line.items()),
        ]
        return "  ".join(parts)


def configure_logging(settings: Settings) -> None:
    """Set up the log of this process; for process edges alone."""
    handler = logging.StreamHandler(sys.stderr)
    plain = settings.log_format == "plain" or (settings.log_format == "auto" and sys.stderr.isatty())
    handler.setFormatter(PlainFormatter() if plain else JsonFormatter())
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)


def _visible(value: object) -> str:
    """Text in which control characters are escaped: it cannot begin a line or move a cursor."""
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in str(value))


def frames_of(error: BaseException) -> list[str]:
    """Where an exception came from, outermost first; never its text, which may quote the request."""
    frames, trace = [], error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{code.co_filename}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return frames
