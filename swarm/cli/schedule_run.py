"""`swarm schedule run NAME`: starts it now. `swarm schedule run-due`: starts what is due, and waits until that has ended."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Sequence
from typing import TYPE_CHECKING

import anyio

from events.log import is_there, open_log, session_name
from events.types.schedule import AnyFiring, FiringDue
from events.views.schedules import ScheduleState
from swarm.cli.detach import option_words
from swarm.cli.hints import to_type
from swarm.cli.recorded import log_errors, require_log, settings_of
from swarm.cli.schedule_list import NoSchedule
from swarm.cli.secrets import secrets_of
from swarm.errors import UsageError, gravest
from swarm.schedule.book import open_book
from swarm.schedule.child import said_path, start_child
from swarm.schedule.starter import MOST_RUNS, Ended, Starter

if TYPE_CHECKING:
    from swarm.cli.output import Output
    from swarm.settings.load import Settings

_FIRST = (130, 143, 3, 4, 5, 2, 1)
"""Which exit code stands where several firings ended with one."""


class AlreadyRuns(UsageError):
    """Of a schedule that lets no runs overlap one runs."""

    def __init__(self, name: str, session: int) -> None:
        which = f" as {session_name(session)}" if session else ""
        remedy = (
            f"`swarm cancel {session_name(session)}` ends it" if session else f"`swarm schedule show {name}` says more"
        )
        super().__init__(f"{name} runs{which}, and its rule lets no two of its runs overlap; {remedy}")


def act(args: argparse.Namespace, output: Output) -> int:
    settings = settings_of(args)
    with log_errors():
        if args.action == "run":
            return _run_now(args, settings, output)
        if not args.log and not is_there(settings.log):
            return 0  # nothing was ever set
        return anyio.run(_run_due, args, settings, output)


def _run_now(args: argparse.Namespace, settings: Settings, output: Output) -> int:
    from swarm.cli.firing import carry_out, run_alone

    name: str = args.words[0]
    require_log(settings.log)
    words = _words(args)
    if args.dry_run:
        state = anyio.run(_state, settings.log, name)
        return run_alone(state, [*words, "--dry-run"])
    state, firing = anyio.run(_due_now, settings.log, name)
    if not args.detach:
        return carry_out(settings.log, name, firing, words)
    child = start_child(state, firing, url=settings.log)
    output.line(f"{name} runs in the background as process {child.pid}")
    output.line(f"  what it says  {said_path(settings.log, name, firing)}")
    output.line(f"  watch it      {to_type('watch', log=args.log)}")
    return 0


def _words(args: argparse.Namespace) -> list[str]:
    """What was said beside the name, as words of `swarm run`."""
    words = [
        f"--{name.replace('_', '-')}" for name in ("json", "quiet", "debug", "no_input", "trust") if getattr(args, name)
    ]
    words += ["--verbose"] * (args.verbose or 0)
    words += [f"--color={args.color}", f"--progress={args.progress}"]
    words += [f"--from={args.earlier}"] if args.earlier else []
    return words + option_words(args, yes=args.yes)


async def _state(url: str, name: str) -> ScheduleState:
    async with open_log(url, read_only=True) as log:
        view = await (await open_book(log)).read()
    state = view.schedules.get(name)
    if state is None or state.removed:
        raise NoSchedule(name, [each.name for each in view.present])
    return state


async def _due_now(url: str, name: str) -> tuple[ScheduleState, int]:
    """Record that a person starts it. Raises NoSchedule, AlreadyRuns."""
    async with open_log(url) as log:
        book = await open_book(log)
        known = [each.name for each in (await book.read()).present]

        def say(state: ScheduleState | None) -> Sequence[AnyFiring]:
            if state is None or state.removed:
                raise NoSchedule(name, known)
            most = state.rule.most_runs if state.rule.overlap == "allow" else 1
            if len(state.open) >= most:
                raise AlreadyRuns(name, state.running[0].session)
            return (FiringDue(schedule=name, due=book.clock(), starter=book.me, manual=True),)

        written = await book.write(name, say)
        return (await book.read()).schedules[name], written.positions[-1]


async def _run_due(args: argparse.Namespace, settings: Settings, output: Output) -> int:
    ended: list[Ended] = []

    def tell(one: Ended) -> None:
        ended.append(one)
        _tell(one, settings.log, output)

    try:
        async with open_log(settings.log) as log, anyio.create_task_group() as group:
            book = await open_book(log)
            starter = Starter(
                book,
                group,
                url=settings.log,
                secrets=secrets_of(settings),
                tell=tell,
                most=args.most or MOST_RUNS,
            )
            group.start_soon(_obey_signals, starter, group)
            await starter.look()
            await starter.until_ended()
            group.cancel_scope.cancel()
    except BaseExceptionGroup as errors:
        raise gravest(errors) from errors
    if output.json:
        rows = [
            {"schedule": each.schedule, "firing": each.firing.position, "status": each.firing.status} for each in ended
        ]
        output.document("swarm.schedule.due/1", {"ended": rows})
    codes = {each.firing.exit_code or (1 if each.firing.orphaned else 0) for each in ended}
    return next((code for code in _FIRST if code in codes), max(codes, default=0))


async def _obey_signals(starter: Starter, group: anyio.abc.TaskGroup) -> None:
    """The first signal ends what was started here and waits for that; the second leaves at once."""
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            if starter.stopping:
                group.cancel_scope.cancel()
                return
            starter.stop()


def _tell(one: Ended, url: str, output: Output) -> None:
    firing = one.firing
    run = f"  {session_name(firing.session)}" if firing.session else ""
    detail = firing.idle or firing.detail
    text = f"{one.schedule}  {firing.status}{run}" + (f"  {detail}" if detail else "")
    if firing.status in ("done", "idle"):
        output.note(text)
    else:
        output.problem(f"{text}  (what it said: {said_path(url, one.schedule, firing.position)})")
