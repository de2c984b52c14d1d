"""Which of many tools a step is offered: those that fit its text best, by words, by meaning and by what was used before."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from swarm.messages import ToolSpec
from swarm.text.rank import asked, words
from swarm.tools.base import Said, Tool, ToolRefused
from swarm.tools.describe import in_full, properties_of

if TYPE_CHECKING:
    from swarm.text.embed import Embedder
    from swarm.text.index import Index

Past = Mapping[str, Sequence[str]]
"""By the name of a tool texts of steps whose accepted work it was used in, the newest last."""

_NO_PAST: Past = {}

MOST = 10
"""Tools that a step is offered where nothing else is said. With more a model chooses worse, and each request carries them."""

MOST_FOUND = 5
"""Tools that `find_tool` gives for a query."""

FIND_TOOL = "find_tool"

_NAMED, _MOST_SHARED = 20, 3  # of the tools that are not offered, and of the words for which one is
_KEPT = 8  # indexes: of as many lists of tools


class Offered(msgspec.Struct, frozen=True):
    tool: Tool
    why: str  # for people: "named", "one of few", "of general use", or what of the step led to it


class Selection(msgspec.Struct, frozen=True):
    """What a step is offered, the best first, and the names of all others, those first that fit next best."""

    offered: tuple[Offered, ...]
    others: tuple[str, ...] = ()

    @property
    def tools(self) -> tuple[Tool, ...]:
        return tuple(each.tool for each in self.offered)


class _Known(msgspec.Struct, frozen=True):
    """A list of tools as it was given, and what was made of it."""

    tools: Sequence[Tool]
    past: Past
    documents: bytes
    index: Index
    numbers: Mapping[str, int]  # of the tools by their names, in their order
    own: Sequence[int]


class Selector:
    """Selects from lists of tools, of which it keeps an index each.

    A list and a past that were given are not changed afterwards: those who give the very same ones again pay for no look at them.
    """

    def __init__(self, embedder: Embedder | None = None) -> None:
        self._embedder = embedder
        self._known: list[_Known] = []

    def select(
        self,
        tools: Sequence[Tool],
        query: str,
        past: Past | None = None,
        *,
        most: int = MOST,
        named: Collection[str] = (),
    ) -> Selection:
        """Choose up to `most` of the tools, each of its own name, for a step with this text.

        Those that are `named` come first, and are all offered. Places for which none fits go to our own tools, which serve
        many a step. What comes back depends on nothing but the arguments; of tools that fit equally the one that stands
        first comes first.
        """
        if len(tools) <= most:
            return Selection(tuple(Offered(tool, "named" if tool.name in named else "one of few") for tool in tools))
        known = self._know(tools, past or _NO_PAST)
        why = dict.fromkeys(sorted(known.numbers[name] for name in named if name in known.numbers), "named")
        room = max(most, len(why))
        for hit in known.index.best(query, len(tools)):
            why.setdefault(hit.number, "")  # it is said of those alone that are offered
        for number in known.own:
            why.setdefault(number, "of general use")
        first, names = [*why][:room], [*known.numbers]
        shared = known.index.shared(query, first)
        offered = [
            Offered(tools[number], why[number] or self._said(known, number, words))
            for number, words in zip(first, shared, strict=True)
        ]
        rest = [*dict.fromkeys((*why, *range(len(names))))][len(first) :]
        return Selection(tuple(offered), tuple([names[number] for number in rest]))

    def find(
        self,
        tools: Sequence[Tool],
        query: str,
        past: Past | None = None,
        *,
        but: Collection[str] = (),
        most: int = MOST_FOUND,
    ) -> list[Tool]:
        """Return up to `most` tools that fit the query, the best first, without those that are named in `but`."""
        hits = self._know(tools, past or _NO_PAST).index.best(query, len(tools))
        return [tools[hit.number] for hit in hits if tools[hit.number].name not in but][:most]

    def _know(self, tools: Sequence[Tool], past: Past) -> _Known:
        """What is known of these tools, from before where they are the same or look the same."""
        for known in self._known:
            if known.tools is tools and known.past is past:
                return known
        documents = [document_of(tool, past.get(tool.name, ())) for tool in tools]
        look = msgspec.json.encode(documents)
        index = next((known.index for known in self._known if known.documents == look), None)
        if index is None:
            from swarm.text.index import Index  # it imports numpy, which few tools do not need

            index = Index(documents, self._embedder)
        numbers = {tool.name: number for number, tool in enumerate(tools)}
        own = [number for number, tool in enumerate(tools) if not tool.source]
        known = _Known(tools, past, look, index, numbers, own)
        others = [other for other in self._known if other.documents != look]
        self._known = [known, *others[: _KEPT - 1]]
        return known

    def _said(self, known: _Known, number: int, shared: Sequence[str]) -> str:
        """What led to a tool that fits."""
        if shared:
            return f"words: {', '.join(shared[:_MOST_SHARED])}"
        if known.past.get(known.tools[number].name):
            return "used in like steps"
        return "like words" if self._embedder is None else "like in meaning"


def document_of(tool: Tool, past: Sequence[str] = ()) -> dict[str, str]:
    """Return the tool as it is looked for, by the fields of `swarm.text.rank`."""
    said = [f"{name} {schema.get('description', '')}" for name, schema in properties_of(tool.spec).items()]
    return {
        "name": tool.name,
        "description": tool.spec.description,
        "tags": " ".join((*tool.tags, tool.source)),
        "parameters": " ".join(said),
        "past": "\n".join(" ".join(asked(text)[0].split()) for text in past),
    }


def find_tool(
    tools: Sequence[Tool],
    selection: Selection,
    find: Callable[[str, Collection[str]], Sequence[Tool]],
    offer: Callable[[Sequence[Tool]], None],
) -> Tool:
    """Return the tool by which a model finds others than those of `selection`, or reads all that one says of itself.

    `find` gives the best for a query without those named beside it, as `Selector.find` does; what it gave is handed to `offer`,
    each tool once, before the model is told of it.
    """
    given = {each.tool.name for each in selection.offered}
    by_name = {tool.name: tool for tool in tools}

    async def use(arguments: Mapping[str, Any]) -> Said:
        query = str(arguments["query"])
        if not words(query):
            raise ToolRefused(f"{FIND_TOOL} needs words that say what the tool should do, not {query!r}")
        exact = by_name.get(query.strip())
        found = [exact] if exact else list(find(query, given))
        fresh = [tool for tool in found if tool.name not in given]
        if fresh:
            offer(fresh)
            given.update(tool.name for tool in fresh)
        return Said(text=_told(found), failed=not found)

    return Tool(
        spec=_find_spec(selection.others), effect="none", use=use, subject="query", repeatable=True, in_copy=False
    )


def _find_spec(others: Sequence[str]) -> ToolSpec:
    named = ", ".join(others[:_NAMED])
    more = f" and {len(others) - _NAMED:,} more" if len(others) > _NAMED else ""
    return ToolSpec(
        name=FIND_TOOL,
        description="Find a tool that is not offered yet, by what it does or by its name."
        + (f" There are: {named}{more}." if others else ""),
        parameters={"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
    )


def _told(found: Sequence[Tool]) -> str:
    if not found:
        return "No other tool fits that. Say in other words what it should do, or go on with those that you have."
    return "You can use, through use_tool:\n\n" + "\n\n".join(in_full(tool.spec) for tool in found)
