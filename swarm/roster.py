"""Which models take part, and which values are secret: what the settings and the machine say of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from importlib.util import find_spec
from pathlib import Path

import msgspec

from swarm.connect import Roster, embedded_model, endpoint
from swarm.errors import SwarmError
from swarm.settings.load import (
    Loaded,
    ModelConfig,
    ProviderConfig,
    Settings,
    available_models,
    data_dir,
    load_settings,
)

MOST_NAMED = 5

Served = tuple[ModelConfig, ProviderConfig]
"""A model with the server that has it."""


class NoModelHere(SwarmError):
    """Nothing is set up that could work."""

    exit_code = 4

    def __init__(self) -> None:
        super().__init__(
            "there is no model to work with: no key is set, no server is named and no local model is here; "
            "try the small one that runs on this machine (`--local`), set a key such as OPENROUTER_API_KEY, "
            "or name a server (`--endpoint http://127.0.0.1:11434/v1`); `swarm doctor` says what is missing, "
            "and `swarm demo` needs none of them"
        )


class AllLeftOut(NoModelHere):
    """There are models, and the settings let none of them take part."""

    def __init__(self, left_out: Mapping[str, str]) -> None:
        shown = "; ".join(f"{name}: {why}" for name, why in list(left_out.items())[:MOST_NAMED])
        more = f"; and {len(left_out) - MOST_NAMED} more" if len(left_out) > MOST_NAMED else ""
        SwarmError.__init__(
            self,
            f"no model may take part ({shown}{more}); change `tiers` or `models_off` in your settings "
            "(`swarm config show --origin` says where they stand)",
        )


async def found_here(settings: Settings, environ: Mapping[str, str]) -> Roster:
    """All models that can work: those of the settings whose keys are set, the embedded one, and, unless settings say not to
    look for them, those of servers that run on this machine. Raises NoModelHere.
    """
    return roster_with(await on_this_machine(settings, environ), settings, environ)


def roster_with(found: Sequence[Served], settings: Settings, environ: Mapping[str, str]) -> Roster:
    """The roster of those of the settings, the embedded one, and what was found. Raises NoModelHere."""
    pairs, embedded = [*available_models(settings, environ)], ""
    pulled = _pulled(environ)
    if pulled is not None:
        embedded, pair = pulled
        pairs.append(pair)
    pairs += [pair for pair in found if pair[0].name not in settings.models]
    if not pairs:
        raise NoModelHere
    reasons = {model.name: left_out(model, settings) for model, _ in pairs}
    if all(reasons.values()):
        raise AllLeftOut(reasons)
    return roster_from([pair for pair in pairs if not reasons[pair[0].name]], settings, embedded=embedded)


async def on_this_machine(settings: Settings, environ: Mapping[str, str]) -> list[Served]:
    """The models of servers that run on this machine, where settings let them be looked for."""
    if not settings.discover:
        return []
    from swarm.models.discover import discover, places_of, taking_part

    return taking_part(await discover(places_of(environ), transport=settings.transport), settings.providers)


def left_out(model: ModelConfig, settings: Settings) -> str:
    """Why the settings let a model not take part; "" where they do."""
    if off := next((each for each in settings.models_off if fnmatchcase(model.name, each)), ""):
        return f"models_off has {off}"
    if model.tier not in settings.tiers:
        return f"its tier {model.tier} is not among {', '.join(settings.tiers)}"
    return ""


async def models_for(
    settings: Settings, environ: Mapping[str, str], *, server: str | None, model: str | None, price: str | None
) -> Roster:
    """The models of a run: those of one server alone where it is named, else all that can work here.

    Raises ProviderError where the server does not say which it has, NoModelHere, UsageError.
    """
    if server is None:
        return await found_here(settings, environ)
    found = await endpoint(server, model=model, price=price, environ=environ, transport=settings.transport)
    return roster_from([found], settings)


def roster_from(pairs: Sequence[Served], settings: Settings, *, embedded: str = "") -> Roster:
    """The roster of these models; `embedded` is the path of the embedded one's file."""
    providers = {provider.name: provider for _, provider in pairs}
    return Roster(
        models=tuple(model for model, _ in pairs),
        providers=tuple(providers.values()),
        embedded=embedded,
        transport=settings.transport,
        timeout_s=settings.calls.timeout_s,
    )


def _pulled(environ: Mapping[str, str]) -> tuple[str, Served] | None:
    """The largest embedded model that was pulled before, where it can be run."""
    folder = data_dir(environ) / "models"
    if not folder.is_dir() or find_spec("xllamacpp") is None:
        return None
    from swarm.models.catalogue import CATALOGUE, pulled_path

    for model in sorted(CATALOGUE, key=lambda model: -model.size_bytes):
        path = pulled_path(model, folder)
        if path is not None:
            row = embedded_model(model.name, path, context_tokens=model.context_tokens, may_judge=model.may_judge)
            return str(path), row
    return None


def is_other_log(loaded: Loaded, root: Path, environ: Mapping[str, str]) -> bool:
    """Whether the log is another than that of the settings, where the caps of all other runs hold."""
    if loaded.origins["log",].kind not in ("flag", "environment"):
        return False
    without = {name: value for name, value in environ.items() if name != "SWARM_LOG"}
    own = load_settings(root, environ=without).settings.log
    return Path(own).expanduser().resolve() != Path(loaded.settings.log).expanduser().resolve()


def free_part(roster: Roster) -> Roster:
    """The roster without what is paid, or may be."""
    free = tuple(model for model in roster.models if model.price is not None and model.price.is_free)
    return msgspec.structs.replace(roster, models=free)


def is_free(roster: Roster) -> bool:
    """Whether nothing of the roster can cost money."""
    return all(model.price is not None and model.price.is_free for model in roster.models)
