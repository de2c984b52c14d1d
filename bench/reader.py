"""A reader in place of a model: it answers from nothing but the facts that stand in the prompt it was sent.

It plays worker, judge and explorer of one job at a time. As worker it uses the tools of a plan that each task brings; then it
answers right where the question and all facts of the task are present (bench/facts.py), and "unknown" where one is not, after it
looked for it: behind a handle that it was told, with a search, by reading a file once more, or by asking where it is told how. It
looks for the first words of what it lacks, which a model would have to guess. What it finds it notes in a line, as models do. It
keeps to a number of words that it is told, and takes WORDS without. As judge it passes the right answer and no other, if that
stands before it. As explorer it lays out the steps that a task has; of their inputs it names those whose names stand before
it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from bench.billing import Billed, Meter
from bench.facts import Fact, Prompt, Row, flat, missing, present, words_of
from bench.provider import answer

Role = Literal["explorer", "worker", "validator"]

WORDS = 90
"""Of an answer whose length nobody limits."""

TOLD_TO_ASK = "answer with MORE: and what is missing"
"""How a prompt says that what it lacks may be asked for."""

MOST_LOOKS = 4
"""Uses of tools with which an attempt looks for what it lacks."""

UNKNOWN = "unknown"
FILLER = ("The", "material", "says", "so", "and", "nothing", "in", "it", "says", "otherwise")

_HANDLE = re.compile(r"\bhandle[=:]\s?[\"'`]?([\w:.-]*\w)")
_WORD_LIMIT = re.compile(r"(?<!beside it has )\bat most ([\d,]+) words\b")  # that is of what stands beside code
_SOUGHT = ("search", "query", "question", "sought", "pattern", "symbol")
"""Under which of these names a tool takes what is looked for."""


@dataclass(frozen=True)
class Use:
    """A use of a tool that the plan has, what must stand in the request for it, and what its result is to bring."""

    tool: str
    arguments: Mapping[str, Any]
    needs: tuple[Fact, ...] = ()
    learns: tuple[Fact, ...] = ()


@dataclass(frozen=True)
class Part:
    """What one task asks, what it takes to answer it, and the answer."""

    asks: str  # words of its prompt
    answer: str
    facts: tuple[Fact, ...] = ()
    uses: tuple[Use, ...] = ()
    words: int = WORDS  # that the answer takes, unless it is told to be shorter
    is_bare: bool = False  # the answer is had as it stands, with nothing beside it
    steps: tuple[
        Part, ...
    ] = ()  # as which it is planned, where it is explored; what the last one answers is the answer
    reads: tuple[str, ...] = ()  # of a step: the inputs that it takes


@dataclass(frozen=True)
class Said:
    """A request as it was answered."""

    role: Role
    asks: str  # of which part; "" where the question did not stand in it
    billed: Billed
    lacked: int = 0  # facts of an answer that is unknown for them
    again: bool = False  # it was answered before, byte for byte, and cost nothing


@dataclass
class _State:
    """How far an attempt has come."""

    uses: int = 0
    tried: set[str] = field(default_factory=set[str])
    noted: set[Fact] = field(default_factory=set[Fact])


@dataclass(frozen=True)
class _Reply:
    text: str
    calls: tuple[Mapping[str, Any], ...] = ()
    lacked: int = 0


class Reader:
    """The model. `said` holds what it answered since the job began."""

    def __init__(self, meter: Meter, *, exact: bool = False) -> None:
        """`exact`: a request that was answered before gets that answer, for nothing."""
        self._meter, self._exact = meter, exact
        self._before: dict[bytes, tuple[_Reply, int]] = {}
        self.start(())

    def start(self, parts: Sequence[Part], project: str = "") -> None:
        """Begin a job; what was answered for one project is no answer for another."""
        self._project = project
        self._parts = tuple(parts)
        self._states = {each.asks: _State() for part in parts for each in (part, *part.steps)}
        self.said: list[Said] = []

    def __call__(self, body: bytes) -> bytes:
        request: dict[str, Any] = json.loads(body)
        prompt = Prompt("\n".join(_texts(request)))
        part, role = _asked(self._parts, prompt), role_of(request)
        step = _asked(part.steps, prompt) if part else None
        doing = step or part
        state = self._states[doing.asks] if doing else _State()
        key = msgspec.json.encode(
            [self._project, request["messages"], request.get("tools"), request.get("response_format")]
        )
        again = self._exact and key in self._before
        if again:
            reply, state.uses = self._before[key]
        else:
            reply = self._reply(role, doing, state, request, prompt)
            self._before[key] = (reply, state.uses)
        return self._sent(request, reply, role, part, again=again)

    def _sent(self, request: Mapping[str, Any], reply: _Reply, role: Role, part: Part | None, *, again: bool) -> bytes:
        most = int(request.get("max_completion_tokens") or request["max_tokens"])
        words = reply.text.split(" ")
        is_cut = len(words) > most
        text = " ".join(words[:most])
        billed = Billed() if again else self._meter.bill(request, text + "".join(map(json.dumps, reply.calls)))
        self.said.append(Said(role, part.asks if part else "", billed, reply.lacked, again))
        finish = "length" if is_cut else "tool_calls" if reply.calls else "stop"
        return answer(
            text,
            stream=bool(request.get("stream")),
            usage=billed.usage,
            finish=finish,
            calls=() if is_cut else reply.calls,
        )

    def _reply(
        self, role: Role, part: Part | None, state: _State, request: Mapping[str, Any], prompt: Prompt
    ) -> _Reply:
        if role == "validator":
            return _Reply(_verdict(part, prompt))
        if role == "explorer":
            return _Reply(_plan(part, prompt))
        if part is None:
            return _Reply(_worded(UNKNOWN, prompt), lacked=1)
        return _work(part, state, request, prompt)


def role_of(request: Mapping[str, Any]) -> Role:
    """Who is asked, by the form of the answer that the system's words name."""
    system = str(request["messages"][0].get("content") or "")
    return "validator" if '"verdict"' in system else "explorer" if '"steps"' in system else "worker"


def _texts(request: Mapping[str, Any]) -> Iterator[str]:
    for message in request["messages"]:
        yield str(message.get("content") or "")
        for call in message.get("tool_calls", ()):
            yield str(call["function"]["arguments"])


def _asked(parts: Sequence[Part], prompt: Prompt) -> Part | None:
    """The part whose question stands first in the prompt."""
    places = [(prompt.flat.find(flat(part.asks)), number) for number, part in enumerate(parts)]
    found = [each for each in places if each[0] >= 0]
    return parts[min(found)[1]] if found else None


def says(part: Part, text: str) -> bool:
    """Whether a text gives the part's answer, and no longer one that begins with it."""
    wanted = flat(part.answer) if part.is_bare else f"Answer: {flat(part.answer)}."
    return wanted in flat(text)


def _verdict(part: Part | None, prompt: Prompt) -> str:
    passes = part is not None and says(part, prompt.flat)
    why = "It says what is so." if passes else "It does not say what was asked for."
    return json.dumps({"verdict": "pass" if passes else "fail", "score": 1.0 if passes else 0.0, "reason": why})


def _plan(part: Part | None, prompt: Prompt) -> str:
    steps = [_planned(each, prompt) for each in (part.steps or (part,) if part else (Part(UNKNOWN, UNKNOWN),))]
    return json.dumps(
        {
            "options": [
                {"option": "in one go", "pros": "whole", "cons": "long"},
                {"option": "part by part", "pros": "small", "cons": "slow"},
            ],
            "approach": "In one go, as the parts depend on each other.",
            "steps": steps,
        }
    )


def _planned(step: Part, prompt: Prompt) -> dict[str, Any]:
    """A step; what it needs, where that is asked for and is seen in the prompt."""
    said: dict[str, Any] = {"title": "answer it", "instruction": step.asks}
    if '"needs"' in prompt.text:
        said["needs"] = [name for name in step.reads if f"{name}:\n<<<" in prompt.text]
    return said


def _work(part: Part, state: _State, request: Mapping[str, Any], prompt: Prompt) -> _Reply:
    if not any(message["role"] == "tool" for message in request["messages"]):
        state.uses = 0  # a new attempt
        state.tried.clear()
        state.noted.clear()
    offered = {each["function"]["name"]: each["function"]["parameters"] for each in request.get("tools", ())}
    is_done = state.uses >= len(part.uses)
    use = None if is_done else part.uses[state.uses]
    lacking = missing(use.needs if use else part.facts, prompt)
    if lacking:
        look = _look(lacking[0], part, state, offered, prompt)
        if look:
            return _calling(look, state, part, prompt)
        asks = f"MORE: {words_of(lacking[0])}" if TOLD_TO_ASK in prompt.text else ""
        return _Reply(asks or _worded(UNKNOWN, prompt), lacked=len(lacking))
    if use is None:
        return _Reply(part.answer if part.is_bare else _worded(part.answer, prompt, part.words))
    if use.tool not in offered:
        return _Reply(_worded(UNKNOWN, prompt), lacked=1)
    state.uses += 1
    return _calling(use, state, part, prompt)


def _calling(use: Use, state: _State, part: Part, prompt: Prompt) -> _Reply:
    """Use a tool, and note what was found since the last time."""
    learnt = [fact for each in part.uses for fact in each.learns]
    news = [fact for fact in learnt if fact not in state.noted and present(fact, prompt)]
    state.noted.update(news)
    notes = "; ".join(_written(fact) for fact in news)
    call = {
        "id": f"c{len(state.tried)}x{state.uses}",
        "type": "function",
        "function": {"name": use.tool, "arguments": json.dumps(dict(use.arguments))},
    }
    return _Reply(f"Noted: {notes}" if notes else "", (call,))


def _written(fact: Fact) -> str:
    return ", ".join(f"{key}: {value}" for key, value in fact.cells) if isinstance(fact, Row) else flat(fact.text)


def _look(fact: Fact, part: Part, state: _State, offered: Mapping[str, Any], prompt: Prompt) -> Use | None:
    """The next way to find the fact that was not tried yet; None where there is none, or it was looked for long enough."""
    if len(state.tried) >= MOST_LOOKS:
        return None
    for use in _ways(fact, part, offered, prompt):
        key = json.dumps([use.tool, dict(use.arguments)])
        if key not in state.tried:
            state.tried.add(key)
            return use
    return None


def _ways(fact: Fact, part: Part, offered: Mapping[str, Any], prompt: Prompt) -> Iterator[Use]:
    for name, parameters in offered.items():
        known = parameters.get("properties", {})
        if "handle" in known:
            for handle in dict.fromkeys(reversed(_HANDLE.findall(prompt.text))):
                sought = {key: words_of(fact) for key in _SOUGHT if key in known}
                yield Use(name, {"handle": handle, **sought})
    if "search" in offered:
        yield Use("search", {"pattern": words_of(fact), "plain": True})
    yield from (use for use in part.uses if fact in use.learns and use.tool in offered)


def _worded(text: str, prompt: Prompt, most: int = WORDS) -> str:
    """The answer with as many words beside it as its length is limited to."""
    told = [int(each.replace(",", "")) for each in _WORD_LIMIT.findall(prompt.text)]
    said = f"Answer: {flat(text)}."
    room = max(0, min([most, *told]) - len(said.split()))
    words = (FILLER * (room // len(FILLER) + 1))[:room]
    return " ".join([said, *words])
