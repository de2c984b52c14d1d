"""What all events share: the base struct, references to texts, and what an attempt took from the world."""

from __future__ import annotations

import msgspec

NOUGHT = 0.0
"""The default of a number that is stored only where it is another. A field is left out that holds this very object: who makes
an event says `number or NOUGHT`."""


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", omit_defaults=True, gc=False):
    """A fact. Its tag is its kind, the name under which it is stored for ever.

    A field is added with a default and never renamed; what every event has stands on the `Entry` around it.
    """


class TextRef(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True, gc=False):
    """Where a text is kept: its digest, and a position of the append that stored it (0: this event's own append)."""

    digest: str  # SHA-256 of the UTF-8 text, base64url without padding
    place: int = 0


class Captured(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Something an attempt took from the world, recorded with the next intent or outcome and read back ever after."""

    name: str
    text: TextRef


class Said(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One message of a request as it was sent."""

    speaker: str  # "system", "user", "assistant" or "tool"
    text: TextRef


class Unknown(msgspec.Struct, frozen=True, gc=False):
    """An event of a kind that this program does not know: kept as it is, folded by no view."""

    kind: str
    raw: bytes  # the stored JSON body
