"""What providers counted beyond what was counted for them, by model: so wide a reservation has to be, that it holds."""

from __future__ import annotations

import msgspec

from events.log import Entry
from events.types.call import CallOverran


class Times(msgspec.Struct, frozen=True):
    """A factor of at least one, as two whole numbers: `seen` tokens came where `counted` were the most."""

    seen: int = 1
    counted: int = 1

    def of(self, tokens: int) -> int:
        """So many tokens at the factor, rounded up."""
        return -(-tokens * self.seen // self.counted)

    def within(self, tokens: int) -> int:
        """The most tokens that come to no more than `tokens` at the factor."""
        return tokens * self.counted // self.seen

    def or_more(self, seen: int, counted: int) -> Times:
        """The factor, or that of another sight where it is greater."""
        return Times(seen, counted) if counted > 0 and seen * self.counted > self.seen * counted else self

    @property
    def words(self) -> str:
        """
        >>> Times(228, 91).words
        '2.6 times'
        """
        tenths = -(-10 * self.seen // self.counted)
        return f"{tenths // 10:,}.{tenths % 10} times"


class Bounds(msgspec.Struct, frozen=True):
    """How many times what is counted for a request, and what is allowed to its answer, a provider may count."""

    input: Times = Times()
    output: Times = Times()

    @property
    def words(self) -> str:
        """What was seen, as the end of a sentence."""
        said = [f"{self.input.words} the input that its request can have"] if self.input != Times() else []
        said += [f"{self.output.words} the output that it was allowed"] if self.output != Times() else []
        return " and ".join(said)


EXACT = Bounds()
"""Of a model that never went beyond what was counted for it."""


class OverrunsView(msgspec.Struct):
    """By model the greatest factors that were seen when a call overran its reservation."""

    models: dict[str, Bounds] = {}

    def apply(self, entry: Entry) -> None:
        match entry.event:
            case CallOverran(model=model) as seen if model:
                known = self.of(model)
                self.models[model] = Bounds(
                    input=known.input.or_more(seen.input_tokens, seen.counted_tokens),
                    output=known.output.or_more(seen.output_tokens, seen.max_output_tokens),
                )
            case _:
                pass

    def of(self, model: str) -> Bounds:
        return self.models.get(model, EXACT)
