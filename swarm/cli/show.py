"""`swarm show`: a session, a task or a step with everything that led to it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import anyio

from events.log import EventLog, system_clock
from events.types.session import Estimated
from events.types.task import StepRejected
from events.types.tool import SandboxProbed
from events.views.attempts import Attempt
from events.views.tasks import Place, StepState, TaskState
from swarm.cli.estimated import estimate_of
from swarm.cli.names import HELP, Name, NoSuchThing, find
from swarm.cli.ps import Listed
from swarm.cli.recorded import recorded, settings_of
from swarm.cli.sessions import state_of
from swarm.cli.streams import write_result
from swarm.errors import SwarmError, UsageError
from swarm.insight.story import Story, read_story, text_or_none

if TYPE_CHECKING:
    from swarm.cli.output import Output


class NoResult(SwarmError):
    """What was named has no text."""

    def __init__(self, name: Name, *, because: str) -> None:
        super().__init__(f"{name} has no result: {because}; `swarm show {name}` tells more")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", nargs="?", metavar="ID", help=HELP)
    parser.add_argument("--text", action="store_true", help="print the result alone, for a pipe")
    parser.add_argument("--diff", action="store_true", help="print what tools changed of the project, as a patch")
    parser.add_argument(
        "--prompt", action="store_true", help="print what was sent for a task, part by part, with tokens"
    )
    parser.add_argument(
        "--left-out", action="store_true", help="print which sections of its long prompts a task was given, and why"
    )
    parser.add_argument("--full", action="store_true", help="with --prompt: the texts of the parts, too")
    parser.add_argument("--attempt", type=int, metavar="N", help="with --prompt and --left-out: of this attempt alone")


def run(args: argparse.Namespace) -> int:
    if args.text + args.diff + args.json > 1:
        raise UsageError(
            "--text prints the result alone, --diff the changes alone and --json a document; use one of them"
        )
    if args.prompt + args.left_out + (args.text or args.diff) > 1:
        raise UsageError(
            "--prompt prints what was sent, --left-out what of a prompt was not, --text the result and --diff the changes; use "
            "one of them"
        )
    if not args.prompt and (args.full or (args.attempt is not None and not args.left_out)):
        raise UsageError("--full and --attempt say more of what --prompt prints; use them with it")
    anyio.run(_show, args)
    return 0


async def _show(args: argparse.Namespace) -> None:
    async with recorded(settings_of(args).log) as log:
        name = await find(log, args.id)
        story = await read_story(log, name.session)
        session, tasks = story.session, story.tasks
        if session is None:
            raise NoSuchThing(f"session s{name.session}")
        if args.text:
            await _print_text(log, name, tasks)
        elif args.diff:
            await _print_patch(log, name, tasks, args.output)
        elif args.prompt:
            from swarm.cli.show_prompt import show_prompt

            await show_prompt(log, name, story, args.output, attempt=args.attempt, full=args.full)
        elif args.left_out:
            from swarm.cli.show_left_out import show_left_out

            await show_left_out(log, name, story, args.output, attempt=args.attempt)
        elif name.task:
            await _print_task(log, name, story, args.output)
        else:
            paused = story.view.whole(name.session).paused
            listed = Listed(session, state_of(session, now=system_clock()), tuple(tasks.values()), paused=paused)
            estimate, way = await estimate_of(log, name.session), await _way(log, listed)
            _print_session(listed, story.sandbox, estimate, way, args.output)


async def _print_text(log: EventLog, name: Name, tasks: dict[str, TaskState]) -> None:
    """Write the text and a line break, with what a terminal would act upon made visible where it is one."""
    from tui.words import visible_lines

    place = _only_result(name, tasks)
    text = await text_or_none(log, place.ref, at=place.at)
    if text is None:
        raise NoResult(name, because="its text is no longer kept")
    shown = visible_lines(text) if sys.stdout.isatty() else text
    write_result(shown if shown.endswith("\n") else shown + "\n")


async def _print_patch(log: EventLog, name: Name, tasks: dict[str, TaskState], output: Output) -> None:
    """Write the changes as a patch, with what a terminal would act upon made visible where it is one."""
    from swarm.cli.changes import patch_of, why_nothing
    from tui.words import visible_lines

    patch = await patch_of(log, name, tasks)
    if not patch:
        output.note(
            why_nothing(name, tasks) if not name.step else f"the tools of {name} changed no file of the project"
        )
    write_result(visible_lines(patch) if sys.stdout.isatty() else patch)


def _only_result(name: Name, tasks: dict[str, TaskState]) -> Place:
    """Where the one text is that is meant. Raises NoResult, and UsageError where there are several."""
    if not name.task:
        if len(tasks) != 1:
            listed = ", ".join(str(Name(name.session, task)) for task in tasks) or "none"
            raise UsageError(f"session {name} has {len(tasks)} tasks ({listed}); name the one whose text is wanted")
        name = Name(name.session, next(iter(tasks)))
    task = tasks[name.task]
    place = task.steps[name.step - 1].draft if name.step else task.result
    if place is None:
        raise NoResult(name, because="no draft was written yet" if name.step else _why_no_result(task))
    return place


def _why_no_result(task: TaskState) -> str:
    return (
        "it is not finished"
        if task.status == "open"
        else f"it {_was(task.status)} ({task.reason or 'no reason given'})"
    )


def _was(status: str) -> str:
    return status if status == "failed" else f"was {status}"


async def _way(log: EventLog, one: Listed) -> Sequence[str]:
    """What it takes to go on with a session, behind its name."""
    from swarm.cli.raising import way_of

    return await way_of(log, one.session.number) if one.state == "interrupted" else ()


def _print_session(
    one: Listed, sandbox: SandboxProbed | None, estimate: Estimated | None, way: Sequence[str], output: Output
) -> None:
    from swarm.cli import show_document, show_page

    if output.json:
        output.document("swarm.show/1", show_document.of_session(one, estimate, sandbox))
    else:
        show_page.session_page(one, estimate, output, now=system_clock(), way=way, sandbox=sandbox)


async def _print_task(log: EventLog, name: Name, story: Story, output: Output) -> None:
    from swarm.cli import show_document, show_page

    task = story.tasks[name.task]
    meant = [attempt for attempt in story.attempts.of(name.task) if not name.step or attempt.step == name.step]
    step = task.steps[name.step - 1] if name.step else None
    texts = await _texts(log, task, step, meant)
    if output.json:
        said = (
            show_document.of_step(task, name.step, meant, texts) if step else show_document.of_task(task, meant, texts)
        )
        output.document("swarm.show/1", said)
    else:
        show_page.task_page(task, step, meant, texts, output, now=system_clock())


async def _texts(
    log: EventLog, task: TaskState, step: StepState | None, attempts: list[Attempt]
) -> dict[int, str | None]:
    """The result, hand-overs, drafts and feedback, by the position of the event that refers to each."""
    meant = (task.result, task.handover, task.summary, step.draft if step else None)
    places = [(place.ref, place.at) for place in meant if place]
    for attempt in attempts:
        places += [attempt.draft] if attempt.draft else []
        places += [(v.event.feedback, v.position) for v in attempt.verdicts if isinstance(v.event, StepRejected)]
    return {at: await text_or_none(log, ref, at=at) for ref, at in places}
