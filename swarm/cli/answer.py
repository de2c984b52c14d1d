"""`swarm answer [ID] TEXT`: a person answers, from another terminal, what an agent asks."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio

from events.log import EventLog, open_log, system_clock
from events.views.questions import Question, QuestionsView
from events.views.sessions import SessionState
from swarm.cli.asked_question import shown
from swarm.cli.output import Output
from swarm.cli.recorded import log_errors, require_log, settings_of, utc_text
from swarm.cli.secrets import secrets_of
from swarm.cli.waiting import only, session_of, to_go_on, waiting
from swarm.engine.questions import reply
from swarm.errors import UsageError
from swarm.tools.person import chosen

HELP = "the task (s412/build) or session (s412) that asks; default: the only one that does"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "words", metavar="[ID] TEXT", nargs="*", help=f"ID: {HELP}; TEXT: the answer, or an option's number"
    )
    parser.add_argument("--list", action="store_true", help="show what is asked, and answer nothing; takes an ID alone")


def run(args: argparse.Namespace) -> int:
    return anyio.run(_list if args.list else _answer, args)


async def _list(args: argparse.Namespace) -> int:
    output: Output = args.output
    if len(args.words) > 1:
        raise UsageError(
            "`swarm answer --list` takes one ID at the most; without `--list` what follows it is the answer"
        )
    url = settings_of(args).log
    require_log(url)
    with log_errors():
        async with open_log(url, read_only=True) as log:
            found = await waiting(log, args.words[0] if args.words else None, QuestionsView)
    if output.json:
        output.document("swarm.questions/1", {"waiting": [_document(asked) for asked in found]})
    elif not found:
        output.note("nobody asks anything")
    for asked in found if not output.json else ():
        _show(asked, output)
    return 0


async def _answer(args: argparse.Namespace) -> int:
    """Answer what is asked. Raises UsageError where that is nothing, several questions, or answered by now."""
    output: Output = args.output
    name, text = _parts(args.words)
    settings = settings_of(args)
    require_log(settings.log)
    with log_errors():
        async with open_log(settings.log) as log:
            asked = _only(await waiting(log, name, QuestionsView), name)
            text = secrets_of(settings).redact(chosen(text, asked.event.options))
            state = await take_down(log, asked, text)
    _tell(asked, text, state, output)
    return 0


async def take_down(log: EventLog, asked: Question, text: str) -> SessionState:
    """Record an answer, and return the session that it is for. Raises UsageError where another was given before."""
    state = await session_of(log, asked)
    if not await reply(log, asked, text, project=Path(state.directory).name):
        raise UsageError(f"{asked.name} was answered already; `swarm log {asked.name}` shows by whom")
    return state


def _parts(words: list[str]) -> tuple[str | None, str]:
    """The ID and the answer. Raises UsageError."""
    match words:
        case [text]:
            return None, text
        case [name, text]:
            return name, text
        case _:
            what = "no answer is given" if not words else f"{len(words)} words are given"
            raise UsageError(f'{what}; write `swarm answer "TEXT"`, or `swarm answer s412/build "TEXT"`, with quotes')


def _only(found: Sequence[Question], name: str | None) -> Question:
    where = f" in {name}" if name else ""
    nobody = f"nobody asks anything{where}; `swarm answer --list` shows what is asked"
    return only(found, nobody=nobody, several="ask something")


def _show(asked: Question, output: Output) -> None:
    from tui.words import span, visible

    output.line(f"{asked.name}  for {span(system_clock() - asked.at)}", "bold")
    for line in asked.event.question.splitlines():
        output.line(f"  {visible(line)}")
    for number, option in enumerate(asked.event.options, 1):
        output.line(f"  {number}. {visible(option)}")


def _tell(asked: Question, text: str, state: SessionState, output: Output) -> None:
    if output.json:
        output.document("swarm.answer/1", {**_document(asked), "answer": text})
    else:
        shown(asked.event.question, (), output)
        output.note(told(asked, text))
    if command := to_go_on(state, asked.session, log=output.log):
        output.note(f"go on with: {command}")


def told(asked: Question, text: str) -> str:
    """What a person is told of the answer that was taken."""
    return f"{asked.name} is told: {text}" if text else f"{asked.name} is told to decide itself"


def _document(asked: Question) -> dict[str, Any]:
    return {
        "task": asked.name,
        "position": asked.position,
        "asked": utc_text(asked.at),
        "question": asked.event.question,
        "options": list(asked.event.options),
    }
