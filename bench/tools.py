"""How well tools are found, how long that takes, and what tools cost in a request.

python -m bench.tools [--quick] [--json]

The queries and tools of MetaTool are read from the folder that SWARM_BENCH_DATA names; without it that part is left out, and said
to be. Each of its queries has one right tool; for steps that need two, two queries are put behind each other. What a tool was used
for before is drawn from its earlier queries. The 57 tools of seven public MCP servers are those of tests/data/mcp_tools.json.
"""

from __future__ import annotations

import gzip
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from statistics import mean, median
from typing import NamedTuple, TypeVar

import msgspec

from bench.options import parser_of, to_its_end
from bench.outcomes import FOLDER
from bench.table import Bar, Figure, show
from swarm.messages import ToolSpec
from swarm.text.count import count_request
from swarm.text.embed import Embedder, installed_embedder
from swarm.text.index import Index
from swarm.tools.base import Tool
from swarm.tools.describe import in_brief
from swarm.tools.select import Past, Selection, Selector, document_of, find_tool
from tests.tools.mcptools import mcp_tools, tool

PAST = (0, 1, 3, 10, 30)
AT = (1, 5, 10)
SIZES = (199, 1_000, 2_479)
PAIRS = 500
BARS = {(0, 5): Bar(74, least=True), (0, 10): Bar(81, least=True), (10, 5): Bar(86, least=True)}
"""In percent, by how many past queries a tool has and among how many the right one is to be."""

STEPS: Sequence[tuple[str, Sequence[str]]] = (
    ("Find out why the build is slow: read the build file and the log of the last run", ["read_text_file"]),
    ("Replace the old host name in settings.toml by the new one", ["edit_file"]),
    ("Which Python files are there below src, and how large are they?", ["search_files", "list_directory_with_sizes"]),
    ("Move the drafts into the folder archive, which does not exist yet", ["move_file", "create_directory"]),
    ("Commit what was changed in the repository, with a message that says why", ["git_add", "git_commit"]),
    ("What has changed between this branch and main?", ["git_diff"]),
    ("Make a branch for the fix and switch to it", ["git_create_branch", "git_checkout"]),
    ("Who changed the parser last week? Look at the history of the commits", ["git_log"]),
    ("Remember that Ada works on the compiler and that Grace leads the team", ["create_entities", "create_relations"]),
    ("What do we know about Ada? Look it up in the knowledge graph", ["search_nodes"]),
    ("Download the release notes from the project's web page and sum them up", ["fetch"]),
    ("The meeting is at 15:00 in Berlin. When is that in Tokyo?", ["convert_time"]),
    ("How many customers ordered in May? Query the SQLite database", ["read_query"]),
    ("Create a table for invoices, and say which tables there are then", ["create_table", "list_tables"]),
    ("Compress the report as a gzip file", ["gzip-file-as-resource"]),
)
"""What people want of the tools of these servers, each with those without which it cannot be done."""


class Listed(msgspec.Struct):
    name: str
    description: str


class Asked(msgspec.Struct):
    q: str
    gold: list[list[int]]


class Earlier(msgspec.Struct):
    q: str
    tool: int


class MetaTool(NamedTuple):
    tools: list[Listed]
    queries: list[tuple[str, int]]
    earlier: list[list[str]]  # by tool


T = TypeVar("T")


def meta_tool() -> MetaTool | None:
    """The tools and queries of MetaTool, None where they are not there."""
    folder = os.environ.get(FOLDER, "")
    paths = [Path(folder) / f"{name}_metatool.jsonl.gz" for name in ("tools", "queries", "history")]
    if not folder or not all(path.is_file() for path in paths):
        return None
    tools = [*_lines(paths[0], Listed)]
    queries = [(asked.q, asked.gold[0][0]) for asked in _lines(paths[1], Asked)]
    earlier: list[list[str]] = [[] for _ in tools]
    for each in _lines(paths[2], Earlier):
        earlier[each.tool].append(" ".join(each.q.split()))
    return MetaTool(tools, queries, earlier)


def _lines(path: Path, kind: type[T]) -> Iterator[T]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield msgspec.json.decode(line, type=kind)


def finders() -> list[tuple[str, Embedder | None]]:
    vectors = installed_embedder()
    if vectors is None:
        sys.stderr.write("no vectors: wordllama is not installed (the extra `embed`)\n")
    return [("words", None), *([("words and vectors", vectors)] if vectors else [])]


def recall(
    data: MetaTool, name: str, embedder: Embedder | None, past: int, *, queries: int, draws: int
) -> list[Figure]:
    """How often the right tool is among the first ones, where each has so many past queries: the mean of some draws of them."""
    places, pairs = list[int](), list[float]()
    for draw in range(draws if past else 1):
        index = _index(data, embedder, past, Random(draw))
        for query, right in data.queries[:queries]:
            numbers = [hit.number for hit in index.best(query, max(AT))]
            places.append(numbers.index(right) if right in numbers else max(AT))
        pairs.append(_of_two(data, index, queries))
    first, *others = (100 * mean(place < at for place in places) for at in AT)
    said = f"{name}, {past or 'no'} past {'query' if past == 1 else 'queries'} a tool"
    figures = [
        Figure(
            f"{said}: among the first {at}",
            share,
            "%",
            f"first {first:.1f} %" if at == AT[1] else "",
            BARS.get((past, at)),
        )
        for at, share in zip(AT[1:], others, strict=True)
    ]
    return [*figures, Figure(f"{said}: two queries in one", mean(pairs), "%", "among the first 10")]


def _index(data: MetaTool, embedder: Embedder | None, past: int, draw: Random) -> Index:
    used = [draw.sample(earlier, min(past, len(earlier))) for earlier in data.earlier]
    named = [tool(listed.name, listed.description) for listed in data.tools]
    return Index([document_of(each, texts) for each, texts in zip(named, used, strict=True)], embedder)


def _of_two(data: MetaTool, index: Index, queries: int) -> float:
    """The share of right tools among ten where a query is two, one behind the other."""
    draw, shares = Random("pairs"), list[float]()
    for _ in range(min(PAIRS, queries)):
        (one, first), (other, second) = draw.sample(data.queries, 2)
        numbers = {hit.number for hit in index.best(f"{one} {other}", 10)}
        shares.append((first in numbers) / 2 + (second in numbers) / 2)
    return 100 * mean(shares)


def many_tools(size: int) -> tuple[Tool, ...]:
    """So many tools, of words as those of the public ones are: the frequent ones are frequent."""
    draw = Random(size)
    words = [word for each in mcp_tools() for word in each.spec.description.split()]
    names = [word for each in mcp_tools() for word in each.name.replace("-", "_").split("_")]
    return tuple(
        tool(f"{'_'.join(draw.choices(names, k=3))}_{number}", " ".join(draw.choices(words, k=15)), source="many")
        for number in range(size)
    )


def times(name: str, embedder: Embedder | None, size: int, rounds: int) -> Figure:
    """How long it takes to choose ten of so many tools whose index is there, each with three past queries."""
    tools, texts = many_tools(size), [text for text, _ in STEPS]
    past: Past = {
        each.name: [texts[(number + at) % len(texts)] for at in range(3)] for number, each in enumerate(tools)
    }
    selector = Selector(embedder)
    begun = time.perf_counter()
    selector.select(tools, texts[0], past)
    built = time.perf_counter() - begun
    taken = sorted(_timed(selector, tools, text, past) for _ in range(rounds) for text in texts)
    beside = f"p95 {taken[len(taken) * 95 // 100]:.2f} ms; the index once {1000 * built:.0f} ms"
    bar = Bar(1.0) if size == SIZES[1] else None
    return Figure(f"{name}: 10 of {size:,} tools", median(taken), "ms", beside, bar)


def _timed(selector: Selector, tools: tuple[Tool, ...], text: str, past: Past) -> float:
    begun = time.perf_counter()
    selector.select(tools, text, past)
    return 1000 * (time.perf_counter() - begun)


def costs(name: str, embedder: Embedder | None) -> list[Figure]:
    """What tools cost in a request, against all of them as they describe themselves."""
    tools, selector = mcp_tools(), Selector(embedder)
    chosen = [selector.select(tools, text) for text, _ in STEPS]
    asked = [count_request((), tools=_offered(tools, selection, in_full=True)).total for selection in chosen]
    brief = [count_request((), tools=_offered(tools, selection, in_full=False)).total for selection in chosen]
    all_ = count_request((), tools=[each.spec for each in tools]).total
    all_brief = count_request((), tools=[in_brief(each.spec) for each in tools]).total
    needed = [name for _, names in STEPS for name in names]
    there = sum(
        name in {each.name for each in selection.tools}
        for selection, (_, names) in zip(chosen, STEPS, strict=True)
        for name in names
    )
    return [
        Figure("all 57 in brief, tokens saved", 100 * (1 - all_brief / all_), "%", f"{all_brief:,} of {all_:,}"),
        Figure(
            f"{name}: those chosen, tokens saved", 100 * (1 - mean(asked) / all_), "%", f"{mean(asked):,.0f} a step"
        ),
        Figure(
            f"{name}: those chosen in brief, tokens saved",
            100 * (1 - mean(brief) / all_),
            "%",
            f"{mean(brief):,.0f} a step, find_tool with them",
            Bar(70, least=True),
        ),
        Figure(
            f"{name}: of the tools that {len(STEPS)} steps need, chosen",
            100 * there / len(needed),
            "%",
            f"{there} of {len(needed)}",
        ),
    ]


def _offered(tools: Sequence[Tool], selection: Selection, *, in_full: bool) -> list[ToolSpec]:
    finder = find_tool(tools, selection, lambda query, but: (), lambda found: None)
    return [each.spec if in_full else in_brief(each.spec) for each in (*selection.tools, finder)]


def figures(*, quick: bool) -> list[Figure]:
    found, data = list[Figure](), meta_tool()
    if data is None:
        sys.stderr.write(f"no queries of MetaTool: {FOLDER} names no folder with them\n")
    for name, embedder in finders():
        for past in PAST:
            if data:
                found += recall(
                    data, name, embedder, past, queries=100 if quick else sys.maxsize, draws=1 if quick else 3
                )
        found += [times(name, embedder, size, 2 if quick else 20) for size in SIZES]
        found += costs(name, embedder)
    return found


def main() -> None:
    args = parser_of(__doc__, "100 queries, one draw of past ones, and fewer rounds").parse_args()
    show("finding tools, and what they cost in a request", figures(quick=args.quick), as_json=args.json)


if __name__ == "__main__":
    to_its_end(main)
