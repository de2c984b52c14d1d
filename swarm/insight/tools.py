"""Why a use of a tool came to what it did, and why an attempt's use of tools was ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from events.types.task import StepDrafted
from events.types.tool import ToolFinished
from events.views.attempts import Attempt, Use
from swarm.insight.reason import Reason, many
from swarm.insight.uses import use_said

_LAST_USES = 4  # that are told of an attempt whose use of tools was ended


def why_use(finished: ToolFinished, arguments: str | None, told: str | None) -> Iterator[Reason]:
    """What a use was to do, which rule refused it, and what the model was told. None: the text is no longer kept."""
    if finished.refused:
        yield Reason(
            said=f"the rule that refused it: {finished.refused}; your rules are `tools.approve` of `swarm config show`",
            facts={"rule": finished.refused},
        )
    yield Reason(said="its arguments" if arguments is not None else "its arguments are no longer kept", text=arguments)
    said = "what the model was told of it" + (", which is less than it said" if finished.shown is not None else "")
    yield Reason(said=said if told is not None else f"{said}, is no longer kept", text=told)


def why_ended(draft: StepDrafted, uses: Sequence[Use]) -> Iterator[Reason]:
    """What an attempt did last of which the use of tools was ended, and what that means for its draft."""
    yield Reason(said=f"the draft was handed in as it was then, and is rejected for that: {draft.stopped}")
    for use in uses[-_LAST_USES:]:
        yield Reason(said=use_said(use), event=use.position)


def uses_of(attempt: Attempt) -> Iterator[Reason]:
    """Of an attempt what a rule or a person refused or has to decide, and why its use of tools was ended."""
    for use in attempt.uses:
        if use.state in ("refused", "waiting") or use.word is not None:
            yield Reason(
                said=use_said(use), event=use.position, tone="warn" if use.state in ("refused", "waiting") else ""
            )
    if attempt.uses:
        failed = sum(use.state == "failed" for use in attempt.uses)
        yield Reason(
            said=f"it made {many(len(attempt.uses), 'use')} of tools"
            + (f", {failed} of which failed" if failed else ""),
            facts={"uses": len(attempt.uses), "failed": failed},
        )
    if attempt.stopped:
        yield Reason(said=f"its use of tools was ended: {attempt.stopped}", tone="warn")
