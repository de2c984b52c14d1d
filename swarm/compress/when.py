"""When a conversation with tools is compacted: seldom, and then all of it that may go. Pure.

Each request of a conversation holds all that was said before. A provider that keeps the beginning of a request takes a tenth for
it, and for what is another than before the full price or a quarter more: there a history that only grows costs .17 of what it costs
uncached (30 calls: `python -m bench.history`), and one that is rewritten as a whole at every turn several times that. So it is
compacted where that is worth more than it costs,

    removed * cached * (1 + further)  >=  rewritten * (written - cached)

with `removed` the tokens that every request from now on has less, `rewritten` those that were sent before and now stand at another
place, `further` the requests that are expected after the next one, and `cached` and `written` the prices of a token that is read
from the cache, and of one that is not, as parts of the price of input. Where cached input is no cheaper (free tiers, models of one's
own) nothing stands on the right: an old result is dead weight.
"""

from __future__ import annotations

from typing import NamedTuple

MOST_TOKENS = 50_000
"""Of a conversation. What stands in the middle of more is read badly, whatever the window."""

MOST_TURNS = 20
"""Since the beginning, or since it was compacted."""

WINDOW_SHARE = 0.9
"""Of what a model's window has beside the answer."""

CACHE_S = 300
"""For so long a provider keeps the beginning of a request at least (Anthropic documents 5 minutes, OpenAI 5 to 10)."""

LEAST_REMOVED, BULK = 400, 4
"""So many tokens have to go, and of the conversation a part in so many: what is less is left for the next time."""

RISK = 0.05
"""Of what the conversation has cost: so much a compaction may lose where the next request is the last after all."""

EVEN = 0.03
"""Of what the requests to come cost: within that a compaction costs as much as none, and the fewer tokens decide."""


class Rates(NamedTuple):
    """Prices of input as parts of its price: of a token that the provider's cache had, and of one that it had not."""

    cached: float = 1.0
    written: float = 1.0


class State(NamedTuple):
    """A conversation before its next request. Sizes are tokens."""

    tokens: int  # of the next request, if nothing is done
    removed: int  # that it would have less
    rewritten: int  # of what would stay, those that were sent before and would stand behind something that changed
    turns: int  # since the beginning, or since it was compacted
    further: int = 0  # requests that are expected after the next one
    rates: Rates = Rates()
    window: int | None = None  # of the model, less the answer; None: unknown
    reserved: int = 0  # the most that the request may count against caps
    left: int | None = None  # what the caps above it leave; None: there is none
    idle_s: float = 0.0  # since the last answer


def due(state: State) -> str:
    """Why the conversation is compacted now; "" where it is left as it is.

    >>> due(State(tokens=9_000, removed=5_000, rewritten=1_500, turns=6, further=5))
    'pays'
    >>> due(State(tokens=9_000, removed=900, rewritten=3_000, turns=6, further=2, rates=Rates(0.1, 1.25)))
    ''
    """
    if state.removed < LEAST_REMOVED:
        return ""
    if state.window is not None and state.tokens > WINDOW_SHARE * state.window:
        return "window"
    if state.left is not None and state.reserved > state.left:
        return "cap"
    if state.removed * BULK < state.tokens:
        return ""
    if state.left is not None and state.reserved * 2 > state.left:
        return "half of the cap"
    if state.tokens > MOST_TOKENS:
        return "size"
    if state.turns >= MOST_TURNS and risks_little(state):
        return "turns"
    if state.idle_s > CACHE_S:
        return "cold cache"
    return "pays" if pays(state) and risks_little(state) else ""


def pays(state: State) -> bool:
    """Whether the requests that are expected cost no more than they would."""
    requests, rates = 1 + state.further, state.rates
    saved = state.removed * rates.cached * requests
    cost = state.rewritten * (rates.written - rates.cached)
    return saved + EVEN * rates.cached * state.tokens * requests >= cost


def risks_little(state: State) -> bool:
    """Whether little is lost if there is but one more request. What it all cost is taken as that of a conversation that grew evenly."""
    rates = state.rates
    spent = state.tokens * (rates.written + rates.cached * state.turns / 2)
    return state.rewritten * (rates.written - rates.cached) - state.removed * rates.cached <= RISK * spent


def further_requests(answered: int, most: int) -> int:
    """How many requests are expected behind the next one: as many again as there were, and no more than are allowed.

    >>> further_requests(5, 50), further_requests(5, 7), further_requests(1, 50)
    (4, 1, 0)
    """
    return max(0, min(answered, most - answered) - 1)
