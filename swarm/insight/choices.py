"""Why an agent on a model got an attempt: a pure function of the choice's event."""

from __future__ import annotations

from collections.abc import Iterator

from events.types.choice import Candidate, ChoiceMade
from swarm.choice.choose import ALPHA, BETA, POLICY, point_of, probability
from swarm.insight.reason import Reason, many, usd


def why_choice(position: int, choice: ChoiceMade) -> Reason:
    """Explain a choice: what it was drawn from and with which weights, where the draw fell, who was left out and why."""
    chance = probability(choice)
    others = len(choice.candidates) - 1
    return Reason(
        said=f"{choice.agent}@{choice.model} ({choice.tier}) was chosen as {choice.role}, {_share(chance)} of the draw "
        f"against {many(others, 'other candidate')}",
        event=position,
        facts={
            "agent": choice.agent,
            "model": choice.model,
            "tier": choice.tier,
            "role": choice.role,
            "context": choice.context,
            "policy": choice.policy,
            "seed": choice.seed,
            "probability": chance,
            "why": choice.why,
            "spent_scope": choice.spent_scope,
            "spent_percent": choice.spent_percent,
        },
        because=(*_rule(choice), *_candidates(choice), *_excluded(choice), _draw(choice)),
    )


def _rule(choice: ChoiceMade) -> Iterator[Reason]:
    if choice.why:
        yield Reason(said=f"a rule went before the draw: {choice.why}")
    if choice.spent_scope:
        yield Reason(
            said=f"{choice.spent_percent} % of the money cap of {choice.spent_scope} is spent: cheaper arms first",
            tone="warn",
        )
    if choice.policy == POLICY:
        yield Reason(
            said=f"policy {POLICY}: the cheapest tier that is worth a try goes first; inside it the weight is "
            f"mean^{ALPHA:g} / (1 + expected cost in thousandths of a dollar)^{BETA:g}"
        )
    else:
        yield Reason(said=f"policy {choice.policy}")
    yield Reason(said=f"the trails were read for {choice.context or 'all contexts'}")


def _candidates(choice: ChoiceMade) -> Iterator[Reason]:
    total = sum(each.weight for each in choice.candidates)
    width = max((len(f"{each.agent}@{each.model}") for each in choice.candidates), default=0)
    for each in choice.candidates:
        chosen = (each.agent, each.model) == (choice.agent, choice.model)
        share = each.weight / total if total else 0.0
        yield Reason(
            said=_candidate_line(each, share, width, ruled=bool(choice.why)) + ("  <- chosen" if chosen else ""),
            tone="good" if chosen else "" if each.weight else "faint",
            facts={
                "agent": each.agent,
                "model": each.model,
                "tier": each.tier,
                "weight": each.weight,
                "probability": share,
                "mean": each.mean,
                "accepted": each.accepted,
                "rejected": each.rejected,
                "cost_nanos": each.cost_nanos,
                "chosen": chosen,
            },
        )


def _candidate_line(each: Candidate, share: float, width: int, *, ruled: bool) -> str:
    none = f"weight 0: {'the rule took another' if ruled else 'another tier went first'}"
    drawn = f"weight {each.weight:.3g}, {_share(share)}" if each.weight else none
    trail = f"mean {each.mean:.2f} from {each.accepted:.1f} accepted and {each.rejected:.1f} rejected"
    return f"{f'{each.agent}@{each.model}'.ljust(width)}  {each.tier:<5}  {drawn} · {trail} · {usd(each.cost_nanos)} expected"


def _excluded(choice: ChoiceMade) -> Iterator[Reason]:
    for each in choice.excluded:
        yield Reason(
            said=f"{each.model} could not take part: {each.rule}",
            tone="faint",
            facts={"model": each.model, "rule": each.rule, "excluded": True},
        )


def _draw(choice: ChoiceMade) -> Reason:
    if choice.policy != POLICY:
        return Reason(said=f"the seed of the draw was {choice.seed}")
    low, high = _sector(choice)
    point = point_of(choice.seed)
    return Reason(
        said=f"the seed {choice.seed} points at {point:.4f} of the wheel, where {choice.agent}@{choice.model} "
        f"holds {low:.4f} to {high:.4f}",
        facts={"seed": choice.seed, "point": point, "from": low, "to": high},
    )


def _sector(choice: ChoiceMade) -> tuple[float, float]:
    """The part of the wheel that the chosen one holds, the whole wheel being 1."""
    total = sum(each.weight for each in choice.candidates) or 1.0
    low = 0.0
    for each in choice.candidates:
        if (each.agent, each.model) == (choice.agent, choice.model):
            return low, low + each.weight / total
        low += each.weight / total
    return low, low


def _share(share: float) -> str:
    return f"{100 * share:.3g} %"
