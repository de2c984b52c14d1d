"""What a provider says in its headers of how much it still takes. Pure.

OpenAI, Groq, Together, Mistral   x-ratelimit-remaining-requests, x-ratelimit-reset-requests (6m0s, 120ms), the same of tokens
Cerebras                          the same with -minute, -hour or -day behind it, resets in seconds
Anthropic                         anthropic-ratelimit-requests-remaining, anthropic-ratelimit-requests-reset (RFC 3339), of tokens
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime

from swarm.models.limits import Left

_NAME = re.compile(
    rb"x-ratelimit-(?P<what>remaining|reset)-(?P<unit>requests|tokens)(?:-(?P<span>minute|hour|day))?"
    rb"|anthropic-ratelimit-(?P<unit_2>requests|tokens)-(?P<what_2>remaining|reset)",
    re.I,
)
_PART = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|h|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_EPOCH_S, _EPOCH_MS = 1e9, 1e12  # a number as large is no span but a moment since 1970


def left_in(headers: Iterable[tuple[bytes, bytes]], now: float) -> list[Left]:
    """What is left of requests and tokens, and for how long; `now` is Unix time. What cannot be read is passed over."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for name, value in headers:
        if b"ratelimit" not in name.lower() or (match := _NAME.fullmatch(name)) is None:
            continue
        unit, what = match["unit"] or match["unit_2"], match["what"] or match["what_2"]
        key = (unit.lower().decode(), (match["span"] or b"").lower().decode())
        found.setdefault(key, {})[what.lower().decode()] = value.decode("latin-1").strip()
    left: list[Left] = []
    for (unit, span), said in found.items():
        reset_s = _reset_s(said.get("reset", ""), now)
        if reset_s is not None and re.fullmatch(r"\d{1,12}", said.get("remaining", ""), re.ASCII):
            left.append(Left("requests" if unit == "requests" else "tokens", int(said["remaining"]), reset_s, span))
    return left


def _reset_s(said: str, now: float) -> float | None:
    """
    >>> _reset_s("6m0s", 0), _reset_s("120ms", 0), _reset_s("33.5", 0), _reset_s("1970-01-01T00:01:40Z", 90.0), _reset_s("soon", 0)
    (360.0, 0.12, 33.5, 10.0, None)
    """
    if re.fullmatch(r"\d{1,15}(\.\d{1,9})?", said, re.ASCII):
        number = float(said)
        return max(0.0, number / 1000 - now if number >= _EPOCH_MS else number - now if number >= _EPOCH_S else number)
    parts = _PART.findall(said)
    if parts and "".join(number + unit for number, unit in parts) == said:
        return sum(float(number) * _SECONDS[unit] for number, unit in parts)
    try:
        when = datetime.fromisoformat(said)
        return max(0.0, (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - now)
    except (ValueError, OverflowError):
        return None
