"""Texts by content: stored once, packed in arrival order with the append that brought them."""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections import OrderedDict
from collections.abc import Sequence

import msgspec

from events.types.base import TextRef

PLAIN, DEFLATED, GONE = 0, 1, 2
EMPTIED = (GONE, 0, b"")
"""Codec, checksum and bytes of a pack whose texts were dropped. Their digests stay beside it."""
_COMPRESS_FROM = 2048  # bytes; below it a deflated pack saves less than a page of the file and costs more CPU


class TextsDropped(ValueError):
    """A pack has no texts any more (see `events/sqlite/retention.py`)."""


class Text(msgspec.Struct, frozen=True, gc=False):
    digest: str
    text: str


def digest_of(text: str) -> str:
    """SHA-256 of the UTF-8 text in base64url without padding. Lone surrogates are kept as they are."""
    return (
        base64.urlsafe_b64encode(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()).rstrip(b"=").decode()
    )


class Known:
    """Which texts the log already holds, as far as this process remembers, so that a repeat costs a reference only."""

    def __init__(self, *, capacity: int = 16_384) -> None:
        self._capacity = capacity
        self._places: OrderedDict[str, int] = OrderedDict()

    def learn(self, texts: Sequence[Text], place: int) -> None:
        for text in texts:
            self._keep(text.digest, place)

    def see(self, ref: TextRef, own: int) -> None:
        """Remember a reference read from the log; `own` is the place of the append that it stands in."""
        self._keep(ref.digest, ref.place or own)

    def place(self, digest: str) -> int | None:
        return self._places.get(digest)

    def _keep(self, digest: str, place: int) -> None:
        self._places[digest] = place
        if len(self._places) > self._capacity:
            self._places.popitem(last=False)


class Pack:
    """The texts that one append brings. `put` gives the reference that its events carry."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._new: dict[str, Text] = {}

    def put(self, text: str) -> TextRef:
        digest = digest_of(text)
        place = self._known.place(digest)
        if place is not None:
            return TextRef(digest, place)
        self._new[digest] = Text(digest, text)
        return TextRef(digest)

    @property
    def texts(self) -> tuple[Text, ...]:
        return tuple(self._new.values())


def encode_pack(texts: Sequence[Text]) -> tuple[int, int, bytes]:
    """Return the codec, the checksum and the bytes of a pack: a MessagePack list of the texts' UTF-8 bytes, deflated where it pays."""
    data = msgspec.msgpack.encode([text.text.encode("utf-8", "surrogatepass") for text in texts])
    codec = PLAIN
    if len(data) >= _COMPRESS_FROM:
        deflated = zlib.compress(data, 1)
        if len(deflated) < len(data):
            codec, data = DEFLATED, deflated
    return codec, zlib.crc32(data), data


def decode_pack(codec: object, checksum: object, data: object) -> list[str]:
    """Return the texts of a pack in arrival order.

    Raises TextsDropped where they were, and ValueError where this is not what `encode_pack` made. The checksum is of
    the stored bytes: a deflated text has more than one form, and the digests see the text alone.
    """
    if (codec, checksum, data) == EMPTIED:
        raise TextsDropped("its texts were dropped")
    if codec not in (PLAIN, DEFLATED) or not isinstance(data, bytes) or zlib.crc32(data) != checksum:
        raise ValueError("not the pack of texts that was stored")
    try:
        plain = zlib.decompress(data) if codec == DEFLATED else data
        return [raw.decode("utf-8", "surrogatepass") for raw in msgspec.msgpack.decode(plain, type=list[bytes])]
    except (zlib.error, msgspec.DecodeError) as error:
        raise ValueError(f"not a pack of texts: {error}") from error
