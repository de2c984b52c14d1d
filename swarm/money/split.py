"""A budget split among those who spend it: what each may take now, so that what one does not need is there for the others.

Nothing here knows of roles or tasks. A part is whoever spends: its share by the split, what it has spent and reserved, and
what it will probably still take. Amounts are of one unit, tokens or nano-dollars.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import msgspec

from events.views.money import Amount, MoneyView
from swarm.errors import BudgetExceeded, ShareExceeded
from swarm.money.caps import Cap, Grant, Need, ShareCap, Wait, admit
from swarm.task import BUFFER, SUMMARY, Portion, portion_of


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One of those who spend from a budget."""

    name: str
    share: int  # what the split gives it
    used: int = 0  # spent and reserved
    forecast: int = 0  # what it will probably still take


def shares_of(split: Mapping[str, Portion], parent: int, unit: str) -> dict[str, int]:
    """What the split of a budget of `parent` gives each of its names; a portion in another unit gives nothing of this one.

    Where amounts add up to more than there is (the budget is another one today), all are made smaller in proportion.
    """
    named = {name: portion_of(portion, parent, unit) for name, portion in split.items()}
    return portioned(parent, named)


def held_back(cap: Cap, split: Mapping[str, Portion], unit: str) -> int:
    """What of a capped budget no role may take: it is for the hand-over, by its share of the split or by the cap itself."""
    most = cap.nanos if unit == "nanos" else cap.tokens
    return max(shares_of(split, most or 0, unit).get(SUMMARY, 0), cap.held(unit))


def caps_in_force(
    parent: int, parts: Sequence[Part], *, held: int = 0, asking: str = "", need: int = 0
) -> dict[str, int]:
    """The cap of each part at this moment, and what is left of the buffer. Together with `held` never more than `parent`.

    Each keeps of its own share what it will need. The rest of all shares, and behind it the buffer, which is what the split
    gives nobody, goes first to who is `asking` for its present `need`, then in proportion to those whose forecast is above
    their share; what nobody is short of stays with whose it was. Where more is used than there is, nobody gets more.
    """
    used = {part.name: part.used for part in parts}
    left = max(0, parent - held - sum(used.values()))
    wanted = {part.name: max(part.forecast, need if part.name == asking else 0) for part in parts}
    own = {part.name: max(0, part.share - part.used) for part in parts}
    kept = portioned(left, {name: min(wanted[name], own[name]) for name in used})
    left -= sum(kept.values())
    unneeded = {name: own[name] - min(wanted[name], own[name]) for name in used}

    now = min(left, max(0, need - kept[asking])) if asking in kept else 0
    left -= now
    lacking = {name: wanted[name] - kept[name] - (now if name == asking else 0) for name in used}
    free = max(0, sum(unneeded.values()) - now)
    flowing = portioned(min(left, free), lacking)
    buffered = portioned(left - sum(flowing.values()), {name: lacking[name] - flowing[name] for name in used})
    left -= sum(flowing.values()) + sum(buffered.values())
    returned = portioned(min(left, free - sum(flowing.values())), unneeded)
    caps = {name: used[name] + kept[name] + flowing[name] + buffered[name] + returned[name] for name in used}
    if asking in caps:
        caps[asking] += now
    return {**caps, BUFFER: left - sum(returned.values())}


def portioned(amount: int, wanted: Mapping[str, int]) -> dict[str, int]:
    """Give each what it wants where `amount` suffices, else of it in proportion, in whole numbers and to the last one.

    >>> portioned(10, {"a": 4, "b": 5}), portioned(10, {"a": 20, "b": 10})
    ({'a': 4, 'b': 5}, {'a': 7, 'b': 3})
    """
    whole = sum(wanted.values())
    if whole <= amount:
        return dict(wanted)
    given = {name: amount * each // whole for name, each in wanted.items()}
    rest = amount - sum(given.values())
    for name in sorted(wanted, key=lambda name: (-(amount * wanted[name] % whole), name))[:rest]:
        given[name] += 1
    return given


def decide(need: Need, money: MoneyView, settling: Mapping[str, Amount]) -> Grant | Wait | BudgetExceeded:
    """As `admit`, under the caps in force of the splits above the call as well.

    It waits, too, where the others' calls in flight could still leave enough of their shares.
    """
    if need.shares is None:
        return admit(need, money, settling)
    caps = need.shares(need, partial(_used, money, {}))
    decision = admit(_under(need, caps), money, settling)
    if not isinstance(decision, BudgetExceeded):
        return decision
    short = next((cap for cap in caps if _refused(cap, decision)), None)
    if short is None:
        return decision
    later = admit(_under(need, need.shares(need, partial(_used, money, settling))), money, settling)
    if not isinstance(later, BudgetExceeded):
        return Wait(short.scope)
    share, whole = getattr(short, f"share_{decision.unit}"), getattr(short, f"whole_{decision.unit}")
    return ShareExceeded(decision, name=short.name, share=share, whole=whole)


def _used(money: MoneyView, less: Mapping[str, Amount], scope: str) -> Amount:
    state, off = money.scopes.get(scope), less.get(scope, Amount())
    if state is None:
        return Amount()
    spent, reserved = state.spent, state.reserved
    return Amount(spent.tokens + reserved.tokens - off.tokens, spent.nanos + reserved.nanos - off.nanos)


def _under(need: Need, caps: Sequence[ShareCap]) -> Need:
    return msgspec.structs.replace(need, caps=(*need.caps, *caps))


def _refused(cap: ShareCap, refusal: BudgetExceeded) -> bool:
    return cap.scope == refusal.scope and refusal.cap == (cap.tokens if refusal.unit == "tokens" else cap.nanos)
