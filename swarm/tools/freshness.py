"""How long an answer over HTTP holds, as its server says it (RFC 9111): as a cache reads it that one user has to themselves. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from swarm.tools.base import Fresh

HEADERS = ("cache-control", "age", "expires", "date", "etag", "last-modified", "vary", "pragma")
"""What is read of an answer's headers."""

_DIRECTIVE = re.compile(r"\s*([\w-]+)\s*(?:=\s*(?:\"([^\"]*)\"|([^\s,;]+)))?\s*(?:,|$)")
_LONGEST = 300


def freshness(url: str, headers: Mapping[str, str]) -> Fresh | None:
    """How long an answer holds that a URL gave with these headers, by their names in small letters; None: it is not kept.

    Nothing is guessed: where a server says no time, it is asked each time whether the answer still holds, and where it gives
    nothing to ask by, the answer is not kept.
    """
    said = {
        name.lower(): quoted or plain for name, quoted, plain in _DIRECTIVE.findall(headers.get("cache-control", ""))
    }
    if "no-store" in said or headers.get("vary", "").strip() == "*":
        return None
    etag, modified = (_short(headers.get(name, "")) for name in ("etag", "last-modified"))
    asks_first = "no-cache" in said or (not said and "no-cache" in headers.get("pragma", "").lower())
    seconds = 0.0 if asks_first else _seconds(said, headers)
    if seconds <= 0 and not etag and not modified:
        return None
    return Fresh(seconds=max(0.0, seconds), url=url if etag or modified else "", etag=etag, modified=modified)


def asked_with(fresh: Fresh) -> Mapping[str, str]:
    """The headers with which a server is asked whether what it gave still holds."""
    return {"If-None-Match": fresh.etag} if fresh.etag else {"If-Modified-Since": fresh.modified}


def _seconds(said: Mapping[str, str], headers: Mapping[str, str]) -> float:
    age = _whole(headers.get("age", "")) or 0
    if "max-age" in said:
        return (_whole(said["max-age"]) or 0) - age
    expires, date = (_moment(headers.get(name, "")) for name in ("expires", "date"))
    return (expires - date).total_seconds() - age if expires is not None and date is not None else 0.0


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,10}", text.strip()) else None


def _moment(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None  # as the `0` that many servers send
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _short(text: str) -> str:
    """A validator as it is sent back; one that is too long, or could be no header, is none."""
    return text if len(text) <= _LONGEST and text.isprintable() else ""
