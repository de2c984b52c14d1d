"""How the families of models count: as multiples of what the vocabulary o200k_base makes of the same text."""

from __future__ import annotations

import re

PRIORS = (
    (re.compile(r"qwen|qwq"), 1.08),  # a token for each digit
    (re.compile(r"gpt|\bo[134]\b|llama|deepseek"), 1.0),
)
"""About the middle of what was counted for English, Python, JSON, logs, Chinese and Markdown (docs/explanation/measurements.md)."""

OTHER = 1.05  # Gemini and others, whose vocabularies nobody here could measure

CLAUDE, CLAUDE_SINCE_4_7 = 1.18, 1.55
"""Its count changed with 4.7. Texts in English are nearer to 1.11 before, those in Chinese to 1.46."""

TRUST = 100
"""What the prior of a family weighs beside the sums of a model, in tokens: less than the shortest prompt. For the families that are
known here, 50 to 1,000 made no difference to the fourth call (the even half of token_counts.jsonl.gz by the hash of its texts); one that
counts like none of them is known three short calls sooner."""

_VERSION = re.compile(r"(?<!\d)(\d{1,2})(?:[.-](\d{1,2}))?(?!\d)")  # `4-7`, `3.5`, `5`; of a date no part


def prior(model: str) -> float:
    """How many tokens a model of that name probably counts for one of o200k_base."""
    name = model.lower()
    if "claude" in name:
        return _of_claude(name.partition("claude")[2])
    return next((tokens for pattern, tokens in PRIORS if pattern.search(name)), OTHER)


def factor(model: str, counted: float = 0.0, own: float = 0.0) -> float:
    """The same, where its provider `counted` so much for requests for which our `own` count was that.

    Both are sums in which the last calls may weigh most, such as those of `events/views/inputs.py`.
    """
    return (counted + prior(model) * TRUST) / (own + TRUST)


def _of_claude(name: str) -> float:
    version = _VERSION.search(name)
    if version is None:
        return CLAUDE_SINCE_4_7  # an alias of the newest
    return CLAUDE if (int(version[1]), int(version[2] or 0)) < (4, 7) else CLAUDE_SINCE_4_7
