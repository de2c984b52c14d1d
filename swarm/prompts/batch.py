"""Several small tasks in one request: what is said, and which result in the answer is whose. Pure.

What all of them would be told is said once. Each task stands between marks that it cannot close, so that its words are not those of
another; the results come back as one JSON object, by number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from json import JSONDecodeError, JSONDecoder
from typing import Any

import msgspec

from swarm.messages import Message
from swarm.prompts.build import module
from swarm.text.fence import unfenced

_GAP = "\n\n"
_BLANKS = " \t\r\n"
_DECODER = JSONDecoder(strict=False)  # models put ends of lines into texts as they are


def may_share(messages: Sequence[Message]) -> bool:
    """Whether a request is one that can be put together with others: what the role is told, and the task."""
    return [message.speaker for message in messages] == ["system", "user"]


def shared_messages(asked: Sequence[Sequence[Message]]) -> tuple[Message, ...]:
    """Put requests together that tell the role the same. Their tasks are numbered from 1."""
    paragraphs = [messages[1].text.split(_GAP) for messages in asked]
    first, last = _shared(paragraphs)
    tag = _tag([messages[1].text for messages in asked])
    tasks = [
        f'<{tag} n="{number}">\n{_GAP.join(each[first : len(each) - last])}\n</{tag}>'
        for number, each in enumerate(paragraphs, 1)
    ]
    of_all = _GAP.join([*paragraphs[0][:first], *paragraphs[0][len(paragraphs[0]) - last :]])
    told = [f"# For each of the tasks\n\n{of_all}"] if of_all else []
    return (
        Message("system", f"{asked[0][0].text}{_GAP}{module('worker_batch')}"),
        Message("user", _GAP.join([*tasks, *told])),
    )


def _shared(paragraphs: Sequence[Sequence[str]]) -> tuple[int, int]:
    """How many paragraphs all begin with, and how many all end with. At least one is left of each."""
    most = min(map(len, paragraphs)) - 1
    first = next((at for at in range(most) if len({each[at] for each in paragraphs}) > 1), most)
    behind = (at for at in range(1, most - first + 1) if len({each[-at] for each in paragraphs}) > 1)
    return first, next(behind, most - first + 1) - 1


def _tag(texts: Sequence[str]) -> str:
    tag = "task"
    while any(f"<{tag}" in text or f"</{tag}" in text for text in texts):
        tag += "_"
    return tag


def results_schema(count: int) -> Mapping[str, Any]:
    """The form of the answer to so many tasks."""
    names = [str(number) for number in range(1, count + 1)]
    return {
        "type": "object",
        "properties": {name: {"type": "string"} for name in names},
        "required": names,
        "additionalProperties": False,
    }


def results_in(answer: str, count: int) -> dict[int, str]:
    """Return the results in an answer by their number, from 1 to `count`. One that is empty, stands there twice, or was cut is none.

    A result that is JSON where a text was asked for is taken as that JSON is written.
    """
    found: dict[int, str] = {}
    twice: set[int] = set()
    for name, value in _pairs(unfenced(answer)):
        number = int(name) if name.isascii() and name.isdecimal() and len(name) < 6 else 0
        if number in found:
            twice.add(number)
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        if 1 <= number <= count and text.strip() and value is not None:
            found[number] = text
    return {number: text for number, text in found.items() if number not in twice}


def _pairs(text: str) -> Iterator[tuple[str, Any]]:
    """The keys and values of the first object in a text, as far as it is one."""
    at = text.find("{") + 1
    while at:
        try:
            name, at = _DECODER.raw_decode(text, _behind_blanks(text, at))
            at = _behind_blanks(text, at)
            if not isinstance(name, str) or text[at : at + 1] != ":":
                return
            value, at = _DECODER.raw_decode(text, _behind_blanks(text, at + 1))
        except (JSONDecodeError, RecursionError):
            return
        at = _behind_blanks(text, at)
        sign = text[at : at + 1]
        if sign not in (",", "}"):
            return
        yield name, value
        at = at + 1 if sign == "," else 0


def _behind_blanks(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANKS:
        at += 1
    return at
