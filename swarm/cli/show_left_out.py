"""`swarm show --left-out`: of the prompts of a task the sections that were given and those that were left out, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from events.log import EventLog
from swarm.cli.names import Name
from swarm.cli.output import Cell, Output
from swarm.cli.show_prompt import one_task
from swarm.insight.requests import Told, records_of
from swarm.insight.story import Story
from swarm.prompts.parts import Said
from swarm.roles.prompting import Assembled
from tui.words import visible


class Shown(msgspec.Struct, frozen=True):
    """A prompt of a role, and the steps and attempts at which it was told so."""

    role: str
    assembled: Assembled
    at: Sequence[tuple[int, int]]


async def show_left_out(log: EventLog, name: Name, story: Story, output: Output, *, attempt: int | None) -> None:
    """Write what became of the sections of a task's long prompts. Raises UsageError where it is not one task's."""
    name = one_task(name, story)
    records = await records_of(log, story, story.tasks[name.task])
    meant = {
        at: record
        for at, record in records.items()
        if (not name.step or at[0] == name.step) and (attempt is None or at[1] == attempt)
    }
    found = shown_of(meant)
    if output.json:
        output.document(
            "swarm.show/1", {"what": "prompts", "id": str(name), "prompts": [_document(one) for one in found]}
        )
        return
    for number, one in enumerate(found):
        if number:
            output.line()
        _page(one, output)
    if not found:
        output.note(
            f"no section of a prompt was left out for {name}: the stage `prompt` is off for it, its prompts are short, or a "
            "draft was rejected before"
        )


def shown_of(records: Mapping[Told, Sequence[Assembled]]) -> list[Shown]:
    """Each prompt once, however often it was told so."""
    found: dict[tuple[str, Assembled], list[tuple[int, int]]] = {}
    for (step, attempt, role), record in sorted(records.items()):
        for each in record:
            found.setdefault((role, each), []).append((step, attempt))
    return [Shown(role, assembled, at) for (role, assembled), at in found.items()]


def _page(one: Shown, output: Output) -> None:
    each = one.assembled
    where = ", ".join(f"step {step} attempt {attempt}" if step else f"plan {attempt}" for step, attempt in one.at)
    output.line(f"{visible(one.role)}, {visible(each.of)}  {where}", "bold")
    output.table(("", "SECTION", "TOKENS", "WHY"), [_row(said) for said in each.said])
    kept = sum(said.kept for said in each.said)
    sent = "" if each.used else "; only measured: all of it was sent"
    output.line(
        f"  {each.before:,} to {each.after:,} tokens by a quick count; {kept} of {len(each.said)} sections given{sent}"
    )


def _row(said: Said) -> list[Cell]:
    sign: Cell = ("+", "green") if said.kept else ("-", "red")
    return [sign, visible(said.title or "(beginning)"), f"{said.tokens:,}", visible(said.why)]


def _document(one: Shown) -> dict[str, Any]:
    each = one.assembled
    return {
        "role": one.role,
        "prompt": each.of,
        "at": [{"step": step, "attempt": attempt} for step, attempt in one.at],
        "used": each.used,
        "before": each.before,
        "after": each.after,
        "sections": [
            {"title": said.title, "tokens": said.tokens, "kept": said.kept, "why": said.why} for said in each.said
        ],
    }
