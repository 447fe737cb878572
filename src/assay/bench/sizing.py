"""From what one worker can do to how many are needed and what a prediction costs. Arithmetic alone."""

from __future__ import annotations

import math

import msgspec

#: Of what a worker can do at most. At half of it requests wait for each other for less than they take (M/D/1: half of
#: the time of one on average), a burst of twice the rate is answered, and of two workers one can be missing.
UTILISATION = 0.5


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """What is wanted: a rate in requests a second, the share of a worker's most that may be used for it, and the price
    of one core for an hour in any currency.
    """

    rate: float | None = None
    utilisation: float = UTILISATION
    price: float | None = None


class Sizing(msgspec.Struct, frozen=True, kw_only=True):
    """What one worker on one core answers a second at most and as planned; the workers that a rate needs and how busy
    they are with it; what 1000 predictions cost, at that rate or else at the planned use of every core.
    """

    utilisation: float
    most_per_second: float
    planned_per_second: float
    rate: float | None = None
    workers: int | None = None
    busy: float | None = None
    price: float | None = None
    cost_per_1000: float | None = None


def size(most_per_second: float, wish: Wish) -> Sizing:
    """Advice from the most that one worker answered; more than 0."""
    planned = most_per_second * wish.utilisation
    workers = None if wish.rate is None else max(1, math.ceil(wish.rate / planned))
    a_second = planned if wish.rate is None or workers is None else wish.rate / workers
    return Sizing(
        utilisation=wish.utilisation,
        most_per_second=most_per_second,
        planned_per_second=planned,
        rate=wish.rate,
        workers=workers,
        busy=None if wish.rate is None else a_second / most_per_second,
        price=wish.price,
        cost_per_1000=None if wish.price is None else wish.price / 3600.0 / a_second * 1000.0,
    )
