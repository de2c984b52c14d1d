"""Every model that is known here, and why one would take no part in a run: what the actions of `swarm models` share."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from importlib.util import find_spec
from urllib.parse import urlsplit

import msgspec

from events.log import EventLog, system_clock
from swarm.cli.recorded import decimal_usd
from swarm.connect import EMBEDDED, embedded_model
from swarm.cooldowns import Cooldowns
from swarm.errors import UsageError
from swarm.messages import TIERS, Price
from swarm.models.catalogue import CATALOGUE, pulled_path
from swarm.models.discover import Seen, discover, places_of, taking_part
from swarm.roster import Served, left_out
from swarm.settings.load import ModelConfig, ProviderConfig, Settings, data_dir
from swarm.units import shortened


class KnownModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model with its server; `out` says why it takes no part in a run, "" where it does."""

    config: ModelConfig
    provider: ProviderConfig
    out: str = ""

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def is_free(self) -> bool:
        return self.config.price is not None and self.config.price.is_free


async def known_models(settings: Settings) -> tuple[list[KnownModel], list[Seen]]:
    """All models, the cheapest tier first, and what listens on the ports of local servers."""
    seen = await discover(places_of(os.environ), transport=settings.transport) if settings.discover else []
    pairs: list[Served] = [(model, settings.providers[model.provider]) for model in settings.models.values()]
    here = {**settings.models}
    embedded = _pulled()
    pairs += [*embedded, *(pair for pair in taking_part(seen, settings.providers) if pair[0].name not in here)]
    smaller = {config.name for config, _ in embedded[:-1]}
    known = [
        KnownModel(
            config=config,
            provider=provider,
            out=f"{embedded[-1][0].name} is here as well, which is larger"
            if config.name in smaller
            else why_out(config, provider, settings, os.environ),
        )
        for config, provider in pairs
    ]
    return sorted(known, key=_rank), seen


def _pulled() -> list[Served]:
    """The embedded models that were pulled, the largest, which alone takes part, at the end."""
    folder = data_dir(os.environ) / "models"
    found = [(model, pulled_path(model, folder)) for model in sorted(CATALOGUE, key=lambda each: each.size_bytes)]
    return [
        embedded_model(model.name, path, context_tokens=model.context_tokens, may_judge=model.may_judge)
        for model, path in found
        if path is not None
    ]


def why_out(config: ModelConfig, provider: ProviderConfig, settings: Settings, environ: Mapping[str, str]) -> str:
    """Why a model takes no part in a run that names no server; "" where it does."""
    if provider.key_env and not environ.get(provider.key_env):
        return f"{provider.key_env} is not set"
    if provider.name == EMBEDDED and find_spec("xllamacpp") is None:
        return "the program that runs it is not installed: pip install 'pheroswarm[local]'"
    if config.price is None:
        return f'its price is unknown; add price = "IN/OUT" to [models."{config.name}"]'
    return left_out(config, settings)


def _rank(known: KnownModel) -> tuple[int, int, str]:
    price = known.config.price
    return TIERS.index(known.config.tier), price.output_nanos if price else 1 << 62, known.name


def named(known: Sequence[KnownModel], names: Iterable[str]) -> list[KnownModel]:
    """Those that are named, each once; all where none is. Raises UsageError with the nearest name that there is."""
    by_name = {each.name: each for each in known}
    wanted = list(dict.fromkeys(names))
    for name in wanted:
        if name not in by_name:
            near = get_close_matches(name, by_name, n=1, cutoff=0.5) if len(name) <= 100 else []
            meant = f"did you mean {near[0]}?" if near else "`swarm models list` has those that there are"
            raise UsageError(f"no model is called {shortened(name)}; {meant}")
    return [by_name[name] for name in wanted] or list(known)


async def cooling_down(known: Iterable[KnownModel], log: EventLog, settings: Settings) -> Mapping[str, str]:
    """Of those that cool down until when, and why, by their names."""
    servers = {each.name: urlsplit(each.provider.base_url).netloc for each in known}
    cooldowns = Cooldowns(servers, clock=system_clock, time_zone=settings.time_zone)
    await cooldowns.recall(log)
    return cooldowns.bars()


def written_price(price: Price | None) -> str:
    """Dollars per million tokens of input and output, for people; a class more has its place in `swarm models prices`."""
    if price is None:
        return "unknown"
    if price.is_free:
        return "free"
    return f"${decimal_usd(price.input_nanos)}/${decimal_usd(price.output_nanos)}"
