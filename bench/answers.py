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
from typing import Any, TypeVar
from zlib import crc32

import msgspec

from bench.answer_pairs import Pair, pairs_of, written_pairs
from bench.options import parser_of, to_its_end
from bench.outcomes import FOLDER
from bench.table import Bar, Figure, show
from events.views.accepted import MOST
from swarm.cache.guards import fired, question_of, verdict
from swarm.cache.near import Cosine, Near, grams, lexical_cosine
from swarm.cache.suggestions import OneApart
from swarm.stages import compressed
from swarm.text.embed import installed_embedder
from swarm.text.tokens import quick_tokens

SIZES = (10_000, 100_000)
LOOKUPS = 300
THRESHOLDS = (0.8, 0.9, 0.95, 0.97)
"""Of a likeness that says alone whether an answer is given: what others have. None of them is used."""

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
        past = _read("history_metatool.jsonl.gz", _Past)
        figures += of_others(past, cosine)
        figures += of_likeness(past)
        figures += of_apart(past, cosine)
    else:
        sys.stderr.write(f"{FOLDER} names no folder with queries_metatool.jsonl.gz: real queries are left out\n")
    for size in SIZES[: 1 if args.quick else 2]:
        figures += of_times(size, cosine)
    figures += of_suggestions(MOST, cosine)
    figures += of_reading_ahead()
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


def of_likeness(past: Sequence[_Past]) -> Iterable[Figure]:
    """The same by likeness alone: the most alike of those before it, where that is alike enough. What others do."""
    import numpy as np

    rows = _vectors([each.q for each in past])
    best = np.zeros(len(past), dtype=np.float32)
    nearest = np.zeros(len(past), dtype=np.int64)
    for number in range(1, len(past)):
        likeness = rows[:number] @ rows[number]
        nearest[number] = int(np.argmax(likeness))
        best[number] = likeness[nearest[number]]
    for least in THRESHOLDS:
        served = [number for number in range(1, len(past)) if best[number] >= least]
        wrong = sum(not _same(past[number], past[int(nearest[number])]) for number in served)
        beside = f"{len(served)} of {len(past):,} served, {wrong} of them wrongly; ours is the row above"
        share = 100 * wrong / max(1, len(served))
        yield Figure(f"MetaTool, one after the other: cosine {least:.2f} alone, wrong", share, "%", beside)


def of_apart(past: Sequence[_Past], cosine: Cosine) -> Iterable[Figure]:
    """What would be told as what may help: how often, and how often it needed the same tool."""
    found = OneApart(cosine)
    told = right = 0
    for number, each in enumerate(past):
        match = found.find(each.q)
        if match is not None:
            told += 1
            right += _same(each, past[int(match[0])])
        found.put(each.q, str(number))
    beside = f"{told} of {len(past):,} are told of one; it is checked, and never the answer"
    yield Figure(
        "MetaTool, one after the other: told of one word apart, of the same tool",
        100 * right / max(1, told),
        "%",
        beside,
    )


def _same(one: _Past, other: _Past) -> bool:
    return one.tool == other.tool or one.q == other.q


def _vectors(texts: Sequence[str]) -> Any:
    """Of length 1: the installed ones, else of words and threes of letters, hashed."""
    import numpy as np

    embedder = installed_embedder()
    rows = embedder.embed(list(texts)) if embedder is not None else np.array([_hashed(text) for text in texts])
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(lengths == 0, 1, lengths)).astype(np.float32)


def _hashed(text: str) -> list[float]:
    row = [0.0] * 1024
    for gram, count in grams(text.lower()).items():
        row[crc32(gram.encode()) % len(row)] += count
    return row


def of_suggestions(size: int, cosine: Cosine) -> Iterable[Figure]:
    """Times of looks for questions one word apart, each of which there is."""
    found, known = OneApart(cosine), [*_questions(size)]
    for number, text in enumerate(known):
        found.put(text, str(number))
    times = [_timed_apart(found, text.replace(" in case ", " in the new case ")) for text in known[:LOOKUPS]]
    yield Figure(
        f"look for one word apart among {size:,} questions",
        median(times),
        "ms",
        f"slowest {max(times):.2f} ms",
        Bar(1.0),
    )


def _timed_apart(found: OneApart, text: str) -> float:
    began = time.perf_counter()
    found.find(text)
    return 1000 * (time.perf_counter() - began)


def of_reading_ahead() -> Iterable[Figure]:
    """How long a stage takes with a file that was not made ready, and with one that was: the largest of the program's own."""
    files = sorted(Path(__file__).parents[1].glob("swarm/**/*.py"), key=lambda path: -path.stat().st_size)[:40]
    cold: list[float] = []
    warm: list[float] = []
    for path in files:
        text = path.read_text("utf-8")
        for times in (cold, warm):
            began = time.perf_counter()
            compressed(text, quick_tokens(text) // 2, False, sought="how a budget is split", name=path.name)
            times.append(1000 * (time.perf_counter() - began))
    beside = f"{median(warm):.1f} ms where it was; a call of a model takes 300 ms and more"
    yield Figure("a file of 15 KB that was not read ahead", median(cold), "ms", beside)


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
