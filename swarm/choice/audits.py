"""Audits of accepted results: which are looked at again, by whom, and what they say of how often verdicts are wrong. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b

from events.views.verdicts import Judged
from swarm.choice.judges import Judge
from swarm.choice.planner import Judge as Errors
from swarm.messages import Arm

USUAL = Errors()
"""How often verdicts are assumed to be wrong, an auditor's among them."""

LEAST_ERROR, MOST_ERROR = 0.01, 0.1
WORTH_WRONG = 5.0  # drafts that were wrong: as many as some 20 audits stand for where every fourth draft is
WORTH_RIGHT = 20.0  # drafts that were right


def is_audited(session: str, task: str, step: int, share: float) -> bool:
    """Whether an accepted step is among the share that is audited: by its name alone, the same at every asking."""
    drawn = blake2b(f"{session}/{task}/{step}/audit".encode(), digest_size=8).digest()
    return int.from_bytes(drawn, "big") < share * 2**64


def auditors(
    arms: Sequence[Arm],
    *,
    judge: str,
    worker: str,
    paid: bool,
    excluded: Mapping[str, str],
    good: Callable[[Arm], float],
) -> list[Judge]:
    """The arms that may look again at the work of the model `worker` which the model `judge` accepted, the best first.

    Never the judge, the worker where nobody else may; of work that its checks alone accepted (`judge` is empty) never the
    worker. `good` says how good an arm's own work is. Paid ones only where `paid`, and then before the free ones.
    """
    others = [arm for arm in arms if arm.may_judge and arm.model not in excluded and arm.model != (judge or worker)]
    free = {arm.model for arm in others if arm.price is not None and arm.price.is_free}
    may = [arm for arm in others if paid or arm.model in free]
    may.sort(key=lambda arm: (arm.model == worker, paid and arm.model in free, -good(arm), arm.model))
    return [Judge(arm, "an audit, by a paid judge" if arm.model not in free else "an audit") for arm in may]


def wrong_and_caught(seen: Judged) -> tuple[float, float]:
    """Of the drafts that were wrong: how many were accepted, and how many rejected, among as large a share of both.

    An auditor errs as well: what it is expected to take for wrong though it is right does not count. Of the rejected drafts
    the same share is taken as was audited of the accepted ones, all of them as wrong but those that a person accepted.
    """
    mistaken = USUAL.rejects_right * seen.audited
    found = max(0.0, seen.wrong - mistaken) / (1 - USUAL.accepts_wrong - USUAL.rejects_right)
    share = min(1.0, seen.audited / seen.accepted) if seen.accepted else 0.0
    return found, share * max(0, seen.rejected - seen.overruled)


def errors_of(seen: Judged) -> Errors:
    """How often verdicts like these are wrong: of wrong drafts the share that is accepted, of right ones the share rejected.

    The first from audits. The second from persons who overruled: it can only be more than is assumed, since of a rejection
    at which nobody looked nothing is known.

    >>> errors_of(Judged())
    Judge(accepts_wrong=0.05, rejects_right=0.05)
    >>> errors_of(Judged(accepted=900, rejected=300, audited=60, wrong=3)).accepts_wrong
    0.01
    """
    found, caught = wrong_and_caught(seen)
    accepts_wrong = (USUAL.accepts_wrong * WORTH_WRONG + found) / (WORTH_WRONG + found + caught)
    rejected = USUAL.rejects_right * WORTH_RIGHT + seen.overruled
    rejects_right = rejected / (WORTH_RIGHT + seen.overruled + seen.accepted)
    return Errors(_clipped(accepts_wrong), _clipped(max(USUAL.rejects_right, rejects_right)))


def _clipped(share: float) -> float:
    return min(MOST_ERROR, max(LEAST_ERROR, share))


def together(records: Mapping[str, Judged], judges: Sequence[str]) -> Judged:
    """What is known of several judges as if they were one."""
    whole = Judged()
    for judge in dict.fromkeys(judges):
        whole.add(records.get(judge, Judged()))
    return whole
