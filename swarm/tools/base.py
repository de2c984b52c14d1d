"""What every tool is to the rest of the program, whoever wrote it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

import msgspec

from swarm.errors import SwarmError
from swarm.messages import ToolSpec

Effect = Literal["none", "copy", "world"]
"""What a use leaves behind: nothing, changes of the work copy alone, or what outlives the copy."""


MOST_SHOWN = 160
"""Characters of what a tool is used on, as a question and the record name it."""


class ToolRefused(SwarmError):
    """A tool was not used as it was asked for: nothing was done. The model is told the words, and goes on."""


class Fresh(msgspec.Struct, frozen=True, kw_only=True):
    """How long what a tool said holds, and by what its giver is asked whether it still does; no `url`: it cannot be asked."""

    seconds: float = 0.0
    url: str = ""
    etag: str = ""
    modified: str = ""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a use. Secrets are not taken out yet, and it may be long: who uses the tool sees to both."""

    text: str
    failed: bool = False  # the tool was used and says that it came to nothing
    exit_code: int | None = None  # of a command
    cut: bool = False  # it had said more than its limit
    skill: str = ""  # of which this is the text, or a file
    fresh: Fresh | None = None  # None: what it said is not to be given again
    same: bool = False  # what had been said before still holds, and is not said again: `text` is empty


AskAgain = Callable[[Mapping[str, Any], Fresh], Awaitable[Said]]
"""Asks whether what a tool said still holds: `same`, or what it says now. Raises as a use does."""


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a model may have done."""

    spec: ToolSpec
    effect: Effect
    use: Callable[[Mapping[str, Any]], Awaitable[Said]]
    """Arguments that fit `spec.parameters`. Raises ToolRefused; what else it raises ends the attempt. May be cancelled at
    any moment, and then leaves nothing running."""
    subject: str = "path"  # the argument that says what it is used on; the policy's patterns look at it
    repeatable: bool = False  # using it twice with the same arguments is as good as once
    in_copy: bool = True  # it works in the work copy, which is made once such a tool is used
    tags: tuple[str, ...] = ()  # words that help to find it
    source: str = ""  # the MCP server that it is from; empty: our own
    depends_on: str = (
        ""  # digest of all that its results depend on beside its arguments and files; empty: they are not kept
    )
    sees_files: bool = False  # its results may depend on the files of the project
    ask_again: AskAgain | None = None  # None: what it said holds for as long as it says

    @property
    def name(self) -> str:
        return self.spec.name


def used_on(tool: Tool, arguments: Mapping[str, Any], redact: Callable[[str], str]) -> str:
    """In one line what a tool is used on: the argument that says it, of a tool of a server all of them.

    Secrets are taken out before it is cut: what is left of one would no longer be known for it.
    """
    subject = arguments.get(tool.subject)
    if subject is None and len(arguments) < 2:
        subject = next(iter(arguments.values()), "")
    shown = subject if isinstance(subject, str) and not tool.source else json.dumps(dict(arguments), ensure_ascii=False)
    return in_one_line(redact(shown))


def in_one_line(text: str) -> str:
    """As much of a text as a question or the record shows of it."""
    line = " ".join(text[: MOST_SHOWN * 10].split())
    return line if len(line) <= MOST_SHOWN else line[: MOST_SHOWN - 1] + "\u2026"
