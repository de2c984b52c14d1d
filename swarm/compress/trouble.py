"""Which lines of an output tell of trouble."""

from __future__ import annotations

import re

_TROUBLE = re.compile(
    r"(?<![^\W_])(?:err(?:or)?s?|exceptions?|traceback|fail(?:ed|s|ure|ures|ing)?|fatal|severe|panic(?:ked)?|crit(?:ical)?|alert|emerg(?:ency)?|"
    r"warn(?:ing)?s?|assert\w*|undefined|segfault|segmentation fault|abort(?:ed|ing)?|killed|denied|refused|reject(?:ed)?|invalid|"
    r"corrupt(?:ed|ion)?|unable|unavailable|unreachable|cannot|can't|could not|couldn't|not found|no such|timed? ?out|lost|dead(?:lock)?|crash(?:ed)?|oom|"
    r"out of memory)(?![^\W_])|\w(?:error|exception|failure|warning)\b"
)
_HARMLESS = re.compile(r"\b(?:0|no|without) (?:errors?|failures?|failed|warnings?)\b")


def tells_of_trouble(line: str) -> bool:
    """Whether a line says that something went wrong, or may have."""
    line = line.lower()  # a third of the time of a search in capitals, too
    return _TROUBLE.search(line) is not None and not _HARMLESS.search(line)
