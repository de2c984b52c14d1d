"""What an answer depends on, as a digest: everything that is sent, who is asked, and for which project."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from events.types.call import CallKey
from swarm.messages import Message, ToolSpec

_FORM = 1  # goes up when a basis says something else: answers of another form are not found

_OF_ITS_TIME = re.compile(
    r"\b(?:today|tonight|yesterday|tomorrow|now|nowadays|currently|latest|newest|recent(?:ly)?|this (?:week|month|year|morning)"
    r"|last (?:week|month|year|night)|next (?:week|month|year)|what time|up[- ]to[- ]date"
    r"|heute|gestern|morgen|jetzt|aktuell\w*|neueste[nrs]?)\b",
    re.IGNORECASE,
)
_MATERIAL = re.compile(r"<<<+\n.*?\n>>>+", re.DOTALL)


class Basis(msgspec.Struct, frozen=True, kw_only=True):
    """All that an answer depends on. Another value of any field is another answer."""

    messages: tuple[Message, ...]  # what files and results were read stands in them, to the letter
    role: str
    agent: str
    model: str  # its name in the settings
    server: str  # host and port that it is asked at
    tier: str
    project: str
    answer_schema: Mapping[str, Any] | None = None
    tools: tuple[ToolSpec, ...] = ()
    temperature: float = 0.0
    skills: tuple[str, ...] = ()
    sources: Mapping[str, str] = {}  # by name the content hashes of what it can look at beside the messages


class ResultBasis(msgspec.Struct, frozen=True, kw_only=True):
    """All that what a tool says depends on. Another value of any field is another result."""

    tool: str
    description: str  # with the parameters, as its giver describes it
    depends_on: str  # what the tool itself says that its results depend on
    arguments: str  # as JSON in one form
    server: str  # that it is from; empty: our own
    project: str
    files: str = ""  # digest of the files that it can see, in the state in which it sees them; empty: it sees none


def result_key(basis: ResultBasis) -> str:
    """The key of a result of a tool."""
    return _base64(msgspec.json.encode((_FORM, "result", basis)))


def key_of(basis: Basis) -> CallKey | None:
    """The key of an answer; None where it must not be given to another call.

    That is one that was drawn by chance, that may come of tools of which nobody says what they see, or that asks for what is
    another thing tomorrow.
    """
    if basis.temperature or not basis.messages or (basis.tools and not basis.sources):
        return None
    last = basis.messages[-1]
    if last.speaker == "user" and is_of_its_time(last.text):
        return None
    but_question = ""
    if last.speaker == "user":
        before = (*basis.messages[:-1], Message("user", ""))
        but_question = _digest(msgspec.structs.replace(basis, messages=before))
    return CallKey(_digest(basis), but_question)


def is_of_its_time(text: str) -> bool:
    """Whether a question is about the moment at which it is asked; what stands in its material does not count.

    >>> is_of_its_time("What is the latest version?"), is_of_its_time("Sum up:\\n<<<\\nWhat now?\\n>>>")
    (True, False)
    """
    return _OF_ITS_TIME.search(_MATERIAL.sub("", text)) is not None


def _digest(basis: Basis) -> str:
    said = msgspec.json.encode((_FORM, msgspec.structs.replace(basis, sources=dict(sorted(basis.sources.items())))))
    return _base64(said)


def _base64(said: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(said).digest()).rstrip(b"=").decode()
