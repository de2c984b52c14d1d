"""How long an answer may be: the words that its prompt names, and the tokens that they take at the API.

The words are the agent's, and never more than the tokens of the call have room for. So an answer that keeps its words is not
cut: a word of English takes about 1.3 tokens, one of German or French 1.6 to 2 (o200k), and a call has room for TOKENS_A_WORD.
"""

from __future__ import annotations

import re
from typing import Literal

from swarm.agents.profile import Agent
from swarm.task import Role, Task

TOKENS_A_WORD = 2
"""What of a call's tokens one word of its limit has."""

LEAST_TOLD = 10
"""Of fewer words nothing is said: no answer that is one keeps to them."""

Form = Literal["prose", "code", "whole", "report"]
"""What an answer is: a text; code, which is as long as it must be, and perhaps words beside it; something to be had whole; what
a role says to others, whatever length the task asks for."""

_CODE = ("code", "tests", "refactoring", "api", "operations")
_AS_LONG_AS_GIVEN = ("translation", "extraction")

_SAYS = {
    "prose": "Be brief: at most {words} words, unless the task asks for another length.",
    "code": "Code is as long as it has to be; what stands beside it has at most {words} words.",
    "whole": "",
    "report": "Your answer has at most {words} words.",
}

LINE_BYTES = 2 + max(len(said) for said in _SAYS.values())
"""The most that `length_line` and what parts it from other text have."""

LENGTH_LINE = "|".join(re.escape(said).replace(re.escape("{words}"), "[0-9]+") for said in _SAYS.values() if said)
"""A pattern of every line that `length_line` makes."""


def form_of(task: Task, role: Role, type_: str) -> Form:
    """What the role's answer is: what is written to a file or has to match a schema is had whole, whatever its length."""
    if role != "worker":
        return "report"
    if task.written or any(check.schema is not None for check in task.checks) or type_ in _AS_LONG_AS_GIVEN:
        return "whole"
    return "code" if type_ in _CODE else "prose"


def words_told(agent: Agent, form: Form, tokens: int) -> int:
    """The most words that an answer of the agent is to have where its call has so many tokens; 0 where no limit is told.

    >>> words_told(Agent(name="writer", words=300), "prose", 800)
    300
    >>> words_told(Agent(name="writer", words=300), "prose", 300)
    150
    """
    room = tokens // TOKENS_A_WORD
    words = min(agent.words or room, room)
    return words if form != "whole" and words >= LEAST_TOLD else 0


def length_line(agent: Agent, form: Form, tokens: int, accepted: int | None = None) -> str:
    """The line of a prompt that says how long the answer may be; empty where nothing is said of it.

    Nor is it where the task itself says with how many words its result is `accepted`.
    """
    words = words_told(agent, form, tokens) if accepted is None else 0
    return _SAYS[form].format(words=words) if words else ""
