"""What servers said of themselves, kept so that a later run offers their tools without starting them."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec

from swarm.settings.mcpserver import McpServer
from swarm.tools.mcp.listing import Listing

FORM = 1
"""Raised when what is kept means something else than before."""

KEPT_FOR_S = 7 * 86_400
_MOST_BYTES = 16 << 20


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    form: int
    at: float  # seconds since 1970
    listing: Listing


def place_of(folder: Path, server: McpServer, environ: Mapping[str, str]) -> Path:
    """Where the listing of a server is kept that is filled in: another command, program or address has another place."""
    return folder / f"{identity_of(server, environ)[:40]}.json"


def identity_of(server: McpServer, environ: Mapping[str, str]) -> str:
    """A digest of what a server is: of another command, program or address it is another."""
    said = [server.digest, *(_stamp(word, environ) for word in (server.command, *server.args))]
    return hashlib.sha256(repr(said).encode("utf-8", "replace")).hexdigest()


def _stamp(word: str, environ: Mapping[str, str]) -> str:
    """When a file was last changed that a word of a command names: a program that was renewed may have other tools."""
    with suppress(OSError, ValueError):
        found = shutil.which(word, path=environ.get("PATH", "")) or word
        state = Path(found).stat()
        return f"{state.st_mtime_ns} {state.st_size}"
    return ""


def read_kept(path: Path, now: float | None = None) -> Listing | None:
    """What is kept there; None where nothing is, or nothing that can be used."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            return None
        kept = msgspec.json.decode(path.read_bytes(), type=_Kept)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
    fresh = 0 <= (time.time() if now is None else now) - kept.at <= KEPT_FOR_S
    return kept.listing if kept.form == FORM and fresh else None


def keep(path: Path, listing: Listing) -> None:
    """Keep a listing, readable for the user alone. It is no more than a shortcut: where it cannot be written, nothing is lost."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".kept-")  # mode 0600
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.encode(_Kept(form=FORM, at=time.time(), listing=listing)))
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
