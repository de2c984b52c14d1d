"""What each of several calls owes of one request that was made for all of them: whole numbers that add up to what it came to."""

from __future__ import annotations

from collections.abc import Sequence

from swarm.messages import Usage
from swarm.money.bill import Bill
from swarm.money.caps import Grant, Need
from swarm.money.prices import cost_nanos, counted_tokens


def apportioned(total: int, weights: Sequence[int], most: Sequence[int]) -> list[int]:
    """Divide a whole number by weights, so that the parts add up to it; what is lost in rounding goes to the greatest remainders.

    No part is greater than its `most`, as long as all of these together are enough; what is beyond them is divided by weights.

    >>> apportioned(10, [1, 1, 1], [9, 9, 9])
    [4, 3, 3]
    >>> apportioned(10, [1, 1, 1], [2, 9, 9])
    [2, 4, 4]
    >>> apportioned(10, [1, 1], [2, 2])
    [5, 5]
    """
    within = min(total, sum(most))
    parts = [0] * len(weights)
    while (left := within - sum(parts)) > 0:
        open_ = [each for each, part in enumerate(parts) if part < most[each]]
        for each, more in zip(open_, _divided(left, [weights[each] for each in open_]), strict=True):
            parts[each] = min(most[each], parts[each] + more)
    beyond = _divided(total - within, weights)
    return [part + more for part, more in zip(parts, beyond, strict=True)]


def _divided(total: int, weights: Sequence[int]) -> list[int]:
    whole = sum(weights)
    weights = weights if whole else [1] * len(weights)
    whole = whole or len(weights)
    parts = [total * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda each: (-(total * weights[each] % whole), each))
    for each in by_remainder[: total - sum(parts)]:
        parts[each] += 1
    return parts


def bills(whole: Bill, needs: Sequence[Need], grants: Sequence[Grant], answered: Sequence[int]) -> list[Bill]:
    """Divide the bill of a request among the calls that it was made for: input by what each reserved of it, output by `answered`,
    about how many tokens each got. A call is charged no more than it reserved as long as the whole was not.

    Without a usage each is charged its reservation.
    """
    if whole.basis != "provider":
        return [_by_reservation(need, grant, whole) for need, grant in zip(needs, grants, strict=True)]
    usages = _usages(whole.usage, needs, grants, answered)
    prices = [cost_nanos(need.price, usage) for need, usage in zip(needs, usages, strict=True)]
    nanos = apportioned(whole.nanos, prices, [grant.nanos for grant in grants])
    return [
        Bill(usage=usage, tokens=counted_tokens(usage), nanos=amount, basis=whole.basis, doubts=whole.doubts)
        for usage, amount in zip(usages, nanos, strict=True)
    ]


def _usages(usage: Usage, needs: Sequence[Need], grants: Sequence[Grant], answered: Sequence[int]) -> list[Usage]:
    read = apportioned(usage.input_tokens, [need.input_tokens for need in needs], [need.most_input for need in needs])
    most = [need.most_output(grant.output_tokens) for need, grant in zip(needs, grants, strict=True)]
    said = apportioned(usage.output_tokens, answered, most)
    cached = apportioned(usage.cached_tokens, read, read)
    kept = apportioned(usage.cache_write_tokens, read, [all_ - part for all_, part in zip(read, cached, strict=True)])
    thought = apportioned(usage.reasoning_tokens, said, said)
    return [
        Usage(
            input_tokens=read[each],
            output_tokens=said[each],
            cached_tokens=cached[each],
            cache_write_tokens=kept[each],
            reasoning_tokens=thought[each],
        )
        for each in range(len(needs))
    ]


def _by_reservation(need: Need, grant: Grant, whole: Bill) -> Bill:
    usage = Usage(input_tokens=need.most_input, output_tokens=need.most_output(grant.output_tokens))
    return Bill(usage=usage, tokens=grant.tokens, nanos=grant.nanos, basis=whole.basis)
