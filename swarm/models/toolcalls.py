"""Calls of tools on the wires: put together from the pieces of an answer, told apart by their ids, and sent again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any, cast

import msgspec

from swarm.messages import Finish, Message, ToolCall
from swarm.models.failures import UNREADABLE

_LONGEST_NAME = 64


class OpenCall:
    """A call whose arguments are still coming. `kept` is what the provider wants to see again with it."""

    def __init__(self, id: str, name: str) -> None:
        self.id, self.name = id, name
        self.pieces: list[str] = []
        self.kept: dict[str, Any] = {}

    @property
    def arguments(self) -> str:
        """What was said of them; no word stands for no arguments."""
        said = "".join(self.pieces)
        return "{}" if said.strip() in ("", "null") else said

    @property
    def is_whole(self) -> bool:
        """Whether the arguments have come to an end: an object of JSON does not go on."""
        may_be = bool(self.pieces) and self.pieces[-1].rstrip().endswith("}")  # else it is not looked at for each piece
        return may_be and is_object("".join(self.pieces))


class CallsHeard:
    """The calls of one answer, in the order in which they began."""

    def __init__(self) -> None:
        self._calls: list[OpenCall] = []
        self._at: dict[object, OpenCall] = {}

    def __bool__(self) -> bool:
        return bool(self._calls)

    @property
    def first(self) -> OpenCall:
        return self._calls[0]

    def open(self, id: str, name: str) -> OpenCall:
        """Begin a call that is surely another one."""
        self._calls.append(OpenCall(id, name))
        return self._calls[-1]

    def hear(self, place: object, id: str, name: str, arguments: str) -> OpenCall:
        """Take a piece as OpenAI-compatible servers send it; `place` is its index, None where there is none.

        Some give all calls the same index, some give none, some repeat name or id in each piece: a piece begins another
        call where its id or name differs, or where it names a tool and the arguments so far are whole.
        """
        call = self._meant(place, id, name)
        if call is not None and id and id == call.id and name and call.is_whole and arguments == call.arguments:
            return call  # all of it once more
        if call is None or _is_another(call, id, name, arguments):
            call = self.open(id, name)
        call.id, call.name = call.id or id, call.name or name
        if place is not None:
            self._at[place] = call
        if arguments:
            call.pieces.append(arguments)
        return call

    def _meant(self, place: object, id: str, name: str) -> OpenCall | None:
        if place in self._at:
            return self._at[place]
        if place is None and id:
            return next((call for call in self._calls if call.id == id), None)
        goes_on = self._calls and not id and (place is None or not name)
        return self._calls[-1] if goes_on else None

    def told(self, by: str) -> tuple[ToolCall, ...]:
        """Return them, each with an id of its own; `by` is who may read what is kept."""
        ids = _told_apart([call.id for call in self._calls])
        return tuple(
            ToolCall(id, call.name, call.arguments, _keep(by, call.kept))
            for id, call in zip(ids, self._calls, strict=True)
        )


def _is_another(call: OpenCall, id: str, name: str, arguments: str) -> bool:
    if id and call.id and id != call.id:
        return True
    if not name or not call.name:
        return False
    return name != call.name or (call.is_whole and not (id and not arguments))


def _told_apart(given: Sequence[str]) -> list[str]:
    ids: list[str] = []
    for number, id in enumerate(given, 1):
        if not id or id in ids:
            id = next(made for n in count(number) if (made := f"c{n}") not in given and made not in ids)
        ids.append(id)
    return ids


def ended(finish: Finish, calls: tuple[ToolCall, ...]) -> tuple[Finish, tuple[ToolCall, ...]]:
    """Return how an answer ended, and the calls that stand in it: none in one that was cut or refused, since the last of them
    may be half of what was meant; and with a call it ended for the tools, whatever else was said."""
    if finish in ("length", "refusal"):
        return finish, ()
    if calls:
        return "tools", calls
    return ("other" if finish == "tools" else finish), ()


def is_object(text: str) -> bool:
    """Say whether a text is an object of JSON.

    >>> is_object('{"path": "x"}'), is_object('{"path": '), is_object("[]")
    (True, False, False)
    """
    try:
        return isinstance(msgspec.json.decode(text), dict)
    except (*UNREADABLE, UnicodeEncodeError):
        return False


def object_in(arguments: str) -> msgspec.Raw:
    """Return arguments as they were written, to stand in a request; what is no object is put into one: servers take no other.

    >>> bytes(object_in('{"n": 1.0}')), bytes(object_in("x"))
    (b'{"n": 1.0}', b'{"unreadable":"x"}')
    """
    if is_object(arguments):
        return msgspec.Raw(arguments.encode())
    return msgspec.Raw(msgspec.json.encode({"unreadable": arguments.encode("utf-8", "replace").decode()}))


def sendable(messages: Sequence[Message], ids: re.Pattern[str]) -> Sequence[Message]:
    """Return the messages with calls that a server takes: each id fits `ids` and is no other call's, each name is one.

    They may be another provider's, which writes ids differently. What was sent before is sent the same again. A result
    whose call is not there is said by the user.
    """
    if not any(message.calls or message.answers for message in messages):
        return messages
    taken, now, sent = set[str](), dict[str, str](), list[Message]()
    for message in messages:
        if message.calls:
            calls: list[ToolCall] = []
            for call in message.calls:
                id = call.id if ids.fullmatch(call.id) and call.id not in taken else _made(taken)
                taken.add(id)
                now[call.id] = id
                calls.append(msgspec.structs.replace(call, id=id, name=_usable(call.name)))
            message = msgspec.structs.replace(message, calls=tuple(calls))
        elif message.speaker == "tool":
            known = message.answers in now
            message = (
                msgspec.structs.replace(message, answers=now[message.answers])
                if known
                else Message("user", message.text)
            )
        sent.append(message)
    return sent


def _made(taken: set[str]) -> str:
    """Nine letters and digits: the form that the strictest server (Mistral's) takes."""
    return next(id for n in count(len(taken) + 1) if (id := f"c{n:08d}") not in taken)


def _usable(name: str) -> str:
    """A name that a server takes: a model may have called what is no tool."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:_LONGEST_NAME] or "_"


def _keep(by: str, kept: Mapping[str, Any]) -> str:
    return msgspec.json.encode({"by": by, **kept}).decode() if kept else ""


def kept_of(call: ToolCall, by: str) -> dict[str, Any]:
    """Return what was kept of a call, empty where somebody else gave it: nobody else can read it."""
    if not call.kept:
        return {}
    try:
        kept = msgspec.json.decode(call.kept)
    except UNREADABLE:
        return {}
    return cast("dict[str, Any]", kept) if isinstance(kept, dict) and kept.get("by") == by else {}  # pyright: ignore[reportUnknownMemberType]
