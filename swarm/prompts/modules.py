"""Which modules of a long prompt a task is given: those that always hold, those whose condition does, and those that fit it. Pure.

What always holds comes first, so that requests of all tasks begin alike and a provider's prompt cache serves that; the others
stand behind it in their own order. A module is given whole or not at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from swarm.agents.modules import MOST_TOKENS, Facts, Module, holds, modules_of
from swarm.prompts.parts import Said
from swarm.task import Task, words_of
from swarm.text.rank import asked, impacts, terms
from swarm.text.tokens import quick_tokens

RULES_WEIGHT = 0.5
"""What it adds to the fit of a module that each of its lines forbids or demands something ("never", "always", "must")."""

RULES_ALONE = 0.1
"""What such a module has, of the fit of the best one, where it shares no word with the task."""

LEAST_FIT = 0.1
"""The share of the fit of the best module below which one fits too little, whatever room there is."""

_BETWEEN_PATHS = re.compile(r"[\s,;:()\[\]{}<>\"'`]+")
_PATH = re.compile(r"[\w*?.-]*(?:/[\w*?.-]+)+|[\w*?.-]+\.[A-Za-z]\w{0,7}")
_LONGEST_PATH = 300

ALWAYS, PARTLY, TOO_LITTLE, NO_ROOM = "always", "a part of it is given", "fits too little", "no room"


class Query(NamedTuple):
    """What modules are chosen by: the words of a task, and what conditions may speak of."""

    words: str
    facts: Facts


class Chosen(NamedTuple):
    """What a task is given of a prompt. `said` has an entry for each module, in the order of the prompt."""

    text: str
    said: tuple[Said, ...]


class _Fit(NamedTuple):
    score: float
    words: Sequence[str]  # of the task that stand in the module, those first that tell most


def query_of(task: Task, type_: str) -> Query:
    """What modules are chosen by for a task of that type: by nothing that another step or attempt would change."""
    written = [path for source in task.inputs for path in source.files]
    written += [output.path for output in task.written]
    words = words_of(task)
    paths = tuple(dict.fromkeys([*written, *_paths_in(words)]))
    facts = Facts(tags=task.tags, type=type_, tools=task.tools, paths=paths)
    tools = [word for word in task.tools if not word.startswith("-")]
    return Query("\n".join([words, type_, " ".join(task.tags), " ".join(paths), " ".join(tools)]), facts)


def _paths_in(text: str) -> list[str]:
    """What in a text looks like the path of a file."""
    words = (word.rstrip(".?") for word in _BETWEEN_PATHS.split(text) if "." in word or "/" in word)
    return [word for word in words if len(word) <= _LONGEST_PATH and _PATH.fullmatch(word)]


def chosen(
    text: str,
    query: Query,
    room: int | None,
    *,
    more: bool = False,
    divided: int = MOST_TOKENS,
    begins: bool = False,
) -> Chosen:
    """Choose of the modules of a prompt as many as `room` tokens hold; None: all but those whose condition does not hold.

    What always holds, and what a condition asks for, is given whatever room there is. A last line names what is left out;
    with `more` it says by which tool that can be read. Sections of more than so many tokens are `divided`; where the text `begins` with
    what matters most, its first section always holds.
    """
    modules = modules_of(text, divided)
    states = _by_conditions(modules, query.facts)
    first = next((number for number, module in enumerate(modules) if not module.is_head), None)
    if begins and first is not None:
        states[first] = True, ALWAYS
    if room is not None:
        line = quick_tokens(_line([each.title for each in modules], more))
        _by_fit(modules, _fits(text, query.words, divided), states, room - line)
    states = {number: states.get(number, (True, "no condition")) for number in range(len(modules))}
    said = tuple(Said(module.title, module.tokens, *states[number]) for number, module in enumerate(modules))
    return Chosen(told(text, said, more=more, divided=divided), said)


def told(text: str, said: Sequence[Said], *, more: bool = False, divided: int = MOST_TOKENS) -> str:
    """What is given of a prompt of whose modules that was said. Raises ValueError where it is said of another prompt."""
    modules = modules_of(text, divided)
    kept = {number for number, each in enumerate(said) if each.kept}
    if [module.title for module in modules] != [each.title for each in said]:
        raise ValueError("that was said of another prompt, or by another version of this program")
    if len(kept) == len(modules):
        return text
    first = [modules[number].text for number in sorted(kept) if said[number].why == ALWAYS]
    behind = [modules[number].text for number in sorted(kept) if said[number].why != ALWAYS]
    titles = [modules[number].title for number in _tops_out(modules, kept)]
    return "".join((*first, *behind, _line(titles, more))).rstrip()


def left_out(text: str, said: Sequence[Said]) -> dict[str, str]:
    """What was left out of a prompt, by the titles that its last line names."""
    modules = modules_of(text, MOST_TOKENS)
    kept = {number for number, each in enumerate(said) if each.kept}
    found: dict[str, str] = {}
    for top in _tops_out(modules, kept):
        whole = "".join(modules[number].text for number in (top, *_below(modules, top))).strip()
        title = modules[top].title
        found[title] = f"{found[title]}\n\n{whole}" if title in found else whole
    return found


def _by_conditions(modules: Sequence[Module], facts: Facts) -> dict[int, tuple[bool, str]]:
    """By number what conditions decide, with what follows for the sections around; what they leave open is not there."""
    found: dict[int, tuple[bool, str]] = {}
    for number, module in enumerate(modules):
        above = found.get(module.under)
        if module.is_head:
            found[number] = True, ALWAYS
        elif above is not None and not above[0]:
            found[number] = above
        elif module.when is not None:
            why = holds(module.when, facts)
            found[number] = (True, why) if why else (False, f"{module.when.said} does not hold")
    for number in range(len(modules) - 1, -1, -1):
        kept, why = found.get(number, (False, ""))
        under = modules[number].under
        if kept and under >= 0 and (under not in found or why == ALWAYS):
            found[under] = True, ALWAYS if why == ALWAYS else PARTLY
    return found


def _by_fit(modules: Sequence[Module], fits: Sequence[_Fit], states: dict[int, tuple[bool, str]], room: int) -> None:
    """Decide what conditions left open, the best first."""
    left = room - sum(modules[number].tokens for number, (kept, _) in states.items() if kept)
    best = max((fit.score for number, fit in enumerate(fits) if number not in states), default=0.0)
    for number in sorted(range(len(modules)), key=lambda number: (-fits[number].score, number)):
        if number in states:
            continue
        fit = fits[number]
        if not fit.score or fit.score < LEAST_FIT * best:
            states[number] = False, TOO_LITTLE
            continue
        wanted = [number, *_above(modules, number, states)]
        needed = sum(modules[each].tokens for each in wanted)
        if needed > left:
            states[number] = False, NO_ROOM
            continue
        left -= needed
        for each in wanted[1:]:
            states[each] = True, PARTLY
        states[number] = True, f"fits: {', '.join(fit.words[:4])}" if fit.words else "rules"


def _above(modules: Sequence[Module], number: int, states: Mapping[int, tuple[bool, str]]) -> list[int]:
    """The headings that stand above a module and are not given yet."""
    found: list[int] = []
    above = modules[number].under
    while above >= 0 and not states.get(above, (False, ""))[0]:
        found.append(above)
        above = modules[above].under
    return found


def _fits(text: str, query: str, divided: int) -> Sequence[_Fit]:
    """How well each module fits: by its words (BM25F), and more where it forbids or demands something."""
    modules, held = modules_of(text, divided), _index(text, divided)
    parts = [sorted(set(terms(part))) for part in asked(query)]
    scores = [_score(impact, parts) for impact in held]
    best = max(scores, default=0.0)
    whole = [term for term in parts[0] if not term.endswith("*")]
    return [
        _Fit(
            score * (1 + RULES_WEIGHT * module.rules) + RULES_ALONE * module.rules * best,
            sorted((term for term in whole if term in impact), key=lambda term: (-impact[term], term)),
        )
        for module, impact, score in zip(modules, held, scores, strict=True)
    ]


def _score(impact: Mapping[str, float], parts: Sequence[Sequence[str]]) -> float:
    whole, *clauses = (sum(impact[term] for term in part if term in impact) for part in parts)
    return whole + max(clauses, default=0.0)


@lru_cache(maxsize=32)
def _index(text: str, divided: int) -> Sequence[Mapping[str, float]]:
    """What each term adds to the fit of each module. A prompt is the same for many tasks: it is worked out once."""
    return impacts([{"name": module.title, "description": module.text} for module in modules_of(text, divided)])


def forget() -> None:
    """Drop what was worked out of prompts."""
    modules_of.cache_clear()
    _index.cache_clear()


def _line(titles: Sequence[str], more: bool) -> str:
    by = " The tool `more` gives one by its name." if more else ""
    return f"Left out here: {'; '.join(dict.fromkeys(titles))}.{by}" if titles else ""


def _tops_out(modules: Sequence[Module], kept: set[int]) -> list[int]:
    """The modules that are left out with all that stands below them, and stand below none of these."""
    whole: set[int] = set()
    for number in range(len(modules) - 1, -1, -1):
        if number not in kept and all(below in whole for below in _below(modules, number)):
            whole.add(number)
    return [number for number in sorted(whole) if modules[number].under not in whole]


def _below(modules: Sequence[Module], top: int) -> list[int]:
    """The modules that stand below one."""
    found = {top}
    for number in range(top + 1, len(modules)):
        if modules[number].under not in found:
            break
        found.add(number)
    return sorted(found - {top})
