"""How often a question gets the answer of another one, rightly and wrongly, and how long it takes to find that one.

python -m bench.answers [--quick] [--json]

Pairs of questions are made by rules: edits that change the answer, restatements that do not (bench/answer_pairs.py); from questions
that were written for this bench, and from queries of MetaTool in the folder that SWARM_BENCH_DATA names, of which the rules were
tried on none. Each way of deciding is asked of each pair. Then every one of those queries is looked up among 5,952 others: what is
found whose tool is another one is wrong. The pairs of Quora and of MSRP are not in that folder, and not judged here.
"""

from __future__ import annotations

import gzip
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from random import Random
from statistics import median
from typing import TypeVar

import msgspec

from bench.answer_pairs import Pair, pairs_of, written_pairs
from bench.options import parser_of, to_its_end
from bench.outcomes import FOLDER
from bench.table import Bar, Figure, show
from swarm.cache.guards import fired, question_of, verdict
from swarm.cache.near import Cosine, Near, lexical_cosine
from swarm.text.embed import installed_embedder

SIZES = (10_000, 100_000)
LOOKUPS = 300
WRONG, RIGHT = Bar(0.2), Bar(95, least=True)
LOOKUP_BARS = {10_000: Bar(1.0), 100_000: Bar(10.0)}
"""Milliseconds by how many questions are known."""

T = TypeVar("T", bound=msgspec.Struct)
Serves = Callable[[Pair], bool]


class _Query(msgspec.Struct):
    q: str
    gold: list[list[int]]


class _Past(msgspec.Struct):
    q: str
    tool: int | str


def main() -> None:
    args = parser_of(__doc__, "10,000 known questions, and none of 100,000").parse_args()
    cosine = _cosine()
    figures = [*of_pairs("written here, aside", [each for each in written_pairs() if not each.looked_at], cosine)]
    figures += of_pairs("written here, looked at", [each for each in written_pairs() if each.looked_at], cosine)
    queries = _read("queries_metatool.jsonl.gz", _Query)
    if queries:
        figures += of_pairs("MetaTool", list(pairs_of(each.q for each in queries)), cosine)
        figures += of_others(_read("history_metatool.jsonl.gz", _Past), cosine)
    else:
        sys.stderr.write(f"{FOLDER} names no folder with queries_metatool.jsonl.gz: real queries are left out\n")
    for size in SIZES[: 1 if args.quick else 2]:
        figures += of_times(size, cosine)
    show("answers given again", figures, as_json=args.json)


def of_pairs(name: str, pairs: Sequence[Pair], cosine: Cosine) -> Iterable[Figure]:
    """What each way of deciding serves of the pairs: wrongly, and rightly."""
    others, same = [each for each in pairs if not each.same], [each for each in pairs if each.same]
    beside = f"{len(others)} edits, {len(same)} restatements"
    for way, serves in ways(cosine).items():
        ours = way == "canonical, guards, same words, cosine .90"
        wrong, right = (100 * sum(map(serves, each)) / max(1, len(each)) for each in (others, same))
        yield Figure(f"{name}: {way}: edits served", wrong, "%", beside, WRONG if ours else None)
        yield Figure(f"{name}: {way}: restatements served", right, "%", beside, RIGHT if ours else None)


def ways(cosine: Cosine) -> dict[str, Serves]:
    """Ways of deciding, from those that others have to that of the program."""

    def alike(pair: Pair) -> float:
        return cosine(*(" ".join(question_of(text).words) for text in (pair.asked, pair.known)))

    def near(pair: Pair) -> bool:
        asked, known = question_of(pair.asked), question_of(pair.known)
        return verdict(asked, known, alike(pair)).word == "serve"

    def guarded(pair: Pair, least: float) -> bool:
        return alike(pair) >= least and not fired(question_of(pair.asked), question_of(pair.known))

    return {
        "to the letter": lambda pair: pair.asked == pair.known,
        "cosine .80": lambda pair: cosine(pair.asked, pair.known) >= 0.80,
        "cosine .90": lambda pair: cosine(pair.asked, pair.known) >= 0.90,
        "cosine .95": lambda pair: cosine(pair.asked, pair.known) >= 0.95,
        "cosine .90 and guards": partial(guarded, least=0.90),
        "canonical form alone": lambda pair: question_of(pair.asked).form == question_of(pair.known).form,
        "canonical, guards, same words, cosine .90": near,
    }


def of_others(past: Sequence[_Past], cosine: Cosine) -> Iterable[Figure]:
    """Look each query up among those before it. What is found is right where it needed the same tool, or is the very same text."""
    found = Near(cosine)
    served = wrong = 0
    tool_of = {str(number): each.tool for number, each in enumerate(past)}
    for number, each in enumerate(past):
        match = found.find(each.q)
        if match is not None:
            served += 1
            wrong += tool_of[match.entry] != each.tool and past[int(match.entry)].q != each.q
        found.put(each.q, str(number))
    beside = f"{served} of {len(past):,} were found among those before them"
    yield Figure("MetaTool, one after the other: found whose tool is another", float(wrong), "", beside)


def of_times(size: int, cosine: Cosine) -> Iterable[Figure]:
    """Times of look-ups among so many known questions: half of them are known but for their wording."""
    known, random_ = [*_questions(size)], Random(3)
    found = Near(cosine)
    began = time.perf_counter()
    for number, text in enumerate(known):
        found.put(text, str(number))
    built = time.perf_counter() - began
    asked = [f"Hi, {text[0].lower()}{text[1:]}, please" for text in random_.sample(known, LOOKUPS // 2)]
    asked += [f"{text} Never asked." for text in random_.sample(known, LOOKUPS // 2)]
    times = sorted(_timed(found, text) for text in asked)
    beside = f"slowest {times[-1]:.2f} ms of {len(times)}; put in once, {built:.1f} s"
    yield Figure(f"look-up among {size:,} questions", median(times), "ms", beside, LOOKUP_BARS[size])
    yield from _by_vectors(size)


def _by_vectors(size: int) -> Iterable[Figure]:
    """The same by the product with all vectors, the first 64 of 256 numbers first: what a search needs without that key."""
    try:
        import numpy as np
    except ImportError:
        return
    random_ = np.random.default_rng(3)
    rows = random_.standard_normal((size, 256), dtype=np.float32)
    short = np.ascontiguousarray(rows[:, :64])
    times: list[float] = []
    for row in rows[:30]:
        began = time.perf_counter()
        best = np.argpartition(short @ row[:64], -64)[-64:]
        best[np.argmax(rows[best] @ row)]
        times.append(1000 * (time.perf_counter() - began))
    yield Figure(
        f"look-up among {size:,} vectors, 64 numbers first", median(times), "ms", "finds likeness, decides nothing"
    )


def _timed(found: Near, text: str) -> float:
    began = time.perf_counter()
    found.find(text)
    return 1000 * (time.perf_counter() - began)


def _questions(count: int) -> Iterable[str]:
    """Questions that are all different, with the words of those that were written here."""
    random_ = Random(5)
    words = sorted({word for pair in written_pairs() for word in pair.known.split()})
    for number in range(count):
        yield f"How do I {' '.join(random_.choices(words, k=random_.randint(6, 20)))} in case {number}?"


def _cosine() -> Cosine:
    embedder = installed_embedder()
    if embedder is None:
        sys.stderr.write("the vectors of the extra `embed` are not installed: likeness is that of words and letters\n")
        return lexical_cosine

    def cosine(one: str, other: str) -> float:
        first, second = embedder.embed([one, other])
        return float(first @ second)

    return cosine


def _read(name: str, kind: type[T]) -> list[T]:
    path = Path(os.environ.get(FOLDER, "")) / name
    if not os.environ.get(FOLDER) or not path.is_file():
        return []
    return [msgspec.json.decode(line, type=kind) for line in gzip.open(path).read().splitlines()]


if __name__ == "__main__":
    to_its_end(main)
