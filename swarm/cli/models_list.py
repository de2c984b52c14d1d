"""`swarm models list`: every known model by tier, whether it takes part and why not, and how its work was judged."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import anyio
import msgspec

from events.log import system_clock
from events.views.base import fold
from swarm.cli.models_known import KnownModel, cooling_down, known_models, named, written_price
from swarm.cli.recorded import NothingRecorded, decimal_usd, recorded, settings_of
from swarm.freelist import serving
from swarm.insight.arms import ArmsView, Known, known_arms
from swarm.messages import TIER_SAYS
from swarm.models.discover import HOST, MOST_OF_A_SERVER, Seen, is_named
from swarm.settings.freemodels import PROVIDER, Kept, read_kept
from swarm.settings.load import Settings, free_list_path

if TYPE_CHECKING:
    from swarm.cli.output import Output

SCHEMA = "swarm.models/1"


def act(args: argparse.Namespace, output: Output) -> int:
    settings = settings_of(args)
    known, seen, trails = anyio.run(_look, settings)
    shown = named(known, args.names)
    kept = read_kept(free_list_path(os.environ))
    if output.json:
        output.document(SCHEMA, document(shown, seen, trails, kept))
        return 0
    output.table(
        ("TIER", "MODEL", "PROVIDER", "CONTEXT", "PRICE", "JUDGES", "MEAN", "STATE"),
        [_row(each, trails) for each in shown],
    )
    for said in [*about_servers(seen, settings), *about_settings(known, settings)]:
        output.note(said)
    if PROVIDER in settings.providers and not args.names:
        output.note(f"OpenRouter: {serving(kept, time.time())}; `swarm models refresh` fetches its list of today")
    return 0


async def _look(settings: Settings) -> tuple[list[KnownModel], list[Seen], Mapping[str, float]]:
    known, seen = await known_models(settings)
    try:
        async with recorded(settings.log) as log:
            view, bars = await fold(log, ArmsView()), await cooling_down(known, log, settings)
    except NothingRecorded:
        return known, seen, {}
    known = [msgspec.structs.replace(each, out=each.out or bars.get(each.name, "")) for each in known]
    return known, seen, means(known_arms(view, system_clock()))


def means(arms: Iterable[Known]) -> dict[str, float]:
    """The expected acceptance of a model's work by all that was judged of it, of every agent and type, each by its weight."""
    judged: dict[str, list[tuple[float, float]]] = {}
    for each in arms:
        if each.role == "worker" and (weight := each.accepted + each.rejected) > 0:
            judged.setdefault(each.model, []).append((weight, each.mean))
    return {
        model: sum(weight * mean for weight, mean in rows) / sum(weight for weight, _ in rows)
        for model, rows in judged.items()
    }


def _row(each: KnownModel, trails: Mapping[str, float]) -> tuple[Any, ...]:
    config, mean = each.config, trails.get(each.name)
    return (
        TIER_SAYS[config.tier],
        each.name,
        config.provider,
        f"{config.context_tokens:,}" if config.context_tokens else "",
        written_price(config.price),
        "yes" if config.judge else "no",
        f"{mean:.2f}" if mean is not None else "",
        (each.out, "dim") if each.out else (_ready(each), "green"),
    )


def _ready(each: KnownModel) -> str:
    return f"ready ({each.provider.key_env} is set)" if each.provider.key_env else "ready"


def about_servers(seen: Sequence[Seen], settings: Settings) -> Iterable[str]:
    """What is to be known of what listens on the ports of local servers."""
    if not settings.discover:
        yield "servers on this machine were not looked for: `discover = false`"
    for each in seen:
        if is_named(each, settings.providers):
            continue
        if each.kind is None:
            yield f"{HOST}:{each.port} is not taken for a server of models: {each.said}"
        elif not each.models:
            yield f"{each.kind.title} at {HOST}:{each.port} has no model in memory that chats"
        elif (more := len(each.models) - MOST_OF_A_SERVER) > 0:
            yield f"{each.kind.title} at {HOST}:{each.port} has {more} more; name one in your settings to use it"


def about_settings(known: Sequence[KnownModel], settings: Settings) -> Iterable[str]:
    """What the settings say of models that there are not."""
    names = [each.name for each in known]
    for pattern in settings.models_off:
        if not any(fnmatchcase(name, pattern) for name in names):
            near = get_close_matches(pattern, names, n=1)
            yield f"models_off has {pattern}, and no model here is called so{f'; did you mean {near[0]}?' if near else ''}"


def document(
    shown: Sequence[KnownModel], seen: Sequence[Seen], trails: Mapping[str, float], kept: Kept | None
) -> dict[str, Any]:
    """The whole, for programs."""
    return {
        "models": [_fields(each, trails.get(each.name)) for each in shown],
        "servers": [
            {
                "port": each.port,
                "server": each.kind.name if each.kind else None,
                "models": [model.model for model in each.models],
                "reason": each.said,
            }
            for each in seen
        ],
        "free_list": {"fetched": kept.day.isoformat() if kept and kept.models else None},
    }


def _fields(each: KnownModel, mean: float | None) -> dict[str, Any]:
    config, price = each.config, each.config.price
    return {
        "name": each.name,
        "tier": config.tier,
        "provider": config.provider,
        "model": config.model,
        "context_tokens": config.context_tokens,
        "max_output_tokens": config.max_output_tokens,
        "input_usd": decimal_usd(price.input_nanos) if price else None,
        "output_usd": decimal_usd(price.output_nanos) if price else None,
        "may_judge": config.judge,
        "key": each.provider.key_env or None,
        "key_set": bool(os.environ.get(each.provider.key_env)) if each.provider.key_env else None,
        "takes_part": not each.out,
        "reason": each.out,
        "mean": None if mean is None else round(mean, 6),
    }
