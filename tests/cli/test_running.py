"""What `run` and `resume` share: a log that fails in mid-run, and money on another log."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from events.blobs import Text
from events.log import Ack, EventLog, LogUnusable, NewEvent, open_log
from events.types.call import CallSettled
from events.types.task import StepDrafted
from swarm.cli.output import Output
from swarm.cli.running import LogFailed, carry_out
from swarm.engine.faces import Faces
from swarm.redact import Secrets
from swarm.session import Result, run_file
from swarm.taskfile.read import parse_task_file
from tests.provider import provider_thread
from tests.running import Cast, serving
from tests.team import play, swarm

TASK = "prompt: Write a line about ants.\ncheck: {contains: draft}\n"


class FillsUp:
    """A log whose disk is full from the first draft on; everything else is the log's own."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    def __getattr__(self, name: str) -> object:
        return getattr(self._log, name)

    async def append(
        self,
        events: Sequence[NewEvent],
        *,
        expect: Mapping[str, int] | None = None,
        durable: bool = False,
        cause: int = 0,
        texts: Sequence[Text] = (),
    ) -> Ack:
        if any(isinstance(new.event, StepDrafted | CallSettled) for new in events):
            raise LogUnusable(url=self._log.url, reason="the disk is full", remedy="make room on it")
        return await self._log.append(events, expect=expect, durable=durable, cause=cause, texts=texts)


async def test_a_log_that_fails_in_mid_run_names_the_command_that_goes_on(tmp_path: Path) -> None:
    args = argparse.Namespace(progress="none", yes=False, log="a b.db")
    async with serving(Cast()) as (_, plan), open_log(tmp_path / "log.db") as log:

        async def session(faces: Faces) -> Result:
            return await run_file(
                FillsUp(log),  # type: ignore[arg-type]  # it forwards what it does not define
                parse_task_file(TASK, tmp_path / "task.yaml"),
                plan,
                root=tmp_path,
                environ={},
                faces=faces,
                secrets=Secrets([]),
            )

        with pytest.raises(LogFailed) as failed:
            await carry_out(args, Output(quiet=True), session)
    assert failed.value.exit_code == 1
    assert "cannot be used: the disk is full; make room on it" in str(failed.value)
    assert "go on with `swarm resume s1 --log 'a b.db'`" in str(failed.value)


def test_on_another_log_nothing_paid_takes_part_without_a_cap_of_its_own_when_resumed_either(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text(TASK)
    with provider_thread(play) as provider:
        paid = ("--endpoint", provider.url, "--model", "m", "--price", "1/2", "--log", "other.db")
        first = swarm("run", "task.yaml", *paid, "--budget", "$0.000001", home=tmp_path, cwd=tmp_path)
        assert first.returncode == 3
        assert "go on with: swarm resume s1 --raise '+$0.01' --log other.db" in first.stderr
        uncapped = swarm("resume", "--log", "other.db", "--budget", "20k", home=tmp_path, cwd=tmp_path)
        assert uncapped.returncode == 5
        assert "the caps of your own log do not hold on another one" in uncapped.stderr
        assert "`--budget '$0.10'`" in uncapped.stderr
        assert provider.requests == []
        capped = swarm("resume", "--log", "other.db", "--budget", "$0.10", home=tmp_path, cwd=tmp_path)
        assert capped.returncode == 0, capped.stderr


def test_a_task_with_a_cap_in_dollars_may_be_paid_on_another_log_when_resumed(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text(f"tasks: {{a: {{{TASK.strip().replace(chr(10), ', ')}, budget: $0.000001}}}}\n")
    with provider_thread(play) as provider:
        paid = ("--endpoint", provider.url, "--model", "m", "--price", "1/2", "--log", "other.db")
        assert swarm("run", "task.yaml", *paid, home=tmp_path, cwd=tmp_path).returncode == 3
        assert swarm("resume", "--log", "other.db", home=tmp_path, cwd=tmp_path).returncode == 3


def test_the_log_of_the_settings_is_no_other_log_where_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text(TASK)
    own = tmp_path / ".local/share/swarm/log.db"
    with provider_thread(play) as provider:
        words = ("--endpoint", provider.url, "--model", "m", "--price", "1/2", "--yes", "--log", str(own))
        done = swarm("run", "task.yaml", *words, home=tmp_path, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "not the log of your settings" not in done.stderr
