"""How well tokens are counted, and how fast: beside tiktoken itself, other families' counts, and what costs nothing.

python -m bench.count [--quick] [--json]

The texts with the counts of other families are read from the folder that SWARM_BENCH_DATA names (token_counts.jsonl.gz); without it
that part is left out, and said to be. The priors and the weights of bytes were taken from other texts. How a model's count is learned
from usage is done on calls of four texts each, drawn from those of at least 400 characters: mean error of the call that follows. Times are of the processor.
"""

from __future__ import annotations

import gzip
import io
import os
import resource
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from statistics import mean, median
from typing import cast

import msgspec

from bench.options import parser_of, to_its_end
from bench.outcomes import FOLDER
from bench.table import Bar, Figure, show
from events.views.inputs import Inputs
from swarm.text.count import about, count, parts_of
from swarm.text.families import factor
from swarm.text.tokens import quick_tokens
from swarm.text.vocabulary import o200k

FAMILIES = {"o200k": "gpt-6-luna", "cl100k": "gpt-4", "claude3": "claude-sonnet-4-6", "claude48": "claude-opus-4-8"}
"""By the field of the data the name of a model that counts so."""

AFTER = (0, 1, 3, 10)
"""Usages that a provider has told before the call that is foreseen."""

TEXTS_A_CALL, LEAST_LETTERS = 4, 400
MEGABYTE = 1_000_000
BARS = {"exact": Bar(150), "sampled": Bar(10), "off": Bar(3), "start": Bar(0.8), "learned": Bar(4)}

Count = Callable[[str], int]


class Text(msgspec.Struct):
    """A text with how many tokens each family counts for it."""

    kind: str
    text: str
    o200k: int
    cl100k: int
    claude3: int
    claude48: int


def texts() -> list[Text]:
    """The public texts, none where they are not there."""
    path = Path(os.environ.get(FOLDER, "")) / "token_counts.jsonl.gz"
    if not os.environ.get(FOLDER) or not path.is_file():
        sys.stderr.write(f"no counts of other families: {FOLDER} names no folder with {path.name}\n")
        return []
    with gzip.open(path) as file:
        return [msgspec.json.decode(line, type=Text) for line in file]


def counts(found: Sequence[Text]) -> list[Figure]:
    """Whether ours are tiktoken's, and how far off the free ones are."""
    wrong = sum(count(each.text) != each.o200k for each in found)
    long = [each for each in found if len(each.text) >= LEAST_LETTERS]
    rows: list[tuple[str, Count]] = [
        ("quick count", quick_tokens),
        ("characters / 4", lambda text: len(text) // 4),
        ("bytes / 3", lambda text: len(text.encode()) // 3),
    ]
    said = f"of {len(found)}, by tiktoken with the published file"
    return [
        Figure("texts whose exact count is another", wrong, "", said, Bar(0)),
        *(Figure(f"{name}, mean error on a text", _error(long, of), "%", _sums(long, of)) for name, of in rows),
    ]


def _error(found: Sequence[Text], of: Count) -> float:
    return 100 * mean(abs(of(each.text) / each.o200k - 1) for each in found)


def _sums(found: Sequence[Text], of: Count) -> str:
    off = 100 * (sum(of(each.text) for each in found) / sum(each.o200k for each in found) - 1)
    return f"their sum {off:+.1f} %, {len(found)} texts"


def learned(found: Sequence[Text], runs: int) -> list[Figure]:
    """By family the mean error of a call's estimate after so many usages; by our exact count, by the quick one, by bytes."""
    ways: Mapping[str, tuple[Count, float]] = {
        "exact count": (count, 1.0),
        "quick count": (quick_tokens, 1.0),
        "bytes": (lambda text: len(text.encode()), 0.25),
    }
    figures: list[Figure] = []
    for family in FAMILIES:
        for way, (of, scale) in ways.items():
            errors = errors_of(found, family, of, scale, runs=runs)
            beside = ", ".join(f"after {n} {100 * mean(errors[n]):.1f}" for n in AFTER)
            bar = BARS["learned"] if way == "exact count" else None
            figures.append(Figure(f"{family} by {way}: error after 3 usages", 100 * mean(errors[3]), "%", beside, bar))
    return figures


def errors_of(found: Sequence[Text], family: str, of: Count, scale: float, *, runs: int) -> dict[int, list[float]]:
    """The errors of a family's estimates by how many usages were told before. `scale` makes tokens of what `of` counts."""
    errors: dict[int, list[float]] = {number: [] for number in AFTER}
    long = [(getattr(each, family), of(each.text)) for each in found if len(each.text) >= LEAST_LETTERS]
    for run in range(runs):
        draw, seen = Random(f"{family}/{run}"), Inputs()
        for number in range(max(AFTER) + 1):
            call = draw.sample(long, TEXTS_A_CALL)
            counted, own = sum(each for each, _ in call), sum(each for _, each in call)
            if number in errors:
                expected = factor(FAMILIES[family], seen.counted, seen.quick * scale) * own * scale
                errors[number].append(abs(expected / counted - 1))
            seen.add(counted, own)
    return errors


def long_texts() -> Iterator[tuple[str, str]]:
    """Texts of about a megabyte: Python of the standard library, prose and logs where they are, and JSON made here."""
    library = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    code = "".join(path.read_text("utf-8", "replace") for path in library)
    yield "Python", code[:MEGABYTE]
    rows = [{"id": number, "name": f"part {number % 97}", "ok": number % 3 == 0} for number in range(30_000)]
    yield "JSON", msgspec.json.encode(rows).decode()[:MEGABYTE]
    for name, title in (("qa_nq20", "Wikipedia"), ("logs_loghub", "logs")):
        path = Path(os.environ.get(FOLDER, ".")) / f"{name}.jsonl.gz"
        if os.environ.get(FOLDER) and path.is_file():
            with io.TextIOWrapper(gzip.open(path), "utf-8") as file:
                yield title, "\n".join(_strings(msgspec.json.decode(line)) for line in file)[:MEGABYTE]


def _strings(value: object) -> str:
    match value:
        case str():
            return value
        case dict():
            return " ".join(map(_strings, cast(dict[str, object], value).values()))
        case list():
            return " ".join(map(_strings, cast(list[object], value)))
        case _:
            return ""


def times(rounds: int) -> list[Figure]:
    return [figure for title, text in long_texts() for figure in _times_on(title, text, rounds)]


def _times_on(title: str, text: str, rounds: int) -> list[Figure]:
    scale = MEGABYTE / len(text)
    exact, sampled, quick = (
        median(_taken(lambda: count_it(text)) for _ in range(rounds))  # noqa: B023  # called at once
        for count_it in (_anew, about, quick_tokens)
    )
    found, tokens = about(text), count(text)
    said = f"{tokens:,} tokens, {tokens / exact / 1000:.1f} million a second; quick {scale * quick:.1f} ms"
    return [
        Figure(f"1 MB of {title}, exact", scale * exact, "ms", said, BARS["exact"]),
        Figure(f"1 MB of {title}, sampled", sampled, "ms", f"{len(text):,} characters", BARS["sampled"]),
        Figure(f"1 MB of {title}, sampled is off", 100 * abs(found.tokens / tokens - 1), "%", "", BARS["off"]),
    ]


def _anew(text: str) -> int:
    """Count without what is kept of earlier counts."""
    return sum(len(o200k().encode_ordinary(part)) for part in parts_of(text))


def _taken(act: Callable[[], object]) -> float:
    """The processor time that it takes, in milliseconds: others who keep the machine busy add little to it."""
    begun = time.process_time()
    act()
    return 1000 * (time.process_time() - begun)


def start(rounds: int) -> Figure:
    """A first count in a process of its own, without what a bare interpreter takes."""
    bare, counting = "pass", "from swarm.text.count import count; count('How many?')"
    taken = [median(_cpu_s(code) for _ in range(rounds)) for code in (counting, bare)]
    return Figure("first count of a process", taken[0] - taken[1], "s", "vocabulary included", BARS["start"])


def _cpu_s(code: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def figures(*, quick: bool, rounds: int | None = None) -> list[Figure]:
    found, rounds = texts(), rounds or (3 if quick else 15)
    judged = [*counts(found), *learned(found, 30 if quick else 300)] if found else []
    return [*judged, *times(rounds), start(rounds)]


def main() -> None:
    args = parser_of(__doc__, "fewer calls and rounds").parse_args()
    show("counting tokens", figures(quick=args.quick, rounds=args.rounds), as_json=args.json)


if __name__ == "__main__":
    to_its_end(main)
