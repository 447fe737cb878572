"""Write messages.csv for the spam example: messages between users, some of them unwanted, labelled by moderators.

Nobody's data: every message, user and label is drawn here from a seed. Moderators err now and then, some spammers
behave well and some accounts are stolen, so no classifier can be right about every row.
"""

from __future__ import annotations

import argparse
import csv
import math
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from phrases import EITHER, FILLERS, TAILS, UNWANTED, WANTED

START = datetime(2025, 3, 1, tzinfo=UTC)
DAYS = 90
MODERATOR_ERROR = 0.01

COLUMNS = (
    "message_id", "user_id", "sent_at", "text", "account_age_days", "verified", "follower_count", "messages_sent_7d",
    "spam_reports_received", "avg_message_length", "reply_rate", "block_rate", "label",
)  # fmt: skip


@dataclass(frozen=True)
class Role:
    """How one kind of account behaves. Rates are means a week; `spam` is its share of unwanted messages."""

    share: float
    spam: float
    activity: float
    age_days: float
    verified: float
    followers: float
    weekly: float
    reports: float
    length: float
    replies: float
    blocks: float
    kinds: dict[str, float]


PEOPLE = {"chat": 5, "plans": 3, "work": 2, "question": 2, "fans": 1, "elsewhere": 0.6, "look": 0.5, "selling": 0.5,
          "opening": 0.6, "asking": 0.25}  # fmt: skip
SHOP = {"shop": 8, "work": 1, "question": 0.3, "look": 0.5, "selling": 0.4}
JUNK = {"prize": 3, "money": 3, "account": 3, "followers": 2, "remedy": 2, "lonely": 1.5, "look": 0.8, "selling": 0.7,
        "opening": 0.4, "asking": 0.4}  # fmt: skip

ROLES = {
    "regular": Role(0.56, 0.0, 1.0, 900, 0.12, 180, 22, 0.15, 46, 0.62, 0.010, PEOPLE),
    "newcomer": Role(0.14, 0.0, 0.9, 25, 0.02, 14, 18, 0.35, 44, 0.50, 0.022, PEOPLE),
    "shop": Role(0.08, 0.0, 1.6, 1100, 0.75, 2600, 160, 0.9, 84, 0.12, 0.030, SHOP),
    "spammer": Role(0.15, 0.96, 1.9, 30, 0.01, 25, 150, 4.5, 82, 0.06, 0.160, JUNK),
    "patient spammer": Role(0.05, 0.85, 1.5, 420, 0.06, 120, 45, 1.3, 70, 0.22, 0.060, JUNK),
    "stolen": Role(0.02, 0.70, 1.2, 800, 0.12, 170, 60, 0.9, 58, 0.45, 0.035, JUNK),
}


@dataclass(frozen=True)
class User:
    """One account and what is typical of it."""

    name: str
    role: Role
    born: datetime
    verified: bool
    followers: int
    weekly: float
    reports: float
    length: float
    replies: float
    blocks: float
    shouting: float


def make_users(draw: random.Random, count: int) -> list[User]:
    """Draw the accounts, each with habits around those of its role."""
    roles = draw.choices(list(ROLES.values()), weights=[role.share for role in ROLES.values()], k=count)
    return [
        User(
            name=f"u{number:05d}",
            role=role,
            born=START - timedelta(days=_around(draw, role.age_days, 0.9)),
            verified=draw.random() < role.verified,
            followers=round(_around(draw, role.followers, 1.1)),
            weekly=_around(draw, role.weekly, 0.6),
            reports=_around(draw, role.reports, 0.7),
            length=_around(draw, role.length, 0.25),
            replies=min(0.98, _around(draw, role.replies, 0.4)),
            blocks=min(0.9, _around(draw, role.blocks, 0.7)),
            shouting=draw.betavariate(1.2, 8) + (0.15 if role.spam else 0.0),
        )
        for number, role in enumerate(roles, start=1)
    ]


def make_messages(seed: int, rows: int) -> Iterator[dict[str, str]]:
    """Yield `rows` messages in the order they were sent; the same seed gives the same messages."""
    draw = random.Random(seed)  # noqa: S311 - repeatable data, nothing secret
    users = make_users(draw, max(20, rows // 5))
    authors = draw.choices(users, weights=[user.role.activity for user in users], k=rows)
    times = sorted(_moment(draw) for _ in range(rows))
    for number, (user, sent_at) in enumerate(zip(authors, times, strict=True), start=1):
        unwanted = draw.random() < user.role.spam
        wrong = draw.random() < MODERATOR_ERROR
        yield {
            "message_id": f"m{number:06d}",
            "user_id": user.name,
            "sent_at": sent_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "text": write_text(draw, user, unwanted),
            **behaviour(draw, user, sent_at),
            "label": "spam" if unwanted != wrong else "ham",
        }


def write_text(draw: random.Random, user: User, unwanted: bool) -> str:
    """One message in the manner of its author."""
    kinds = user.role.kinds if unwanted == bool(user.role.spam) else PEOPLE
    crossing = draw.random()
    if unwanted and crossing < 0.10:  # an everyday sentence as a disguise for a link
        text = _fill(draw, f"{_template(draw, PEOPLE)} {{any_link}}", unwanted)
    elif not unwanted and crossing < 0.012:  # somebody asks about spam that they received
        text = _fill(draw, f"is this real? {_template(draw, JUNK)}", unwanted)
    else:
        text = _fill(draw, _template(draw, kinds), unwanted)
    if draw.random() < 0.35:
        text = f"{text} {_fill(draw, draw.choice(TAILS), unwanted)}"
    if draw.random() < 0.25:
        text = f"{draw.choice(('hey', 'hi', 'ok', 'so', 'well', 'hello', 'psst'))} {text}"
    return _style(draw, text, user.shouting, unwanted)


def behaviour(draw: random.Random, user: User, sent_at: datetime) -> dict[str, str]:
    """What the platform knew of the author when the message was sent. Some of it is sometimes missing."""
    age = max(0, (sent_at - user.born).days)
    sent = _count(draw, user.weekly * min(1.0, (age + 1) / 7))
    return {
        "account_age_days": str(age),
        "verified": "true" if user.verified else "false",
        "follower_count": "" if draw.random() < 0.04 else str(max(0, user.followers + draw.randint(-3, 3))),
        "messages_sent_7d": str(sent),
        "spam_reports_received": str(_count(draw, user.reports)),
        "avg_message_length": f"{max(2.0, draw.gauss(user.length, 6.0)):.1f}",
        "reply_rate": "" if sent == 0 else f"{_clamp(draw.gauss(user.replies, 0.07)):.3f}",
        "block_rate": f"{_clamp(draw.gauss(user.blocks, 0.012)):.3f}",
    }


def _template(draw: random.Random, kinds: dict[str, float]) -> str:
    kind = draw.choices(list(kinds), weights=list(kinds.values()))[0]
    return draw.choice(WANTED.get(kind) or UNWANTED.get(kind) or EITHER[kind])


def _fill(draw: random.Random, template: str, unwanted: bool) -> str:
    gaps = {key: draw.choice(values) for key, values in FILLERS.items()}
    good = f"https://{gaps['good_word']}.{gaps['good_host']}/{draw.randint(100, 9999)}"
    bad = f"http://{gaps['bad_word']}.{gaps['bad_host']}/{_token(draw, 5)}"
    short = f"https://{gaps['short_host']}/{_token(draw, 6)}"
    disguised = short if draw.random() < 0.3 else bad
    return template.format(
        **gaps,
        good_link=good,
        bad_link=" ".join((disguised, short, bad)[: draw.choices((1, 2, 3), weights=(8, 1, 1))[0]]),
        any_link=draw.choices((short, bad if unwanted else good), weights=(5, 2))[0],
        number=draw.randint(2, 12),
        hour=f"{draw.randint(7, 22)}:{draw.choice(('00', '15', '30', '45'))}",
        price=f"{draw.choice(('', '£', '$', '€'))}{draw.choice((5, 12, 20, 35, 50, 80, 150, 400, 750, 1000, 5000))}",
        percent=f"{draw.choice((10, 15, 20, 30, 50, 70))}%",
        order=f"{_token(draw, 2).upper()}{draw.randint(1000, 9999)}",
        phone=f"0{draw.randint(700, 999)} {draw.randint(100000, 999999)}",
        mail=f"{gaps['name'].lower()}{draw.randint(1, 99)}@{gaps['short_host']}",
    )


def _style(draw: random.Random, text: str, shouting: float, unwanted: bool) -> str:
    if draw.random() < 0.35:
        text = text.lower()
    if draw.random() < shouting * 0.5:
        text = text.upper()
    if draw.random() < shouting:
        text = text.rstrip(".!") + "!" * draw.randint(1, 6)
    if draw.random() < 0.08:
        text = _stretch(draw, text)
    if unwanted and draw.random() < 0.15:
        text = text.translate(str.maketrans({"o": "0", "e": "3", "i": "1"} if draw.random() < 0.5 else {"a": "@"}))
    if draw.random() < 0.10:
        text = f"{text} {draw.choice(('🙂', '😂', '🎉', '👍', '🔥', ':)', ';-)'))}"
    if draw.random() < 0.02:
        text = text.replace("&", "&amp;").replace("'", "&#39;")
    return text


def _stretch(draw: random.Random, text: str) -> str:
    places = [at for at, letter in enumerate(text) if letter in "aeiouAEIOU"]
    if not places or "http" in text.lower():
        return text
    at = draw.choice(places)
    return text[:at] + text[at] * draw.randint(3, 6) + text[at + 1 :]


def _moment(draw: random.Random) -> datetime:
    hour = draw.triangular(0, 24, 19)
    return START + timedelta(days=draw.randrange(DAYS), seconds=int(hour * 3600) % 86_400)


def _around(draw: random.Random, centre: float, spread: float) -> float:
    return draw.lognormvariate(math.log(centre), spread)


def _count(draw: random.Random, mean: float) -> int:
    return max(0, round(draw.gauss(mean, math.sqrt(mean + 0.3))))


def _clamp(value: float) -> float:
    return min(1.0, max(0.0, value))


def _token(draw: random.Random, length: int) -> str:
    return "".join(draw.choices("abcdefghjkmnpqrstuvwxyz", k=length))


def main() -> None:
    """Write the file and say what is in it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--output", type=Path, default=Path("messages.csv"))
    options = parser.parse_args()
    spam = 0
    with options.output.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for message in make_messages(options.seed, options.rows):
            spam += message["label"] == "spam"
            writer.writerow(message)
    print(f"{options.rows} messages, {spam} of them labelled spam, written to {options.output}", file=sys.stdout)


if __name__ == "__main__":
    main()
