"""Which lines of an output tell of trouble."""

from __future__ import annotations

import re

_TROUBLE = re.compile(
    r"(?:\b|_)(?:err(?:or)?s?|exceptions?|traceback|fail(?:ed|s|ure|ures|ing)?|fatal|severe|panic(?:ked)?|crit(?:ical)?|alert|emerg(?:ency)?|"
    r"warn(?:ing)?s?|assert\w*|undefined|segfault|segmentation fault|abort(?:ed|ing)?|killed|denied|refused|reject(?:ed)?|invalid|"
    r"corrupt(?:ed|ion)?|unable|unavailable|unreachable|cannot|can't|could not|couldn't|not found|no such|timed? ?out|lost|dead(?:lock)?|crash(?:ed)?|oom|"
    r"out of memory)(?:\b|_)|\w(?:Error|Exception|Failure|Warning)\b",
    re.IGNORECASE,
)
_HARMLESS = re.compile(r"\b(?:0|no|without) (?:errors?|failures?|failed|warnings?)\b", re.IGNORECASE)


def tells_of_trouble(line: str) -> bool:
    """Whether a line says that something went wrong, or may have."""
    return _TROUBLE.search(line) is not None and not _HARMLESS.search(line)
