"""What `swarm approve` and `swarm deny` share: a person's word from another terminal on a use of a tool that waits for one."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from events.log import EventLog, open_log, system_clock
from events.views.approvals import ApprovalsView, Asked
from events.views.sessions import SessionState
from swarm.cli.asked_tool import arguments_of, shown
from swarm.cli.hints import to_type
from swarm.cli.output import Declined, Output
from swarm.cli.recorded import log_errors, require_log, settings_of, utc_text
from swarm.cli.secrets import secrets_of
from swarm.cli.waiting import only, session_of, to_go_on, waiting
from swarm.engine.approvals import give
from swarm.engine.faces import Word
from swarm.errors import UsageError
from swarm.tools.policy import said_of

HELP = "a task (s412/build) or a session (s412) that waits; default: the only one that does"
MOST_LINES = 100
"""Of arguments that are shown before a word is given."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="ID", nargs="?", help=HELP)
    lasting = parser.add_mutually_exclusive_group()
    lasting.add_argument("--session", action="store_true", help="for uses like it in the session, too")
    lasting.add_argument("--project", action="store_true", help="for uses like it in the project's folder, too")


async def list_waiting(args: argparse.Namespace) -> int:
    """Show what waits for a word."""
    output: Output = args.output
    url = settings_of(args).log
    require_log(url)
    with log_errors():
        async with open_log(url, read_only=True) as log:
            found = await waiting(log, args.name, ApprovalsView)
            arguments = {asked.position: await log.text(asked.event.arguments, at=asked.position) for asked in found}
    if output.json:
        documents = [{**_document(asked), "arguments": arguments[asked.position]} for asked in found]
        output.document("swarm.approvals/1", {"waiting": documents})
    elif found:
        _table(found, output)
    else:
        output.note("nothing waits for a person's word")
    return 0


async def decide(args: argparse.Namespace, *, allowed: bool, reason: str = "") -> int:
    """Give a word on what waits. Raises UsageError where that is nothing, several uses, or answered by now."""
    output: Output = args.output
    settings = settings_of(args)
    require_log(settings.log)
    with log_errors():
        async with open_log(settings.log) as log:
            asked = _only(await waiting(log, args.name, ApprovalsView), args.name)
            if allowed:
                await _confirmed(log, asked, args)
            remember: Literal["", "session", "project"] = (
                "session" if args.session else "project" if args.project else ""
            )
            word = Word(allowed=allowed, remember=remember, reason=secrets_of(settings).redact(reason))
            state = await take_down(log, asked, word)
    _tell(asked, word, state, output)
    return 0


async def take_down(log: EventLog, asked: Asked, word: Word) -> SessionState:
    """Record a word, and return the session that it is for. Raises UsageError where another was given before."""
    state = await session_of(log, asked)
    if not await give(log, asked, word, project=Path(state.directory).name, directory=state.directory):
        raise UsageError(f"{asked.name} was answered already; `swarm log {asked.name}` shows by whom")
    return state


def _only(found: Sequence[Asked], name: str | None) -> Asked:
    where = f" in {name}" if name else ""
    nobody = f"nothing waits for a person's word{where}; `swarm approve --list` shows what does"
    return only(found, nobody=nobody, several="wait for a person's word")


async def _confirmed(log: EventLog, asked: Asked, args: argparse.Namespace) -> None:
    """Show what is allowed, and ask whether that is meant. Raises Declined, ConfirmationNeeded."""
    output: Output = args.output
    output.problem(f"{asked.name}: {asked.event.question}", "bold")
    shown(arguments_of(await log.text(asked.event.arguments, at=asked.position)), MOST_LINES, output)
    if args.session or args.project:
        output.problem(f"for this {'session' if args.session else 'project'}: {said_of(asked.event.pattern)}")
    remedy = f"say `{to_type('approve', '--yes', asked.name, log=args.log)}`"
    if not args.yes and not output.confirm("Allow it?", remedy=remedy):
        refuse = to_type("deny", asked.name, log=args.log)
        raise Declined("Nothing was said to it", remedy=f"to allow it, {remedy}; to refuse it, `{refuse}`")


def _tell(asked: Asked, word: Word, state: SessionState, output: Output) -> None:
    if output.json:
        said = "allowed" if word.allowed else "refused"
        more = {"said": said, "remember": word.remember, "pattern": asked.event.pattern if word.remember else ""}
        output.document("swarm.approval/1", {**_document(asked), **more})
    else:
        output.note(told(asked, word))
    if command := to_go_on(state, asked.session, log=output.log):
        output.note(f"go on with: {command}")


def told(asked: Asked, word: Word) -> str:
    """What a person is told of the word that was taken."""
    like = f", and for the {word.remember}: {said_of(asked.event.pattern)}" if word.remember else ""
    return f"{asked.name}: {asked.event.tool} is {'allowed' if word.allowed else 'refused'}{like}"


def _document(asked: Asked) -> dict[str, Any]:
    return {
        "task": asked.name,
        "position": asked.position,
        "asked": utc_text(asked.at),
        "tool": asked.event.tool,
        "question": asked.event.question,
        "rule": asked.event.rule,
    }


def _table(found: list[Asked], output: Output) -> None:
    from tui.words import span

    now = system_clock()
    rows = [(asked.name, asked.event.tool, span(now - asked.at), asked.event.question) for asked in found]
    output.table(("ID", "TOOL", "FOR", "QUESTION"), rows)
