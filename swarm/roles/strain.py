"""How near to a cap an attempt begins, and what follows: from 80 % on it is told what is left, from 90 % on it is given less.

Below 80 % nothing is told: the line would make every prompt another one, and no provider's cache would serve two of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from events.views.money import MoneyView
from swarm.errors import amount
from swarm.journal import Attempt
from swarm.money.caps import Cap
from swarm.money.shares import greatest_share
from swarm.prompts.length import TOKENS_A_WORD

TOLD_FROM, COMPACT_FROM = 80, 90  # percent of a cap, as the marks
RECORDED = "strain"
"""The name under which an attempt keeps it."""


class Strain(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Of the cap above an attempt of which the greatest share is spent: that share, and what is left. As new: of none."""

    percent: int = 0
    scope: str = ""
    unit: str = ""
    left: int = 0
    cap: int = 0

    @property
    def is_compact(self) -> bool:
        return self.percent >= COMPACT_FROM

    def clamped(self, output_tokens: int) -> int:
        """The output to ask for: half of it near the cap, so that what is asked for is still of use at half of that."""
        return output_tokens // 2 if self.is_compact else output_tokens

    def line(self, output_tokens: int) -> str:
        """What the agent is told, in one line; nothing where there is no need to save."""
        if not self.percent:
            return ""
        left = f"{amount(self.left, self.unit)} of {amount(self.cap, self.unit)}"
        words = self.clamped(output_tokens) // TOKENS_A_WORD
        short = f" Answer in at most {words} words." if self.is_compact else ""
        return f"The budget of this work has {left} left ({self.scope}): be brief.{short}"


def strain_of(caps: Sequence[Cap], money: MoneyView) -> Strain:
    """How near the spent of these scopes is to their caps; as new below the first mark."""
    share = greatest_share(caps, money, "tokens", "nanos")
    if share is None or share.percent < TOLD_FROM:
        return Strain()
    return Strain(percent=share.percent, scope=share.scope, unit=share.unit, left=share.left, cap=share.cap)


async def strained(attempt: Attempt, now: Strain) -> Strain:
    """The strain under which the attempt's request is built: `now` where it is built now, else as it was recorded.

    Recorded is only what changes a request: where the brief stands alone, there was none.
    """
    place = attempt.recorded.captures.get(RECORDED)
    if place is not None:
        return msgspec.json.decode(await attempt.text(place), type=Strain)
    if "brief" in attempt.recorded.captures or not now.percent:
        return Strain()
    attempt.note(RECORDED, msgspec.json.encode(now).decode())
    return now
