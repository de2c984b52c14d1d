"""What is stored is never changed: a body whose form is no longer today's is brought to it when it is read.

Most changes need nothing here: a field that was added has a default, and an old body gets it. A field that was renamed or
split, or a kind that has another name now, gets one `Upcast` in UPCASTS, which stays for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec


class Upcast(msgspec.Struct, frozen=True, kw_only=True):
    """From one old form of a kind to the next one.

    An old body is told by the fields that only it has (`shape`, at its top). `change` takes its fields and returns those that
    it has now; `becomes` is the kind that it is now. Where a form was left more than once, each step is an entry of its own,
    in the order of time.
    """

    kind: str
    shape: frozenset[str]
    change: Callable[[dict[str, Any]], dict[str, Any]]
    becomes: str

    def fits(self, kind: str, fields: dict[str, Any]) -> bool:
        return kind == self.kind and self.shape <= fields.keys()


UPCASTS: tuple[Upcast, ...] = ()
"""Every form that was ever released and is no longer today's. None has changed yet but by fields that were added."""


class Decoder(Protocol):
    """What makes an event of a stored body. Raises msgspec.DecodeError."""

    def decode(self, body: bytes | str, /) -> Any: ...


class Upcasting:
    """The decoder of a kind that had other forms once. A body of today's costs one search for each field of the old ones."""

    def __init__(self, kind: str, upcasts: Sequence[Upcast], today: dict[str, Decoder]) -> None:
        self._kind, self._upcasts, self._today = kind, upcasts, today
        self._plain = today.get(kind)
        self._marks = [
            [f'"{field}":' for field in upcast.shape] for upcast in upcasts if upcast.kind == kind
        ]  # as the encoder writes them

    def decode(self, body: bytes | str, /) -> Any:
        text = body if isinstance(body, str) else body.decode()
        if self._plain is not None and not any(all(mark in text for mark in marks) for marks in self._marks):
            return self._plain.decode(body)
        kind, fields = self._kind, msgspec.json.decode(text, type=dict[str, Any])
        for upcast in self._upcasts:
            if upcast.fits(kind, fields):
                kind, fields = upcast.becomes, upcast.change(fields)
        decoder = self._today.get(kind)
        if decoder is None:
            raise msgspec.DecodeError(f"{kind} has no form of today")
        return decoder.decode(msgspec.json.encode(fields))


def decoders(today: dict[str, Decoder], upcasts: Sequence[Upcast] = UPCASTS) -> dict[str, Decoder]:
    """The decoder of each kind that can stand in a log: those of today, and in their place those of what was changed."""
    changed = {upcast.kind for upcast in upcasts}
    return {**today, **{kind: Upcasting(kind, upcasts, today) for kind in changed}}
