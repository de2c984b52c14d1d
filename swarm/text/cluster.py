"""Which texts say the like: groups by their words, the same ones whatever the order of the texts. No model, nothing random."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice

import msgspec

from swarm.text.rank import K1, MOST_WORDS, B, words

LIKE = 0.2
"""Cosine of the weighted words from which on two texts say the like. Over the prompts of the shipped skills' cases the groups are then
those of the skills, but for the reviews of code and of its security, which are one; at .15 others flow together, at .3 they fall apart."""

UNSEEN = 8
"""Texts without any of these words that are thought to be there, too: among few texts a word that all share still tells."""

_MOST_TELLING = 5


class Group(msgspec.Struct, frozen=True):
    """Texts that say the like, by their numbers: first the one that is like most others."""

    members: tuple[int, ...]
    words: tuple[str, ...]  # that tell most of what they share


def groups(texts: Sequence[str], *, like: float = LIKE) -> list[Group]:
    """Each text in one group, the largest groups first. A text that is like no other is a group of its own."""
    places: dict[tuple[str, ...], list[int]] = {}
    for number, text in enumerate(texts):
        told = (word for word in words(text) if not word.isdecimal())  # a number tells one case from the next
        places.setdefault(tuple(islice(told, MOST_WORDS)), []).append(number)
    distinct = sorted(places)
    weights = _weights(distinct)
    leaders = _led(_likeness(weights, like))
    found: list[Group] = []
    for leader, followers in leaders.items():
        of = [leader, *followers]
        members = [number for each in of for number in places[distinct[each]]]
        found.append(Group(tuple(members), _telling([weights[each] for each in of])))
    return sorted(found, key=lambda group: (-len(group.members), group.words, group.members))


def _weights(texts: Sequence[tuple[str, ...]]) -> list[dict[str, float]]:
    """What each word of a text tells of it, as in BM25, rare words more; the squares sum to 1."""
    counted = [Counter(text) for text in texts]
    holding = Counter(word for count in counted for word in count)
    average = sum(map(len, texts)) / len(texts) if any(texts) else 1.0
    found: list[dict[str, float]] = []
    for text, count in zip(texts, counted, strict=True):
        long = K1 * (1 - B + B * len(text) / average)
        weight = {
            word: math.log(1 + (len(texts) + UNSEEN) / holding[word]) * times * (K1 + 1) / (times + long)
            for word, times in sorted(count.items())
        }
        length = math.sqrt(sum(value * value for value in weight.values()))
        found.append({word: value / length for word, value in weight.items()})
    return found


def _likeness(weights: Sequence[Mapping[str, float]], like: float) -> list[dict[int, float]]:
    """For each text those that say the like, and how much so."""
    holders: dict[str, list[int]] = {}
    for number, weight in enumerate(weights):
        for word in weight:
            holders.setdefault(word, []).append(number)
    found: list[dict[int, float]] = []
    for number, weight in enumerate(weights):
        sums: dict[int, float] = {}
        for word, value in weight.items():
            for other in holders[word]:
                sums[other] = sums.get(other, 0.0) + value * weights[other][word]
        found.append({other: sum_ for other, sum_ in sums.items() if other != number and sum_ >= like})
    return found


def _led(alike: Sequence[Mapping[int, float]]) -> dict[int, list[int]]:
    """Who is like most others leads those who are not led yet; then each goes with the leader that it is most like."""
    leaders: dict[int, list[int]] = {}
    taken: set[int] = set()
    for number in sorted(range(len(alike)), key=lambda each: (-len(alike[each]), each)):
        if number not in taken:
            leaders[number] = []
            taken |= {number, *alike[number]}
    for number, others in enumerate(alike):
        if number not in leaders:
            nearest = max((other for other in others if other in leaders), key=lambda other: (others[other], -other))
            leaders[nearest].append(number)
    return leaders


def _telling(weights: Sequence[Mapping[str, float]]) -> tuple[str, ...]:
    sums: dict[str, float] = {}
    for weight in weights:
        for word, value in weight.items():
            sums[word] = sums.get(word, 0.0) + value
    return tuple(sorted(sums, key=lambda word: (-sums[word], word))[:_MOST_TELLING])
