"""A key of this log's own, for digests of contents that hold secrets: who has the log alone cannot try values against them."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

KEY_BYTES = 32


def key_beside(log: str) -> bytes:
    """The key that lies beside the log's file, made where there is none; for a log in memory one that nobody keeps."""
    place = Path(f"{log}.key")
    if log.startswith("memory:") or not place.parent.is_dir():
        return secrets.token_bytes(KEY_BYTES)
    for _ in range(3):
        with suppress(FileNotFoundError):
            key = place.read_bytes()
            if len(key) == KEY_BYTES:
                return key
            place.unlink()  # a crash left a part of one: nothing can have been made with it
        with suppress(FileExistsError):
            _make(place)
    return place.read_bytes()


def _make(place: Path) -> None:
    """Write a new key whole or not at all, for its owner alone."""
    part = place.with_name(f".{place.name}.{os.getpid()}")
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(handle)
        os.link(part, place)  # fails where another process was quicker
    finally:
        part.unlink()
