"""What a run would cost, for Python programs: the estimate that `swarm run` makes before it starts, and what it would ask."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from functools import partial, wraps
from pathlib import Path
from typing import ParamSpec

import anyio
import msgspec

from events.log import is_there, open_log
from swarm.confirmed import trusted_at
from swarm.crew import crew_of, profiles_here
from swarm.engine.prepare import prepare
from swarm.errors import UsageError
from swarm.estimate.estimate import Estimate
from swarm.estimate.ruling import Ruling
from swarm.estimate.weigh import Known, Run, judge, known_in, nothing_known
from swarm.plan import SessionType, is_capped, plan_of, type_of
from swarm.roster import free_part, is_other_log, models_for
from swarm.settings.load import load_settings
from swarm.settings.secrets import settings_secrets
from swarm.task import TaskFile
from swarm.taskfile.given import tasks_given

P = ParamSpec("P")


class Ahead(msgspec.Struct, frozen=True, kw_only=True):
    """A run before it begins. `ruling` says whether it would start by itself: its `exit_code` is then 0, its `question` empty."""

    estimate: Estimate
    ruling: Ruling


async def estimate(
    task: str | Path | TaskFile,
    *,
    root: Path | None = None,
    log: str | Path | None = None,
    vars: Mapping[str, str] | None = None,
    server: str | None = None,
    model: str | None = None,
    price: str | None = None,
    budget: str | None = None,
    schedule: str = "",
    type_: SessionType | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Ahead:
    """Foresee a run from the log's own history. The arguments are those of `swarm.session.run`.

    Nothing is called or written; no server is asked but those on this machine, for what they have. Amounts are tokens and
    nano-dollars. Raises UsageError for what is wrong with task, options or settings (a `server` needs its `model`),
    NoModelHere, LogError.
    """
    if server is not None and model is None:
        raise UsageError("an estimate asks no server which models it has; name one with `model`")
    root = (root or Path.cwd()).resolve()
    file, _ = tasks_given(task, vars or {}, budget)
    loaded = load_settings(root, environ=environ, flags={"log": str(log)} if log is not None else {})
    roster = await models_for(loaded.settings, environ, server=server, model=model, price=price)
    if not is_capped(file) and is_other_log(loaded, root, environ):
        roster = free_part(roster)  # a cap holds within one log
    redact = settings_secrets(loaded.settings, environ).redact
    type_ = type_ or type_of(task, schedule)
    rules = plan_of(loaded, roster, confirmed=is_capped(file), type_=type_, schedule=schedule)
    file = crew_of(file, profiles_here(loaded, root, environ, file), await trusted_at(loaded.settings.log)).file
    known = await _known_at(loaded.settings.log)
    prepared, plan = prepare(file, root, redact, known.told(rules))
    run = Run(
        file=file, plan=plan, root=root, redact=redact, confirm_above=loaded.settings.confirm_above_nanos, yes=False
    )
    made, _, ruling = judge(run, prepared, plan, known)
    return Ahead(estimate=made, ruling=ruling)


async def _known_at(url: str) -> Known:
    if not is_there(url):
        return nothing_known()
    async with open_log(url, read_only=True) as log:
        return await known_in(log)


def _sync(function: Callable[P, Awaitable[Ahead]]) -> Callable[P, Ahead]:
    @wraps(function)
    def waiting(*args: P.args, **options: P.kwargs) -> Ahead:
        return anyio.run(partial(function, *args, **options))

    return waiting


estimate_sync = _sync(estimate)
"""`estimate` for a program that has no event loop."""
