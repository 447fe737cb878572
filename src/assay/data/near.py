"""Which texts are near-copies of one another: shingles, MinHash, and a count of what candidates really share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from assay.data.groups import Links

#: Texts are near-copies when their sets of shingles (runs of five characters) have this Jaccard similarity or more.
SIMILARITY = 0.8
#: Shorter texts are alike by chance too often.
LEAST_CHARACTERS = 30
#: What stands behind this many characters is not looked at.
_MOST_CHARACTERS = 5000
_SHINGLE = 5
_BANDS = 16
_BAND = 4
#: A candidate whose signatures agree in less than this share is not counted out: over four standard errors below.
_PROMISING = 0.6
#: Shingles hashed at a time, which bounds the memory.
_BLOCK = 1 << 21
#: Texts whose shingles are kept while candidates are counted out.
_KEPT = 20_000

Hashes = NDArray[np.uint32]
Places = NDArray[np.intp]


def near_groups(texts: Sequence[str]) -> NDArray[np.intp]:
    """The group of each text; near-copies, and near-copies of near-copies, are in one group.

    Candidates agree in one of 16 bands of 4 MinHash values (Broder 1997; Leskovec, Rajaraman & Ullman, *Mining of
    Massive Datasets*, section 3.4), as 9998 of 10 000 pairs of similarity 0.8 do and more of those above. Of the texts
    that agree in a band each is compared with the first and with the one before it, by an exact count. The same texts
    give the same groups. A text takes 256 bytes besides itself, whatever its length.
    """
    links = Links(len(texts))
    places = np.array([place for place, text in enumerate(texts) if len(text) >= LEAST_CHARACTERS], dtype=np.intp)
    if len(places) < 2:
        return links.groups()
    looked_at = [texts[place][:_MOST_CHARACTERS] for place in places.tolist()]
    signatures = np.concatenate([_signatures(_shingles(block)) for block in _blocks(looked_at)])
    first, second = _candidates(signatures)
    promising = (signatures[first] == signatures[second]).mean(axis=1) >= _PROMISING

    @lru_cache(_KEPT)
    def shingles(place: int) -> Hashes:
        return _shingles([looked_at[place]])[0]

    for one, other in zip(first[promising].tolist(), second[promising].tolist(), strict=True):
        ends = int(places[one]), int(places[other])
        if links.root(ends[0]) != links.root(ends[1]) and _jaccard(shingles(one), shingles(other)) >= SIMILARITY:
            links.join(*ends)
    return links.groups()


def _blocks(texts: list[str]) -> Iterator[list[str]]:
    """The texts in order, as many at a time as have a bounded number of characters."""
    block: list[str] = []
    characters = 0
    for text in texts:
        if block and characters + len(text) > _BLOCK:
            yield block
            block, characters = [], 0
        block.append(text)
        characters += len(text)
    yield block


def _shingles(texts: list[str]) -> list[Hashes]:
    """The hash of every different shingle of each text, ascending."""
    codes = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype="<u4")
    hashes = np.zeros(len(codes) - _SHINGLE + 1, dtype=np.uint32)
    for offset in range(_SHINGLE):
        hashes = _mix(hashes + codes[offset : offset + len(hashes)])
    ends = np.cumsum([len(text) for text in texts])
    starts = ends - [len(text) for text in texts]
    return [
        np.unique(hashes[start : end - _SHINGLE + 1]) for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
    ]


def _mix(values: Hashes) -> Hashes:
    """A bijection of 32-bit words whose every input bit sways every output bit (Wellons, *lowbias32*)."""
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        values = np.multiply(values ^ (values >> np.uint32(shift)), np.uint32(factor))
    return values ^ (values >> np.uint32(16))


def _signatures(shingles: list[Hashes]) -> Hashes:
    """(texts, 64): of every text the least value of each of 64 permutations of all hashes."""
    joined = np.concatenate(shingles)
    ends = np.cumsum([len(hashes) for hashes in shingles])
    starts = np.concatenate(([0], ends[:-1]))
    seeds = _mix(np.arange(1, _BANDS * _BAND + 1, dtype=np.uint32))
    return np.stack([np.minimum.reduceat(_mix(joined ^ seed), starts) for seed in seeds], axis=1)


def _candidates(signatures: Hashes) -> tuple[Places, Places]:
    """Pairs that agree in a band, each once: with the first of those that agree, and with the one before."""
    many = len(signatures)
    pairs: list[NDArray[np.int64]] = []
    for band in range(_BANDS):
        words = np.ascontiguousarray(signatures[:, band * _BAND : (band + 1) * _BAND])
        keys = words.view(np.dtype((np.void, words.itemsize * _BAND))).ravel()
        bucket = np.unique(keys, return_inverse=True)[1]
        order = np.argsort(bucket, kind="stable")
        repeats = np.flatnonzero(bucket[order][1:] == bucket[order][:-1]) + 1
        leader = order[np.searchsorted(bucket[order], bucket[order][repeats], side="left")]
        pairs += [leader * many + order[repeats], order[repeats - 1] * many + order[repeats]]
    found = np.unique(np.concatenate(pairs))
    return found // many, found % many


def _jaccard(one: Hashes, other: Hashes) -> float:
    shared = len(np.intersect1d(one, other, assume_unique=True))
    return shared / (len(one) + len(other) - shared)
