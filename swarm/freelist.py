"""Keeps OpenRouter's list of free models: fetched at most once a day, beside a run and never before it, and by hand."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import msgspec

from swarm.connect import Roster, free_models_at
from swarm.errors import ProviderError, SwarmError, UsageError
from swarm.settings.freemodels import PROVIDER, Kept, read_kept
from swarm.settings.load import Settings, free_list_path
from swarm.settings.providers import PRICES_OF

PATIENCE_S = 20.0

Clock = Callable[[], float]
"""Seconds since 1970."""


class ListUnreached(SwarmError):
    """OpenRouter's list of models was not to be had; what was kept, or ships, goes on serving."""

    exit_code = 4

    def __init__(self, why: str, kept: Kept | None, now: float) -> None:
        super().__init__(f"{why}; until it can be reached {serving(kept, now)}")


def serving(kept: Kept | None, now: float) -> str:
    """Which free models of OpenRouter take part at this moment, and how old that is."""
    if kept is None or not kept.models:
        return f"the free models that ship with swarm serve, which are of {PRICES_OF}"
    days = max(0, int((now - kept.fetched_at) // 86_400))
    age = "today" if not days else "a day ago" if days == 1 else f"{days} days ago"
    return f"those of the list that is kept serve, which is of {kept.day}, {age}"


async def refresh(settings: Settings, environ: Mapping[str, str], *, now: Clock = time.time) -> Kept:
    """Fetch the list and keep it. Raises ListUnreached, UsageError where nothing can be kept."""
    path = free_list_path(environ)
    before = read_kept(path)
    try:
        with anyio.fail_after(PATIENCE_S):
            models = await free_models_at(settings.providers[PROVIDER], environ, transport=settings.transport)
    except (ProviderError, TimeoutError) as error:
        why = str(error) or f"{PROVIDER}: no list of models came within {PATIENCE_S:g} s"
        await _keep(path, msgspec.structs.replace(before or Kept(tried_at=0), tried_at=int(now())))
        raise ListUnreached(why, before, now()) from error
    kept = Kept(tried_at=int(now()), fetched_at=int(now()), models=tuple(models))
    await _keep(path, kept)
    return kept


async def _keep(path: Path, kept: Kept) -> None:
    from swarm.settings.userfile import replace_file  # once a day

    text = msgspec.json.format(msgspec.json.encode(kept), indent=1).decode()
    try:
        await anyio.to_thread.run_sync(replace_file, path, text)
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror}); correct the folder's permissions") from error


@asynccontextmanager
async def kept_fresh(
    roster: Roster,
    settings: Settings,
    environ: Mapping[str, str],
    *,
    tell: Callable[[str], None],
    now: Clock = time.time,
) -> AsyncGenerator[None]:
    """Fetch the list beside what is done meanwhile, where OpenRouter takes part and a day is over: it serves the next run.

    `tell` is told where it does not come. What is not there by the end of the block is left.
    """
    kept = read_kept(free_list_path(environ))
    is_due = kept is None or kept.is_due(now())
    if not is_due or not any(provider.name == PROVIDER for provider in roster.providers):
        yield
        return

    async def fetch() -> None:
        try:
            await refresh(settings, environ, now=now)
        except SwarmError as error:
            tell(str(error))

    async with anyio.create_task_group() as beside:
        beside.start_soon(fetch)
        yield
        beside.cancel_scope.cancel()
