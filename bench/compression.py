"""How short texts become, and what of them is kept: answers in documents, trouble in logs, rows of JSON, what code declares.

python -m bench.compression [--quick] [--json]

The questions of NQ-20 and HotpotQA and the logs of loghub are read from the folder that SWARM_BENCH_DATA names; without it documents
and a log are made up, and that is said. An answer is kept where its words still stand in the text: nobody reads it. Everything goes
through `swarm.compress.compress.compress`, whose limit holds the line at the end that says what is left out, too. Its weights were
chosen on every other question of these sets, the even ones; the rows say what holds for the others.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import sys
import time
import tokenize
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from statistics import mean, median
from typing import NamedTuple, TypeVar

import msgspec

from bench.options import parser_of, to_its_end
from bench.outcomes import FOLDER
from bench.shorteners import SIMPLE, Shorten, head, library
from bench.table import Bar, Figure, show
from swarm.compress.code import short_code
from swarm.compress.compress import compress
from swarm.compress.logs import fold
from swarm.compress.room import Count
from swarm.compress.rows import pack, unpack
from swarm.text.count import count
from swarm.text.embed import Embedder, installed_embedder

RATIOS = (2, 4, 8)
MUCH = 1 << 40
BARS = {"NQ-20": ((98, 98), (93, 95), (90, 90)), "HotpotQA": ((89, 91), (82, 82), (64, 66))}
"""In percent, by RATIOS: what a plain implementation without vectors keeps, and what ours should."""

_NUMBERS = re.compile(r"0x[0-9a-f]+|\b[0-9a-f]{8,}\b|\d+", re.IGNORECASE)
_BAD = re.compile(r"error|fail|exception|fatal|warn|critical|panic|denied|refused|abort|killed", re.IGNORECASE)
"""Which lines of a log are trouble, and what of them is no word: another rule than that of `swarm.compress.logs`, and a coarse one."""

T = TypeVar("T")


class Paragraph(msgspec.Struct):
    title: str
    sents: list[str]


class Question(msgspec.Struct):
    """Something asked of a document, and the texts of which one is the answer."""

    q: str
    answers: list[str]
    pars: list[Paragraph]

    def document(self) -> str:
        return "\n\n".join(f"{each.title}\n{' '.join(each.sents)}" for each in self.pars)

    def answered_by(self, text: str) -> bool:
        return any(answer.lower() in text.lower() for answer in self.answers)


class Log(msgspec.Struct):
    name: str
    text: str


class Set(NamedTuple):
    name: str
    questions: list[Question]


def question_sets() -> list[Set]:
    """The public questions, or such as are made up."""
    files = {"NQ-20": "qa_nq20", "HotpotQA": "qa_hotpot"}
    found = [Set(name, [*_lines(file, Question)]) for name, file in files.items()]
    return [each for each in found if each.questions] or [Set("made up", made_up(40))]


def _lines(name: str, kind: type[T]) -> Iterator[T]:
    folder = os.environ.get(FOLDER, "")
    path = Path(folder) / f"{name}.jsonl.gz"
    if not folder or not path.is_file():
        sys.stderr.write(f"no {name}.jsonl.gz: {FOLDER} names no folder with it\n")
        return
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield msgspec.json.decode(line, type=kind)


def made_up(size: int) -> list[Question]:
    """Documents of twenty towns, of which one is asked for a number that stands in one sentence."""
    draw = Random(size)
    things = ("steps", "bridges", "mills", "guilds", "towers", "markets", "canals", "chapels")
    found: list[Question] = []
    for _ in range(size):
        names = draw.sample(
            [
                f"{first}{last}"
                for first in ("Nor", "Sud", "Wes", "Ost", "Mid", "Hol")
                for last in ("ton", "ham", "ford", "wick", "bury")
            ],
            20,
        )
        pars: list[Paragraph] = []
        for name in names:
            sents = [
                f"It has {draw.randrange(1_000, 9_999)} {thing}, as the book of the year says." for thing in things
            ]
            draw.shuffle(sents)
            pars.append(Paragraph(name, [f"{name} is a town by a river.", *sents]))
        asked, thing = draw.choice(pars), draw.choice(things)
        answer = next(sentence for sentence in asked.sents if f" {thing}," in sentence).split()[2]
        found.append(Question(f"how many {thing} has {asked.title}", [answer], pars))
    return found


def ways() -> dict[str, Shorten]:
    """Ours first: by words alone, and with vectors where they are installed."""
    found = {"words": ours(None)}
    vectors = installed_embedder()
    if vectors is None:
        sys.stderr.write("no vectors: wordllama is not installed (the extra `embed`)\n")
    else:
        found["words and vectors"] = ours(vectors)
    return found


def ours(embedder: Embedder | None) -> Shorten:
    def shorten(text: str, sought: str, limit: int, count: Count) -> str:
        return compress(text, limit=limit, count=count, sought=sought, embedder=embedder, handle="read_output 1").text

    return shorten


def kept(shorten: Shorten, questions: Sequence[Question], ratio: int, count: Count = count) -> float:
    """The share of answers that still stand in a text of so many times fewer tokens, in percent."""
    texts = [(each, each.document()) for each in questions]
    short = [(each, shorten(text, each.q, count(text) // ratio, count)) for each, text in texts]
    return 100 * mean(each.answered_by(text) for each, text in short)


def answers(found: Set, beside: dict[str, Shorten]) -> list[Figure]:
    """The share of answers that is kept, beside that of other ways, and that of the questions on which nothing was chosen."""
    figures: list[Figure] = []
    for place, ratio in enumerate(RATIOS):
        others = ", ".join(f"{name} {kept(way, found.questions, ratio):.0f}" for name, way in beside.items())
        for name, way in ways().items():
            bar = Bar(*BARS[found.name][place], least=True) if found.name in BARS else None
            share, odd = kept(way, found.questions, ratio), kept(way, found.questions[1::2], ratio)
            said = f"of the odd ones {odd:.0f}" + (f"; {others}" if name == "words" else "")
            figures.append(Figure(f"{found.name}, {ratio} times shorter, {name}: answer kept", share, "%", said, bar))
    return figures


def times(questions: Sequence[Question]) -> list[Figure]:
    """What one text of about 2,000 tokens takes of a core."""
    figures: list[Figure] = []
    for name, way in ways().items():
        taken: list[float] = []
        for each in questions:
            text = each.document()
            limit = count(text) // 4
            begun = time.process_time()
            way(text, each.q, limit, count)
            taken.append(1000 * (time.process_time() - begun) * 2_000 / count(text))
        figures.append(Figure(f"2,000 tokens, {name}: time", median(taken), "ms", f"most {max(taken):.0f} ms", Bar(20)))
    return figures


def logs() -> list[Figure]:
    """How much shorter a log is, of each kind of line the first, and whether each trouble is in it."""
    found = [*_lines("logs_loghub", Log)] or [Log("made up", made_up_log())]
    figures, ratios, shares = list[Figure](), list[float](), list[float]()
    for log in found:
        begun = time.process_time()
        short = fold(log.text, limit=MUCH, count=count)
        taken = 1000 * (time.process_time() - begun)
        size = count(short.text)
        ratios.append(count(log.text) / size)
        shares.append(trouble_kept(log.text, short.text))
        of_head = trouble_kept(log.text, head(log.text, "", size, count))
        beside = f"{short.said}; trouble kept {shares[-1]:.0f} %, head {of_head:.0f} %; {taken:.0f} ms"
        figures.append(Figure(f"log {log.name}: times shorter", ratios[-1], "x", beside))
    return [
        *figures,
        Figure("logs: times shorter", mean(ratios), "x", f"median {median(ratios):.1f}", Bar(8, least=True)),
        Figure("logs: kinds of trouble kept", mean(shares), "%", "", Bar(100, least=True)),
    ]


def trouble_kept(log: str, short: str) -> float:
    """The share of kinds of trouble of a log that stand in a shorter one, in percent."""
    kinds = {_NUMBERS.sub("#", line).strip() for line in log.split("\n") if _BAD.search(line)}
    told = {_NUMBERS.sub("#", re.sub(r" \[x[\d,]+\]$", "", line)).strip() for line in short.split("\n")}
    return 100 * len(kinds & told) / len(kinds) if kinds else 100.0


def made_up_log() -> str:
    draw = Random(7)
    kinds = [
        f"{level} {word} {{}} of {{}}"
        for level in ("INFO", "INFO", "ERROR")
        for word in ("read", "sent", "held", "lost")
    ]
    return "\n".join(
        f"2026-11-02 10:{number // 60 % 60:02}:{number % 60:02} {draw.choice(kinds).format(number, draw.randrange(99))}"
        for number in range(2_000)
    )


def rows() -> list[Figure]:
    """Rows as an interface answers them, and whether they come back."""
    draw = Random(3)
    people = [
        {
            "id": number,
            "name": draw.choice(["Ada Lovelace", "Alan Turing", "Grace Hopper", "Kurt Gödel"]),
            "email": f"user{number}@example.org",
            "active": draw.random() < 0.8,
            "score": round(draw.random() * 100, 2),
            "address": {"city": draw.choice(["Ghent", "Bruges", "Leuven"]), "zip": str(draw.randrange(1000, 9999))},
        }
        for number in range(200)
    ]
    found: list[Figure] = []
    for name, indent in (("indented", 2), ("on one line", None)):
        text = json.dumps({"total": len(people), "people": people}, indent=indent, ensure_ascii=False)
        packed = pack(text)
        short = packed.text() if packed else text
        same = json.loads(unpack(short)) == json.loads(text)
        compact = count(text) / count(json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False))
        bar = Bar(2.5, least=True) if indent else None
        beside = f"without spaces {compact:.1f}; comes back: {'yes' if same else 'no'}"
        found.append(Figure(f"rows of JSON, {name}: times shorter", count(text) / count(short), "x", beside, bar))
    return found


def code(*, quick: bool) -> list[Figure]:
    """What code declares, of this repository and of Python's own library."""
    ours_ = [Path(path) for path in sorted(Path("swarm").rglob("*.py"))]
    library_ = sorted(Path(tokenize.__file__).parent.glob("*.py"))
    figures: list[Figure] = []
    for name, paths in (("this repository", ours_), ("Python's library", library_)):
        ratios, taken = list[float](), list[float]()
        for path in paths[:: 8 if quick else 1]:
            text = path.read_text(encoding="utf-8", errors="replace")
            begun = time.process_time()
            short = short_code(text, limit=MUCH, count=len)
            taken.append(1000 * (time.process_time() - begun))
            if short is not None and len(text) > 2_000:
                ratios.append(count(text) / max(1, count(short.text)))
        beside = (
            f"{len(ratios)} files; a tenth under {sorted(ratios)[len(ratios) // 10]:.1f}; {median(taken):.1f} ms a file"
        )
        figures.append(Figure(f"signatures of {name}: times shorter", median(ratios), "x", beside))
    return figures


def figures(*, quick: bool) -> list[Figure]:
    beside = dict(SIMPLE)
    other = library()
    if other is None:
        sys.stderr.write("no library beside ours: entroly is not installed\n")
    else:
        beside["entroly"] = other
    found: list[Figure] = []
    sets = [Set(each.name, each.questions[: 10 if quick else None]) for each in question_sets()]
    for each in sets:
        found += answers(each, beside)
    return [*found, *times(sets[0].questions), *logs(), *rows(), *code(quick=quick)]


def main() -> None:
    args = parser_of(__doc__, "ten questions of each set, and every eighth file").parse_args()
    show("texts made short, and what of them is kept", figures(quick=args.quick), as_json=args.json)


if __name__ == "__main__":
    to_its_end(main)
