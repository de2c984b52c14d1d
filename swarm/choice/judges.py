"""Who judges: a rule, not a draw. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from swarm.messages import TIERS, Arm


class Judge(msgspec.Struct, frozen=True):
    """An arm that may judge, and the rule by which it is taken."""

    arm: Arm
    why: str


def judges(
    arms: Sequence[Arm], worker_model: str, *, paid: bool, excluded: Mapping[str, str], near: str = ""
) -> list[Judge]:
    """The arms that may judge a worker's draft, the first to be asked first.

    Another free model goes before the worker's own free model; a paid one comes only where no free one may judge, or
    before them all where `paid`. `near` says of which money cap how much is spent, where cheaper ones go first for that.
    """
    allowed = [arm for arm in arms if arm.may_judge and arm.model not in excluded]
    allowed.sort(key=lambda arm: (TIERS.index(arm.tier), arm.model))
    free = [arm for arm in allowed if arm.price is not None and arm.price.is_free]
    priced = [arm for arm in allowed if arm not in free]
    others = [Judge(arm, "another free model") for arm in free if arm.model != worker_model]
    own = [
        Judge(arm, "the worker's own model: no other free one may judge") for arm in free if arm.model == worker_model
    ]
    if near:
        priced.sort(key=lambda arm: arm.price.output_nanos if arm.price is not None else 0)
    bought = sorted(priced, key=lambda arm: arm.model == worker_model)
    cheaper = f"; {near}: the cheaper one first" if near else ""
    if paid:
        return [Judge(arm, f"a paid judge was asked for{cheaper}") for arm in bought] + others + own
    return others + own + ([Judge(arm, f"no free model may judge{cheaper}") for arm in bought] if not free else [])
