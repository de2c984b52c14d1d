"""Which parts of many files a model is given: how many of those that a question needs are kept, and how long that takes.

python -m bench.context [--quick] [--json]

Generated repositories ask for one function by what it does, in words of which some stand in other functions, too; needed are that
function and all that it calls. Of this repository a docstring is the question, which is taken out of its file before; needed are the
function that it described and the functions of the same file that it calls. Beside ours: the head of each file, lines with five around
them that hold a word of the question, and parts drawn by chance. Nothing here was used to choose a number in the program.
"""

from __future__ import annotations

import ast
import re
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from statistics import mean, median
from typing import NamedTuple

from bench.options import parser_of, to_its_end
from bench.table import Bar, Figure, show
from swarm.context.blocks import File
from swarm.context.pack import relevant
from swarm.context.parts import outline
from swarm.context.sizes import size_of
from swarm.text.embed import Embedder, installed_embedder
from swarm.text.rank import words

SHARES = (0.1, 0.4, 0.7)
"""Of the bytes of all files: an outline has the first, `essential` the second, `extended` the third."""

ROOT = Path(__file__).parents[1]
MEGABYTE = 1_000_000
FILES = 8  # in which one question of this repository is asked about
BARS = {0.1: Bar(50, least=True), 0.4: Bar(80, least=True), 0.7: Bar(90, least=True)}
TIME_BAR = Bar(200)

_THINGS = [
    "invoice",
    "parcel",
    "refund",
    "customer",
    "coupon",
    "shelf",
    "driver",
    "route",
    "ticket",
    "meter",
    "reading",
    "tariff",
    "pump",
    "valve",
    "sensor",
]
_ACTS = [
    "compute",
    "validate",
    "merge",
    "schedule",
    "archive",
    "estimate",
    "assign",
    "reconcile",
    "publish",
    "inspect",
    "cancel",
    "balance",
]
_HOWS = [
    "by weight",
    "by date",
    "for the last quarter",
    "with a discount",
    "in bulk",
    "after delivery",
    "at night",
    "by region",
]
_OTHER = {
    "compute": "work out",
    "validate": "check that it is right",
    "merge": "put together",
    "archive": "store away for later",
    "estimate": "guess the size of",
    "assign": "give to somebody",
    "inspect": "look closely at",
    "cancel": "call off",
}


class Question(NamedTuple):
    """Files, what is asked, and what of them is needed to answer it: texts that stand in one of the files."""

    files: list[tuple[str, str]]
    text: str
    needed: list[str]


Method = Callable[[Question, int], list[str]]


def generated(seed: int, *, modules: int = 10, functions: int = 14) -> Iterator[Question]:
    """A repository whose functions call helpers and read constants of other modules, with a question for each module."""
    draw = Random(seed)
    names = draw.sample(_THINGS, modules)
    helpers = {name: [_helper(draw, name, number) for number in range(4)] for name in names}
    mains = {name: [_main(draw, name, number, helpers) for number in range(functions - 4)] for name in names}
    files = [(f"shop/{name}.py", _module(draw, name, helpers, mains[name])) for name in names]
    for name in names:
        text, asked, needed = draw.choice(mains[name])
        yield Question(files, asked, [text, *needed])


def _helper(draw: Random, thing: str, number: int) -> tuple[str, str]:
    name = f"_{draw.choice(_ACTS)}_{thing}_{number}".removeprefix("_" if number % 2 else "")
    body = "\n".join(f"    value = value * {draw.randint(2, 99)} + LIMIT_{draw.randint(0, 9)}" for _ in range(4))
    return name, f"def {name}(value: int) -> int:\n{body}\n    return value\n"


def _main(
    draw: Random, thing: str, number: int, helpers: dict[str, list[tuple[str, str]]]
) -> tuple[str, str, list[str]]:
    """A function, a question that describes it in partly other words, and the helpers that it calls."""
    act, how = draw.choice(_ACTS), draw.choice(_HOWS)
    called = [draw.choice(helpers[thing]), draw.choice(helpers[draw.choice([*helpers])])]
    calls = "\n".join(f"    total += {name}(len(items))" for name, _ in called)
    noise = "\n".join(
        f"    log('{draw.choice(_THINGS)} {draw.choice(_ACTS)}d', total)" for _ in range(draw.randint(1, 8))
    )
    text = (
        f"def {act}_{thing}_{how.split()[-1]}_{number}(items: list[int]) -> int:\n"
        f'    """{act.capitalize()} each {thing} {how}."""\n    total = 0\n{calls}\n{noise}\n    return total\n'
    )
    asked = f"How does the program {_OTHER.get(act, act)} a {thing} {how}, and what comes out?"
    return text, asked, [said for _, said in called]


def _module(
    draw: Random, thing: str, helpers: dict[str, list[tuple[str, str]]], mains: Sequence[tuple[str, str, list[str]]]
) -> str:
    used = sorted(
        {f"from shop.{other} import {name}" for other in helpers for name, _ in helpers[other] if other != thing}
    )
    limits = "\n".join(f"LIMIT_{number} = {draw.randint(1, 999)}" for number in range(10))
    parts = [said for _, said in helpers[thing]] + [text for text, _, _ in mains]
    draw.shuffle(parts)
    imports = [line for line in used if any(line.rpartition(" ")[2] in text for text, _, _ in mains)]
    return f'"""All about each {thing}."""\n\n' + "\n".join(imports) + f"\n\n{limits}\n\n\n" + "\n\n".join(parts)


def of_this_repository(count: int, folder: Path = ROOT / "swarm") -> Iterator[Question]:
    """Questions about functions of this program, each among some of its files, drawn by chance."""
    draw = Random("this repository")
    paths = sorted(folder.rglob("*.py"))
    texts = {path: path.read_text("utf-8") for path in paths}
    asked = [(path, node) for path in paths for node in _described(texts[path])]
    for path, node in draw.sample(asked, count):
        others = draw.sample([each for each in paths if each != path], FILES - 1)
        text, question = _without_docstring(texts[path], node)
        files = [(str(each.relative_to(ROOT)), texts[each]) for each in others]
        files.insert(draw.randrange(FILES), (str(path.relative_to(ROOT)), text))
        yield Question(files, question, _function_and_called(text, node.name))


_Function = ast.FunctionDef | ast.AsyncFunctionDef


def _functions(text: str) -> list[_Function]:
    return [node for node in ast.parse(text).body if isinstance(node, _Function)]


def _described(text: str) -> list[_Function]:
    """The functions that say what they do and are more than that."""
    return [
        node
        for node in _functions(text)
        if len((ast.get_docstring(node) or "").split()) >= 6 and len(node.body) > 1 and not node.decorator_list
    ]


def _without_docstring(text: str, node: _Function) -> tuple[str, str]:
    lines, said = text.splitlines(keepends=True), node.body[0]
    question = (ast.get_docstring(node) or "").replace("`", "")
    del lines[said.lineno - 1 : said.end_lineno]
    return "".join(lines), question


def _function_and_called(text: str, name: str) -> list[str]:
    known = {node.name: node for node in _functions(text)}
    used = {each.id for each in ast.walk(known[name]) if isinstance(each, ast.Name)}
    lines = text.splitlines(keepends=True)
    return [
        "".join(lines[node.lineno - 1 : node.end_lineno])
        for node in known.values()
        if node.name == name or (node.name in used and not node.decorator_list)
    ]


def ours(embedder: Embedder | None, *, fill: bool) -> Method:
    return lambda question, most: relevant(question.files, question.text, most, fill=fill, embedder=embedder)


def head(question: Question, most: int) -> list[str]:
    """Of each file its beginning, the same share of each."""
    total = sum(size_of(text) for _, text in question.files)
    raw = [text.encode() for _, text in question.files]
    return [text[: len(text) * most // total].decode("utf-8", "ignore") for text in raw]


def around_words(question: Question, most: int) -> list[str]:
    """The lines that hold a word of the question with five around them, from the first file on, while there is room."""
    sought = frozenset(words(question.text))
    kept: list[str] = []
    for _, text in question.files:
        lines = text.splitlines(keepends=True)
        hits = [number for number, line in enumerate(lines) if sought & set(words(line))]
        wanted = sorted({at for hit in hits for at in range(max(0, hit - 5), min(len(lines), hit + 6))})
        taken: list[str] = []
        for at in wanted:
            if (most := most - size_of(lines[at])) < 0:
                break
            taken.append(lines[at])
        kept.append("".join(taken))
    return kept


def by_chance(question: Question, most: int) -> list[str]:
    """Parts of the files, as ours are, in any order."""
    draw = Random(question.text)
    parts = [file.said(number) for file in _divided(question) for number in range(len(file.blocks))]
    draw.shuffle(parts)
    kept: list[str] = []
    for part in parts:
        if size_of(part) <= most:
            most -= size_of(part)
            kept.append(part)
    return kept


def _divided(question: Question) -> list[File]:
    return [File(name, text) for name, text in question.files]


def kept_of(questions: Sequence[Question], method: Method, share: float) -> float:
    """In percent, of what the questions need how much is kept as it stands, the mean over the questions."""
    shares: list[float] = []
    for question in questions:
        most = int(share * sum(size_of(text) for _, text in question.files))
        found = method(question, most)
        assert sum(map(size_of, found)) <= most, "a method that takes more than its room is no method"
        shares.append(mean(any(each.strip() in text for text in found) for each in question.needed))
    return 100 * mean(shares)


def methods() -> list[tuple[str, Method]]:
    vectors = installed_embedder()
    if vectors is None:
        sys.stderr.write("no vectors: wordllama is not installed (the extra `embed`)\n")
    return [
        ("words and symbols", ours(None, fill=True)),
        *([("words, symbols and vectors", ours(vectors, fill=True))] if vectors else []),
        ("head of each file", head),
        ("word +-5 lines", around_words),
        ("parts by chance", by_chance),
    ]


def kept(name: str, questions: Sequence[Question]) -> Iterator[Figure]:
    size = mean(sum(size_of(text) for _, text in question.files) for question in questions)
    beside = f"{len(questions)} questions, {size / 1000:.0f} KB each"
    for said, method in methods():
        for share in SHARES:
            bar = BARS[share] if said.startswith("words") else None
            yield Figure(f"{name}: {said}, {share:.0%}", kept_of(questions, method, share), "%", beside, bar)


def outlines() -> Figure:
    texts = [path.read_text("utf-8") for path in sorted((ROOT / "swarm").rglob("*.py")) if path.stat().st_size > 2_000]
    shares = [100 * size_of(outline("a.py", text)) / size_of(text) for text in texts]
    return Figure("an outline of a file of this repository", median(shares), "%", f"{len(texts)} files, the median")


def large_files() -> dict[str, str]:
    """A megabyte each, of the running Python's own sources, of a log, and of Markdown."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    source = "".join(
        re.sub(r"(?m)^from __future__.*$", "", path.read_text("utf-8", "replace"))
        for path in sorted(folder.glob("*.py"))
    )
    log = "".join(
        f"2026-11-21 12:{n // 60 % 60:02}:{n % 60:02} worker {n % 7} took {n * 37 % 911} ms\n" for n in range(30_000)
    )
    said = "It says what worker {} does with parcel {}, and how long that took when it was measured. "
    page = "".join(
        f"## Section {n % 977}\n\n{''.join(said.format(n % 97 + each, n % 31) for each in range(4))}\n\n"
        for n in range(3_000)
    )
    return {"a.py": source[:MEGABYTE], "a.log": log[:MEGABYTE], "a.md": page[:MEGABYTE]}


def times(rounds: int) -> Iterator[Figure]:
    for name, text in large_files().items():
        taken, fresh = list[float](), text
        for number in range(rounds):
            fresh = f"{text}\n# {number}\n"  # what was divided before is kept
            begun = time.process_time()
            relevant([(name, fresh)], "Which worker parses the addresses of a message?", 8_000)
            taken.append(1000 * (time.process_time() - begun))
        begun = time.process_time()
        relevant([(name, fresh)], "What is said of parcel 7?", 8_000)
        again = f"another question {1000 * (time.process_time() - begun):.0f} ms, {len(text) / MEGABYTE:.2f} MB"
        yield Figure(f"the parts of {name} that fit, the first time", median(taken), "ms", again, TIME_BAR)


def figures(*, quick: bool) -> list[Figure]:
    made = [question for seed in range(2 if quick else 12) for question in generated(seed)]
    return [
        *kept("generated", made),
        *kept("this repository", [*of_this_repository(10 if quick else 120)]),
        outlines(),
        *times(2 if quick else 9),
    ]


def main() -> None:
    args = parser_of(__doc__, "30 questions and fewer rounds").parse_args()
    show("parts of files that a question needs", figures(quick=args.quick), as_json=args.json)


if __name__ == "__main__":
    to_its_end(main)
