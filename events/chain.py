"""The hash chain: each committed batch is bound to all that came before it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from events.rows import PackRow, Row

GENESIS = bytes(32)
_encode = msgspec.msgpack.Encoder().encode


def batch_hash(previous: bytes, rows: Sequence[Row], packs: Sequence[PackRow]) -> bytes:
    """SHA-256 over the hash before it and the batch's rows and packs, in order."""
    return hashlib.sha256(previous + _encode((rows, packs))).digest()
