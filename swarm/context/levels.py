"""How much of an input is given: from all of it down to its name. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from swarm.context.pack import Count
from swarm.context.sizes import size_of
from swarm.task import Input, Load

SHARES: Mapping[Load, float] = {"essential": 0.4, "extended": 0.7}
"""What of the tokens of an input is given at these levels: the parts that fit the task best, and those around them."""

RELEVANT_TOKENS, RELEVANT_BYTES = 2_000, 8_000
"""What the parts that fit may have where nothing else is asked for, and the bytes of as much ordinary text."""

LOWER: Mapping[Load, Load] = {
    "full": "relevant",
    "extended": "relevant",
    "essential": "relevant",
    "relevant": "outline",
}
"""What is given in place of each level near a cap, where a tenth less would not help. An outline stays one: the name of a file
alone says nothing to a model that cannot open it."""


def room_of(source: Input, texts: Sequence[str], count: Count) -> int:
    """How many tokens the parts of an input that fit a task may have together."""
    share = SHARES.get(source.load)
    asked = source.max_tokens
    if share is None:
        usual = RELEVANT_BYTES if count is size_of else RELEVANT_TOKENS
        return usual if asked is None else asked
    most = math.ceil(share * sum(map(count, texts)))
    return most if asked is None else min(most, asked)
