"""`python -P -m swarm.cli.firing NAME FIRING LOG`: the process of a firing. It says in the log that it is there, runs, and says how that ended.

A firing that was given up meanwhile is not begun: who gave it up may have started another process for it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import anyio

from events.log import EventLog, LogError, open_log, session_name
from events.views.base import fold
from events.views.schedules import ScheduleState
from events.views.tasks import TasksView
from swarm.cli.failure import tell
from swarm.cli.options import run_command
from swarm.engine.earlier import NothingToTakeOver
from swarm.errors import UsageError
from swarm.redact import Secrets
from swarm.schedule.book import open_book
from swarm.settings.load import load_settings

MOST_SAID = 500  # characters of the sentence that the log keeps


class FolderGone(UsageError):
    """The folder of a schedule cannot be gone to."""

    def __init__(self, name: str, directory: str, why: str) -> None:
        super().__init__(
            f"schedule {name}: {directory} cannot be gone to ({why}); set it anew in the folder where it is now"
        )


def main(argv: Sequence[str] | None = None) -> int:
    name, firing, url = sys.argv[1:] if argv is None else argv
    return carry_out(url, name, int(firing), ())


def carry_out(url: str, name: str, firing: int, words: Sequence[str]) -> int:
    """Run what a firing is to run, with these words of `swarm run` behind its own; return the exit code. Raises LogError."""
    state = anyio.run(_begun, url, name, firing)
    if state is None:
        return 0
    code, detail = _ran(state, firing, url, words)
    anyio.run(_finish, url, name, firing, code, detail)
    return code


def run_alone(state: ScheduleState, words: Sequence[str]) -> int:
    """Run what a schedule runs, as no firing of it. Raises UsageError, and what `swarm run` raises."""
    _go_there(state)
    return _run([*state.options, *words, f"--schedule={state.name}", "--", state.path])


async def _begun(url: str, name: str, firing: int) -> ScheduleState | None:
    async with open_log(url) as log:
        return await (await open_book(log)).begin(name, firing)


def _ran(state: ScheduleState, firing: int, url: str, words: Sequence[str]) -> tuple[int, str]:
    """Run it; return the exit code, and what went wrong before there was a session."""
    goes_on = state.open[firing].goes_on
    own = [*state.options, *words, f"--schedule={state.name}", f"--firing={firing}"]
    try:
        _go_there(state)
        own += _log_named(url)
        if goes_on:
            try:
                return _run([*own, f"--from={session_name(goes_on)}", "--", state.path]), ""
            except NothingToTakeOver:
                pass  # nothing of the try before is of use: from the beginning
        return _run([*own, "--", state.path]), ""
    except KeyboardInterrupt:
        return 130, ""
    except Exception as error:
        code = tell(error, debug="--debug" in words, as_json="--json" in words, log=None)
        return code, _in_a_line(Secrets.from_environ(os.environ).redact(str(error)))


def _go_there(state: ScheduleState) -> None:
    try:
        os.chdir(state.directory)
    except OSError as error:
        raise FolderGone(state.name, state.directory, error.strerror or str(error)) from error
    if state.rule.approvals:
        os.environ["SWARM_TOOLS_HEADLESS"] = state.rule.approvals


def _log_named(url: str) -> list[str]:
    """What names the log on which the firing is recorded, where it is another than that of the settings there."""
    own = load_settings(Path.cwd(), environ=os.environ).settings.log
    return [] if Path(own).expanduser().resolve() == Path(url).resolve() else [f"--log={url}"]


def _run(words: list[str]) -> int:
    return run_command("run", "swarm.cli.run", "run a task file or a prompt", words)


async def _finish(url: str, name: str, firing: int, code: int, detail: str) -> None:
    async with open_log(url) as log:
        book = await open_book(log)
        state = (await book.read()).schedules[name]
        found = state.open.get(firing)
        run = found.session if found else 0
        idle, why = await outcome_of(log, run) if run else ("", "")
        await book.finish(name, firing, code, run=run, idle=idle if code == 0 else "", detail=detail or why)


async def outcome_of(log: EventLog, session: int) -> tuple[str, str]:
    """Why a session had nothing to do, where all of its tasks were skipped; and why its first task that went wrong did."""
    tasks = (await fold(log, TasksView(), session=session)).of(session)
    if tasks and all(task.status == "skipped" for task in tasks.values()):
        return next(task.reason for task in tasks.values()) or "all of its tasks were skipped", ""
    wrong = ((name, task) for name, task in tasks.items() if task.status not in ("accepted", "skipped"))
    said = next((f"{name}: {task.status}{f': {task.reason}' if task.reason else ''}" for name, task in wrong), "")
    return "", _in_a_line(said)


def _in_a_line(text: str) -> str:
    return " ".join(text.removeprefix("error: ").split())[:MOST_SAID]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except LogError as error:
        sys.exit(tell(error, debug=False, as_json=False))
