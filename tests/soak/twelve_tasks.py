"""Twelve tasks that need one another, with commands, judges and outputs, run by the installed command against a real provider."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

from events.blobs import digest_of
from events.log import Entry, LogUnusable, open_log
from events.types.call import CallFailed, CallReleased, CallReserved, CallSettled, CallUnknown
from events.verify import verify_log
from events.views.base import fold
from events.views.sessions import SessionState, SessionsView
from events.views.tasks import TasksView
from swarm.replay import replay
from tests.acceptance.processes import environment
from tests.ledger_agents import check_never_over, entries_of
from tests.provider import Provider, Seen

PLACES = ("garden", "kitchen")
CAP_NANOS = 400_000_000
FILE = """
budget: $0.40
tasks:
  plan: {prompt: Plan the PLACE., explore: true, limits: {attempts: 2}}
  soil: {prompt: Look at the soil of the PLACE., check: {contains: draft}}
  water: {prompt: Find water for the PLACE., accept: It says where the water is.}
  beds: {prompt: Lay out beds., needs: [plan, soil], check: [WRITTEN, {contains: draft}], output: out/beds.txt}
  seeds: {prompt: Choose seeds., needs: plan, check: WRITTEN, output: out/seeds.txt}
  tools: {prompt: List the tools for the PLACE., check: {run: "true"}}
  sow: {prompt: Sow the PLACE., needs: [beds, seeds], check: WRITTEN, output: out/sow.txt}
  hoses: {prompt: Lay hoses., needs: [water, tools], accept: No hose crosses a path.}
  weed: {prompt: Weed the PLACE., needs: sow, check: {contains: draft}}
  drip: {prompt: Water the PLACE., needs: [hoses, sow], check: WRITTEN, output: out/drip.txt}
  fence: {prompt: Fence the PLACE., check: WRITTEN, output: fence.txt}
  harvest: {prompt: Harvest., needs: [weed, drip, fence], accept: All is in., check: WRITTEN, output: out/harvest.txt}
""".replace("WRITTEN", """{run: 'grep -q draft "$SWARM_OUTPUT"'}""")

Ends: TypeAlias = dict[str, tuple[dict[str, str], dict[str, str]]]
"""By place: the results by task, and the files of the project."""


class Project:
    """A folder with the twelve tasks, and the processes that work on them."""

    def __init__(self, folder: Path, place: str, log: Path) -> None:
        self.root, self.place, self.log = folder / place, place, log
        self.root.mkdir(parents=True)
        (self.root / "tasks.yaml").write_text(FILE.replace("PLACE", place))

    def start(
        self, server: Provider, session: SessionState | None, *, through: Sequence[str] = ()
    ) -> subprocess.Popen[str]:
        """Run the tasks, or go on with their session; `through` is what starts the command."""
        model = ("--endpoint", server.url, "--model", "m", "--price", "1/2")
        words = ("run", "tasks.yaml", "--trust", *model) if session is None else ("resume", f"s{session.number}")
        return subprocess.Popen(
            [*through, sys.executable, "-P", "-m", "swarm.cli.main", *words, "--log", str(self.log), "--json"],
            cwd=self.root,
            env=environment(self.root.parent),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run_to_its_end(
        self, server: Provider, session: SessionState | None, *, through: Sequence[str] = ()
    ) -> tuple[int, str]:
        """The exit code, and what was said on stderr."""
        process = self.start(server, session, through=through)
        _, told = process.communicate(timeout=50)
        return process.returncode, told

    def files(self) -> dict[str, str]:
        """All that is in the project's folder, by its path."""
        paths = (path for path in self.root.rglob("*") if path.is_file())
        return {str(path.relative_to(self.root)): path.read_text() for path in paths}


async def sessions_of(log: Path) -> dict[str, SessionState]:
    """The sessions by project."""
    if not log.exists():
        return {}
    try:
        async with open_log(log, read_only=True) as opened:
            found = (await fold(opened, SessionsView())).sessions
    except LogUnusable:  # killed before it was a log
        return {}
    return {Path(state.directory).name: state for state in found.values()}


async def ids_of(log: Path) -> list[bytes]:
    try:
        async with open_log(log, read_only=True) as opened:
            return [entry.id for entry in await entries_of(opened)]
    except LogUnusable:
        return []


class Found(NamedTuple):
    """What a log holds at the end of a case."""

    entries: list[Entry]
    sessions: dict[str, SessionState]  # by project
    results: dict[str, dict[str, str]]  # by project and task


async def found_in(path: Path) -> Found:
    """What the log holds, which must be sound, replayable and never over a cap."""
    report = await verify_log(path)
    assert report.ok, report.problems
    async with open_log(path, read_only=True) as log:
        sessions = (await fold(log, SessionsView())).sessions
        tasks = await fold(log, TasksView())
        results: dict[str, dict[str, str]] = {}
        for number, state in sessions.items():
            place = Path(state.directory).name
            results[place] = {
                name: await log.text(task.result.ref, at=task.result.at) if task.result else task.status
                for name, task in tasks.of(number).items()
            }
            played = await replay(log, number)
            assert played.divergence is None and not played.skipped, played
        money = await check_never_over(log, CAP_NANOS)
        assert not money.open
        by_place = {Path(state.directory).name: state for state in sessions.values()}
        assert len(by_place) == len(sessions), "a session that was killed is resumed, and no other is begun"
        return Found(await entries_of(log), by_place, results)


def check_paid_once(entries: Sequence[Entry], requests: Sequence[Seen]) -> None:
    """No request is sent again once its answer was settled, and none is sent without a reservation."""
    ends: dict[int, object] = {
        entry.event.reservation: entry.event
        for entry in entries
        if isinstance(entry.event, CallSettled | CallFailed | CallReleased | CallUnknown)
    }
    tries: dict[tuple[str, ...], list[object]] = {}
    for entry in entries:
        if isinstance(entry.event, CallReserved):
            asked = tuple(said.text.digest for said in entry.event.messages)
            before = tries.setdefault(asked, [])
            assert not any(isinstance(each, CallSettled) for each in before), f"asked again at {entry.position}"
            before.append(ends[entry.position])
    sent = Counter(
        tuple(digest_of(message["content"]) for message in seen.body["messages"])
        for seen in requests
        if seen.method == "POST"
    )
    for asked, count in sent.items():
        settled = sum(isinstance(each, CallSettled) for each in tries.get(asked, []))
        unknown = sum(isinstance(each, CallUnknown) for each in tries.get(asked, []))
        assert settled == 1 <= count <= settled + unknown, f"{count} requests for {tries.get(asked)}"
