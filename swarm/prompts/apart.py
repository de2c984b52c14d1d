"""Messages that were sent, taken apart again into the parts that they were made of. Pure.

Parts begin with marks: a heading, the name over a fence, a rule's own words. Where a text that somebody wrote, such as a plan,
holds a mark of its own, it is told apart from a real one by what is known word for word: the task and what was said of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from swarm.compress.history import BEGIN, END
from swarm.messages import Message
from swarm.prompts.build import NEEDS, OTHERS, bodies_of, module
from swarm.prompts.length import LENGTH_LINE
from swarm.prompts.parts import GAP, Part
from swarm.task import Role, Task, agents_of


class _Section(NamedTuple):
    """A kind of part: how it begins, and whether a fence ends it. One of which the mark is all there is ends with that."""

    name: str
    mark: str
    fenced: bool = False
    whole: bool = False


_BRIEF = (
    _Section("task", r"\# Task\n"),
    _Section("material", r"(?P<of>[^\n]+):\n(?=<{3,}\n)", fenced=True),
    _Section("others", rf"{re.escape(OTHERS)}[^\n]+", whole=True),
    _Section("more", re.escape(module("worker_more")), whole=True),
    _Section("demands", r"\# It is accepted when\n"),
    _Section("files", r"\# Your answer\n"),
    _Section("handover", r"\# What was done before\n", fenced=True),
    _Section("needs", rf"\# {NEEDS}\n"),
    _Section("approach", r"\# Approach\n"),
    _Section("step", r"\# Your step, [0-9]+ of [0-9]+: [^\n]*\n"),
    _Section("feedback", r"\# Your last draft was not accepted\n"),
)
_JUDGED = (
    _Section("asked", r"\# What was asked\n"),
    _Section("task", r"\# The task that this is a step of\n"),
    _Section("demands", r"\# It is accepted when\n"),
    _Section("points", r"\# Points\n"),
    _Section("notes", r"\# What the checks found\n"),
    _Section("changes", r"\# What was changed of the project, which is part of the work\n", fenced=True),
    _Section("draft", r"\# Draft\n", fenced=True),
)
"""What a brief may hold, in its order. Of material there may be several."""

_LAST = (
    ("length", re.compile(rf"{GAP}({LENGTH_LINE})\Z")),
    (
        "suggestion",
        re.compile(
            rf"{GAP}(An earlier task asked: [^\n]+\nIts accepted answer was:\n(<{{3,}})\n(?:(?!{GAP}An earlier task asked: ).)*"
            r"\n>{3,}\nCheck whether it holds here, too\.)\Z",
            re.DOTALL,
        ),
    ),
    ("budget", re.compile(rf"{GAP}(\(You may take [0-9,]+ tokens for this\.\))\Z")),
    (
        "budget",
        re.compile(rf"{GAP}(The budget of this work has [^\n]+: be brief\.(?: Answer in at most [0-9]+ words\.)?)\Z"),
    ),
)
"""Lines that stand at the end of a brief, the last one first."""

NOTHING: Mapping[str, Sequence[str]] = {}

_FENCE = re.compile(r"(?P<open><{3,})\n")
_ROLES: Sequence[Role] = ("explorer", "worker", "validator")


def parts_of(
    messages: Sequence[Message], *, task: Task | None = None, said: Mapping[str, Sequence[str]] = NOTHING
) -> list[Sequence[Part]]:
    """The parts of each message; joined, they are its text, whatever that is.

    `said` is what was recorded of the task beside its file, word for word, by the name of the part that it stands in. Without
    it and without the task, parts are told apart by their marks alone.
    """
    bodies: dict[str, Sequence[str]] = {}
    for name, texts in (*said.items(), *(bodies_of(task) if task else NOTHING).items()):
        bodies[name] = _stripped((*bodies.get(name, ()), *texts))
    tools: dict[str, str] = {}  # by the id of a call; some models give the same ids in each turn
    briefed = False
    found: list[Sequence[Part]] = []
    for message in messages:
        tools.update({call.id: call.name for call in message.calls})
        found.append(_parts(message, task, bodies, tools, briefed=briefed))
        briefed = briefed or message.speaker == "user"
    return found


def _parts(
    message: Message, task: Task | None, bodies: Mapping[str, Sequence[str]], tools: Mapping[str, str], *, briefed: bool
) -> Sequence[Part]:
    if not message.text:
        return ()
    match message.speaker:
        case "system":
            return _system_parts(message.text, task)
        case "assistant":
            return _answer_parts(message.text)
        case "tool":
            return (Part("output", message.text, tools.get(message.answers, "")),)
        case "user":
            return (Part("asked again", message.text),) if briefed else _brief_parts(message.text, task, bodies)


def _answer_parts(text: str) -> Sequence[Part]:
    """What a model said; before it may stand what older turns of the conversation came to."""
    end = text.find(f"\n{END}") + 1 + len(END)  # what tools said stands behind a mark there
    if not text.startswith(BEGIN) or end <= len(END):
        return (Part("answer", text),)
    own = text[end:].removeprefix(GAP)
    return (Part("history", text[:end]), *((Part("answer", own),) if own else ()))


def _brief_parts(text: str, task: Task | None, bodies: Mapping[str, Sequence[str]]) -> Sequence[Part]:
    if task is not None and text == task.prompt:
        return (Part("task", text),)
    fence = _FENCE.match(text)
    if fence and _fence_end(text, fence) == len(text):
        return (Part("record", text),)
    head, last = _without_last(text)
    if task is not None and head == task.prompt:
        return (Part("task", head), *last)
    if head.startswith("# What was asked\n"):
        return [*_cut(text, _JUDGED, bodies)]
    if head.startswith("# Task\n"):
        return [*_cut(head, _BRIEF, bodies), *last]
    return (Part("task", head), *last)


def _without_last(text: str) -> tuple[str, Sequence[Part]]:
    """The text without the lines at its end, and these."""
    last: list[Part] = []
    for name, pattern in _LAST:
        match = pattern.search(text)
        if match and match.start():
            text = text[: match.start()]
            last.insert(0, Part(name, match[1]))
    return text, last


def _system_parts(text: str, task: Task | None) -> Sequence[Part]:
    """What stands under no mark is the role where it stands first, skills where it stands last, else of the agent."""
    parts = [*_cut(text, [*_system_sections(task)], NOTHING)]
    for at, part in enumerate(parts):
        if not part.name:
            parts[at] = part._replace(name="role" if at == 0 else "skills" if at == len(parts) - 1 else "agent")
    return parts


def _system_sections(task: Task | None) -> Iterator[_Section]:
    agents = {agent.prompt for role in _ROLES for agent in agents_of(task, role)} if task else set[str]()
    own = {config.prompt for config in task.roles.values() if config.prompt} if task else set[str]()
    for name, texts in (
        ("role", [module(name) for name in (*_ROLES, "subagent", "summariser", "history")]),
        ("agent", agents),
        ("length", None),
        ("own words", own),
        ("material rule", [module("worker_material")]),
        ("tools rule", [module("worker_tools")]),
    ):
        mark = LENGTH_LINE if texts is None else _any_of(texts)
        if mark:
            yield _Section(name, rf"(?:{mark})(?={GAP}[\s\S]|\Z)", whole=True)


def _stripped(texts: Iterable[str]) -> Sequence[str]:
    """As a section has them, the longest first."""
    return sorted({text.strip() for text in texts if text.strip()}, key=len, reverse=True)


def _any_of(texts: Iterable[str]) -> str:
    return "|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True) if text)


def _cut(text: str, sections: Sequence[_Section], bodies: Mapping[str, Sequence[str]]) -> Iterator[Part]:
    """The parts of a text whose sections stand in this order. What begins with no mark has no name."""
    at, place = 0, 0
    while at < len(text):
        place, match = _section_at(text, at, sections, place)
        later = _later(sections[place:])
        if match is None:
            end = _next(text, at, later)
            yield Part("", text[at:end])
        else:
            section = sections[place]
            later = _later(sections[place + (section.name != "material") :])
            end = _end(text, match, section, later, bodies)
            yield Part(section.name, text[at:end], match.groupdict().get("of") or "")
            place += section.name != "material"
        at = end + len(GAP)


def _section_at(text: str, at: int, sections: Sequence[_Section], place: int) -> tuple[int, re.Match[str] | None]:
    """Which section begins here, of those from `place` on."""
    for number in range(place, len(sections)):
        if match := re.compile(sections[number].mark).match(text, at):
            return number, match
    return place, None


def _later(sections: Sequence[_Section]) -> re.Pattern[str]:
    """Where one of the sections begins behind another part."""
    marks = "|".join(re.sub(r"\?P<\w+>", "?:", section.mark) for section in sections)
    return re.compile(f"{GAP}(?={marks})" if marks else r"(?!)")


def _next(text: str, at: int, later: re.Pattern[str]) -> int:
    match = later.search(text, at)
    return match.start() if match else len(text)


def _end(
    text: str, match: re.Match[str], section: _Section, later: re.Pattern[str], bodies: Mapping[str, Sequence[str]]
) -> int:
    """Where a section ends whose mark matched."""

    def ends(at: int) -> bool:
        return at == len(text) or later.match(text, at) is not None

    if section.whole:
        return match.end()
    if section.fenced:
        fence = _FENCE.search(text, match.end())
        end = _fence_end(text, fence) if fence else -1
        if end > 0 and ends(end):
            return end
    for body in bodies.get(section.name, ()):
        if text.startswith(body, match.end()) and ends(match.end() + len(body)):
            return match.end() + len(body)
    return _next(text, match.end(), later)


def _fence_end(text: str, fence: re.Match[str]) -> int:
    """Where the fence ends that begins here: no text within holds its marks. -1: nowhere."""
    close = "\n" + ">" * len(fence["open"])
    at = text.find(close, fence.end() - 1)
    return at + len(close) if at >= 0 else -1
