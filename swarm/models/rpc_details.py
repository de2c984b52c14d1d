"""What a google.rpc.Status says beside its message: when to come back, why, and which quota was used up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, cast

_SECONDS = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)s", re.ASCII)


class Details(NamedTuple):
    """`words` are the reasons and the names of quotas, such as GenerateRequestsPerDayPerProjectPerModel-FreeTier."""

    retry_s: float | None = None
    words: str = ""


def details_in(shape: object) -> Details:
    """Return the details of an error as it was decoded from JSON; nothing, where it has none or they are of another kind."""
    retry_s: float | None = None
    words: list[str] = []
    for detail in _details(shape):
        retry_s = _seconds(detail.get("retryDelay")) if "retryDelay" in detail else retry_s
        violations = detail.get("violations")
        named = [detail.get("reason"), *(_of(each, "quotaId") for each in _list(violations))]
        words += [word for word in named if isinstance(word, str)]
    return Details(retry_s, " ".join(words))


def _details(shape: object) -> Iterator[dict[str, object]]:
    first = next(iter(_list(shape)), shape)  # a stream's error comes in a list
    for each in _list(_of(_of(first, "error"), "details")):
        if isinstance(each, dict):
            yield cast("dict[str, object]", each)


def _seconds(value: object) -> float | None:
    found = _SECONDS.fullmatch(value) if isinstance(value, str) else None
    return float(found[1]) if found else None


def _of(fields: object, name: str) -> object:
    return cast("dict[str, object]", fields).get(name) if isinstance(fields, dict) else None


def _list(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []
