"""Why an agent on a model got an attempt, or none did: a pure function of the choice's event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from events.trails import OVERLAP
from events.types.choice import Candidate, Choice, ChoiceMade, ChoiceStopped
from swarm.choice.choose import PLANNED, probabilities
from swarm.choice.roulette import ALPHA, BETA, FLOOR, point_of
from swarm.insight.reason import Reason, many, usd

_TIMES = "\u00d7"


def why_choice(position: int, choice: ChoiceMade) -> Reason:
    """Explain a choice: what it was made from, how likely it was, who was left out and why."""
    chances = probabilities(choice)
    others = len(choice.candidates) - 1
    return Reason(
        said=f"{choice.arm} ({choice.tier}) was chosen as {choice.role}, {_share(chances.get(choice.arm, 0.0))} of the draw "
        f"against {many(others, 'other candidate')}",
        event=position,
        facts={
            "agent": choice.agent,
            "model": choice.model,
            "tier": choice.tier,
            "probability": chances.get(choice.arm, 0.0),
            "why": choice.why,
            **_facts(choice),
        },
        because=(*_rules(choice), *_candidates(choice, chances, choice.arm), *_left_out(choice), *_draw(choice)),
    )


def in_a_line(choice: ChoiceMade) -> str:
    """Why an arm was chosen: its pheromone times what it was worth, its cost, what was known before; then why no other was."""
    chances = probabilities(choice)
    parts = [f"{choice.arm} ({choice.tier})"]
    parts += [_in_short(each, choice) for each in choice.candidates if each.arm == choice.arm]
    if choice.why:
        parts.append(f"a rule went before the draw: {choice.why}")
    elif len(choice.candidates) > 1:
        parts.append(f"{_share(chances.get(choice.arm, 0.0))} of the draw")
    if choice.spent_scope:
        parts.append(f"{choice.spent_percent} % of {choice.spent_scope} is spent")
    others = [
        f"{each.arm} ({each.tier}, pheromone {each.mean:.2f}, cost {usd(each.cost_nanos)}, {_share(chances.get(each.arm, 0.0))})"
        for each in choice.candidates
        if each.arm != choice.arm
    ]
    others += [f"{each.model} ({each.rule})" for each in (*choice.skipped, *choice.excluded)]
    return " · ".join(parts) + (f"; not {', not '.join(others)}" if others else "")


def _in_short(each: Candidate, choice: Choice) -> str:
    worth = f" {_TIMES} {usd(choice.worth_nanos)}" if choice.worth_nanos else ""
    worth = f" {_TIMES} weight {each.weight:.3g}" if each.weight else worth
    before = f"✔{each.accepted:.1f} ✘{each.rejected:.1f} before"
    return f"pheromone {each.mean:.2f}{worth}, cost {usd(each.cost_nanos)}, {before}"


def why_stopped(position: int, stopped: ChoiceStopped) -> Reason:
    """Explain why nobody was chosen: what the best cascade was worth that was left."""
    best = max((each.value_nanos for each in stopped.candidates), default=0)
    return Reason(
        said=f"nobody was chosen as {stopped.role}: one more try is not worth its cost, the best one {usd(best)}",
        event=position,
        tone="warn",
        facts={"value_nanos": best, **_facts(stopped)},
        because=(*_rules(stopped), *_candidates(stopped, {}, ""), *_left_out(stopped)),
    )


def _facts(choice: Choice) -> dict[str, object]:
    return {
        "role": choice.role,
        "context": choice.context,
        "policy": choice.policy,
        "seed": choice.seed,
        "worth_nanos": choice.worth_nanos,
        "arms": choice.arms,
        "pressure": choice.pressure or 1.0,
        "overlap": choice.overlap or OVERLAP,
        "start": choice.start,
        "spent_scope": choice.spent_scope,
        "spent_percent": choice.spent_percent,
    }


def _rules(choice: Choice) -> Iterator[Reason]:
    if choice.missed:
        missed = f"a person had pinned the try to the tier {choice.pinned}, and {choice.missed}: it was chosen as ever"
        yield Reason(
            said=missed, event=choice.pin, tone="warn", facts={"pinned": choice.pinned, "missed": choice.missed}
        )
    elif choice.pinned:
        pinned = f"a person had pinned the try to the tier {choice.pinned}: no other was asked"
        yield Reason(said=pinned, event=choice.pin, facts={"pinned": choice.pinned})
    if choice.asked:
        yield Reason(said="a person has the task tried again: the try is made whatever it is worth", event=choice.asked)
    if isinstance(choice, ChoiceMade) and choice.why:
        yield Reason(said=f"a rule went before the draw: {choice.why}")
    if choice.spent_scope:
        yield Reason(
            said=f"{choice.spent_percent} % of the money cap of {choice.spent_scope} is spent: cheaper arms first",
            tone="warn",
        )
    if _planned(choice):
        yield from _plan(choice)
    elif choice.policy == "roulette":
        yield Reason(
            said=f"policy roulette: the cheapest tier that is worth a try goes first; inside it the weight is "
            f"mean^{ALPHA:g} / (1 + expected cost in thousandths of a dollar)^{BETA:g}, and {FLOOR:g} of the wheel at least"
        )
    else:
        yield Reason(said=f"policy {choice.policy}")
    yield Reason(said=f"the trails were read for {choice.context or 'all contexts'}")
    for each, drafts in Counter(choice.tried).items():
        drawn = f", drawn as {each.draw:.2f}" if each.draw else ""
        told = f"{many(drafts, 'draft')} of {each.arm} {'was' if drafts == 1 else 'were'} rejected before"
        yield Reason(said=f"{told}: its mean is {each.mean:.2f}{drawn}", tone="faint")


def _planned(choice: Choice) -> bool:
    return choice.policy == "trails" and not any(each.weight for each in choice.candidates)


def _plan(choice: Choice) -> Iterator[Reason]:
    if not choice.arms:
        yield Reason(said="policy trails: there is one arm, and nothing to plan")
        return
    worth = f", where right work is worth {usd(choice.worth_nanos)}" if choice.worth_nanos else "; all arms are free"
    yield Reason(
        said=f"policy trails: of all cascades of up to {many(max(1, choice.arms), 'arm')} the one that is worth most{worth}"
    )
    if choice.start == PLANNED:
        yield Reason(said="a paid arm might have the first try: `start: planned`")
    if choice.pressure:
        yield Reason(said=f"prices were multiplied by {choice.pressure:.3g}, so that the budget lasts", tone="warn")
    if choice.tried:
        yield Reason(said=f"failures go together by {choice.overlap or OVERLAP:.2f}: 0 is not at all, 1 is always")
    if choice.accepts_wrong or choice.rejects_right:
        yield Reason(
            said=f"of the verdicts {choice.accepts_wrong or 0.05:.1%} accept what is wrong, "
            f"{choice.rejects_right or 0.05:.1%} reject what is right"
        )


def _candidates(choice: Choice, chances: Mapping[str, float], chosen: str) -> Iterator[Reason]:
    width = max((len(each.arm) for each in choice.candidates), default=0)
    for each in choice.candidates:
        share = chances.get(each.arm, 0.0)
        said = _candidate_line(each, share, width, drawn=_planned(choice), valued=choice.worth_nanos > 0)
        yield Reason(
            said=said + ("  <- chosen" if each.arm == chosen else ""),
            tone="good" if each.arm == chosen else "" if share else "faint",
            facts={
                "agent": each.agent,
                "model": each.model,
                "tier": each.tier,
                "weight": each.weight,
                "draw": each.draw,
                "value_nanos": each.value_nanos,
                "probability": share,
                "mean": each.mean,
                "accepted": each.accepted,
                "rejected": each.rejected,
                "cost_nanos": each.cost_nanos,
                "chosen": each.arm == chosen,
            },
        )


def _candidate_line(each: Candidate, share: float, width: int, *, drawn: bool, valued: bool) -> str:
    """The line of a candidate; what a cascade is worth is told where right work has a worth, which it has not among free arms."""
    if drawn and not each.draw:
        how = f"{_share(share)}"
    elif drawn:
        value = f", its best cascade is worth {usd(each.value_nanos)}" if each.value_nanos and valued else ""
        how = f"drawn as {each.draw:.2f}{value}, first in {_share(share)}"
    else:
        how = f"weight {each.weight:.3g}, {_share(share)}" if each.weight else "weight 0: another tier went first"
    trail = f"mean {each.mean:.2f} from {each.accepted:.1f} accepted and {each.rejected:.1f} rejected"
    return f"{each.arm.ljust(width)}  {each.tier:<5}  {how} · {trail} · {usd(each.cost_nanos)} expected"


def _left_out(choice: Choice) -> Iterator[Reason]:
    for each in choice.skipped:
        yield Reason(
            said=f"{each.model} is free and could not have the first try: {each.rule}",
            tone="faint",
            facts={"model": each.model, "rule": each.rule, "skipped": True},
        )
    for each in choice.excluded:
        yield Reason(
            said=f"{each.model} could not take part: {each.rule}",
            tone="faint",
            facts={"model": each.model, "rule": each.rule, "excluded": True},
        )


def _draw(choice: ChoiceMade) -> Iterator[Reason]:
    if choice.policy != "roulette" or choice.why:
        yield Reason(said=f"the seed of the draws was {choice.seed}")
        return
    low, high = _sector(choice)
    point = point_of(choice.seed)
    yield Reason(
        said=f"the seed {choice.seed} points at {point:.4f} of the wheel, where {choice.arm} holds {low:.4f} to {high:.4f}",
        facts={"seed": choice.seed, "point": point, "from": low, "to": high},
    )


def _sector(choice: ChoiceMade) -> tuple[float, float]:
    """The part of the wheel that the chosen one holds, the whole wheel being 1."""
    total = sum(each.weight for each in choice.candidates) or 1.0
    low = 0.0
    for each in choice.candidates:
        if each.arm == choice.arm:
            return low, low + each.weight / total
        low += each.weight / total
    return low, low


def _share(share: float) -> str:
    return f"{100 * share:.3g} %"
