"""Runs of the command whose worker has tools: started, ended in the middle of something, gone on with, and looked at."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import msgspec

from events.bus import follow, read_all
from events.log import Entry, LogUnusable, open_log
from events.types.any import AnyEvent
from events.types.base import Unknown
from events.types.call import CallUnknown
from events.types.tool import ToolFinished
from events.verify import verify_log
from swarm.messages import ToolCall
from swarm.replay import replay
from tests import forked
from tests.acceptance import crashing
from tests.acceptance.processes import environment
from tests.provider import Answer, Provider

TASK = """\
tasks:
- id: fix
  prompt: Mend a.py
  tools: [look, edit]
  changes: apply
  check: [{contains: Done}]
"""

Turn = Sequence[tuple[str, Mapping[str, Any]]] | str
"""What the worker uses in one turn, or what it answers in the end."""


class Worker:
    """Answers by how far its conversation is: the same request gets the same answer, before a crash and after it."""

    def __init__(self, *turns: Turn) -> None:
        self._turns = turns

    def __call__(self, body: dict[str, Any]) -> Answer:
        number = sum(message["role"] == "assistant" for message in body["messages"])
        turn = self._turns[number]
        if isinstance(turn, str):
            return Answer(turn)
        return Answer(
            "", calls=[ToolCall(f"c{number}-{i}", name, json.dumps(told)) for i, (name, told) in enumerate(turn)]
        )


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A user's home, and a project in which the task is to be done."""

    home: Path
    project: Path

    @property
    def log(self) -> Path:
        return self.home / ".local" / "share" / "swarm" / "log.db"

    @property
    def temporary(self) -> Path:
        """Where the work copies are made."""
        return self.home.parent / "temporary"

    def settings(self, text: str) -> None:
        folder = self.home / ".config" / "swarm"
        folder.mkdir(parents=True)
        (folder / "config.toml").write_text(text)

    def words(self, provider: Provider) -> list[str]:
        return ["run", "task.yaml", "--trust", "--endpoint", provider.url, "--model", "m"]

    def swarm(
        self, *words: str, at: tuple[str, str, int] | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the command to its end, or until it ends itself at a moment (tests.acceptance.crashing)."""
        return forked.run(self._program(words, at), cwd=self.project, env=self._environment(env), timeout=50)

    @contextmanager
    def started(
        self, *words: str, at: tuple[str, str, int] | None = None, env: Mapping[str, str] | None = None
    ) -> Generator[subprocess.Popen[str]]:
        process = subprocess.Popen(
            [sys.executable, "-P", *self._program(words, at)],
            cwd=self.project,
            env=self._environment(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            if process.stdout is not None and not process.stdout.closed:
                process.communicate()

    def _program(self, words: Sequence[str], at: tuple[str, str, int] | None) -> list[str]:
        how = [str(crashing.__file__), *map(str, at)] if at is not None else ["-m", "swarm.cli.main"]
        return [*how, *words]

    def _environment(self, more: Mapping[str, str] | None) -> dict[str, str]:
        return environment(self.home, {"SWARM_DISCOVER": "false", "TMPDIR": str(self.temporary), **(more or {})})

    async def until(self, wanted: Callable[[AnyEvent | Unknown], bool]) -> Entry:
        """Wait until an event stands in the log."""
        with anyio.fail_after(40):
            await self._made()
            async with open_log(self.log, read_only=True) as log:
                async for entries in follow(log, after=0):
                    for entry in entries:
                        if wanted(entry.event):
                            return entry
        raise AssertionError("following a log never ends")

    async def _made(self) -> None:
        """Wait until another process has made the log: nothing tells of it."""
        while True:
            with suppress(LogUnusable):
                async with open_log(self.log, read_only=True):
                    return
            await anyio.sleep(0.01)

    async def entries(self) -> list[Entry]:
        async with open_log(self.log, read_only=True) as log:
            return [entry async for page in read_all(log) for entry in page]

    async def uses(self) -> list[ToolFinished]:
        return [one for one in (entry.event for entry in await self.entries()) if isinstance(one, ToolFinished)]

    def copies(self) -> list[Path]:
        """The work copies that are there now."""
        return list(self.temporary.glob("swarm-copy-*"))

    def files(self) -> dict[str, str]:
        """The user's own files: also what must not be left there."""
        own = (path for path in sorted(self.project.rglob("*")) if path.is_file())
        return {str(path.relative_to(self.project)): path.read_text() for path in own}


def a_place(folder: Path, **files: str) -> Place:
    """Make them, with these files beside the task and what it is to mend."""
    place = Place(home=folder / "home", project=folder / "project")
    place.home.mkdir()
    place.project.mkdir()
    place.temporary.mkdir()
    for name, text in {"task.yaml": TASK, "a.py": "x = 1\n", **files}.items():
        (place.project / name).write_text(text)
    return place


async def check_whole(place: Place, provider: Provider) -> None:
    """After whatever happened: the log is whole, comes to the same when it is replayed, and no answer was asked for twice."""
    async with open_log(place.log, read_only=True) as log:
        assert (await replay(log, 1)).divergence is None
    assert (await verify_log(place.log)).ok
    in_doubt = sum(isinstance(entry.event, CallUnknown) for entry in await place.entries())
    asked = Counter(json.dumps(seen.body["messages"]) for seen in provider.requests)
    assert sum(asked.values()) - len(asked) <= in_doubt, "an answer that was recorded was asked for again"
    ordinals = [use.ordinal for use in await place.uses()]
    assert sorted(ordinals) == list(range(1, len(ordinals) + 1)), "a use was recorded twice, or not at all"
