"""What was set up: settings, keys, local models, and, where it is asked for, whether the providers answer."""

from __future__ import annotations

import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from importlib.util import find_spec
from pathlib import Path

import anyio

from swarm.cli.checkup.finding import Finding
from swarm.errors import ProviderError, UsageError
from swarm.settings.load import (
    Loaded,
    ModelConfig,
    ProviderConfig,
    Settings,
    available_models,
    config_dir,
    data_dir,
    load_settings,
)
from swarm.settings.pricetable import old_prices, table_date

PATIENCE_S = 15.0  # for one provider
MOST_NAMED = 5
_EXTRAS = (("local", "xllamacpp"), ("schema", "jsonschema"), ("tune", "optuna"), ("mcp", "mcp"))  # what each brings


def read_settings(start: Path, environ: Mapping[str, str], log: str | None) -> tuple[Loaded | None, Finding]:
    """Read the settings that hold in a folder, and say how that went; None where they cannot be used."""
    try:
        loaded = load_settings(start, environ=environ, flags={"log": log} if log else {})
    except UsageError as error:
        remedy = "correct what it names; `swarm config show --origin` shows what holds then"
        return None, Finding(name="settings", state="fail", said=str(error), remedy=remedy)
    files = sorted(
        {origin.place.rpartition(":")[0] for origin in loaded.origins.values() if origin.kind.endswith(" file")}
    )
    return loaded, Finding(name="settings", said=", ".join(files) or "no file of yours; the built-in ones hold")


def look_at_setup(settings: Settings, environ: Mapping[str, str], served: Sequence[str] = ()) -> Iterator[Finding]:
    """Yield what is found without asking anybody; `served` are the models of servers on this machine."""
    yield from _permissions(config_dir(environ) / "config.toml")
    pairs = available_models(settings, environ)
    local, here = _local(data_dir(environ) / "models")
    yield keys_finding(settings, environ, works=bool(pairs) or here or bool(served))
    yield from strange_keys(settings, environ)
    yield local
    if served:
        yield Finding(name="local servers", said=f"{', '.join(served)} take part in runs (`swarm models` has all)")
    yield prices_finding(pairs, date.today())
    yield extras_finding([extra for extra, module in _EXTRAS if find_spec(module) is not None])


def prices_finding(pairs: Sequence[tuple[ModelConfig, ProviderConfig]], today: date) -> Finding:
    """What the models that can be asked cost by, and how old that is."""
    models = [model for model, _ in pairs]
    unknown = [model.name for model in models if model.price is None]
    old = old_prices(((model.name, model.price) for model in models), today)
    if old:
        return Finding(name="prices", state="warn", said=old, remedy="swarm config show --origin  # what holds now")
    if unknown:
        said = f"the price of {', '.join(unknown[:MOST_NAMED])} is unknown, so that they take no part"
        remedy = f'add price = "IN/OUT" (US dollars per million tokens) to [models."{unknown[0]}"] in your settings'
        return Finding(name="prices", state="warn", said=said, remedy=remedy)
    return Finding(name="prices", said=f"the table is of {table_date()}, {(today - table_date()).days} days ago")


def extras_finding(there: Sequence[str]) -> Finding:
    """Which extras of the package are installed."""
    missing = [extra for extra, _ in _EXTRAS if extra not in there]
    said = f"{', '.join(there) or 'none'} installed"
    remedy = (
        f"pip install 'pheroswarm[{','.join(missing)}]'  # local: the embedded model; schema: checks with JSON Schema; "
        "tune: swarm tune; mcp: servers of tools"
    )
    return Finding(name="extras", said=said, remedy=remedy if missing else "")


def _permissions(path: Path) -> Iterator[Finding]:
    try:
        mode = path.stat().st_mode
    except OSError:
        return

    async def mend() -> str:
        await anyio.Path(path).chmod(stat.S_IMODE(mode) & ~0o022)
        return f"only you may write to {path} now"

    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        said = f"others may write to {path}, and say with it where your keys are sent"
        yield Finding(name="settings", state="fail", said=said, remedy=f"chmod go-w {path}", mend=mend)


def keys_finding(settings: Settings, environ: Mapping[str, str], *, works: bool) -> Finding:
    """Which keys are there, by name; `works` says that some model can be asked. No value is shown."""
    names = sorted({one.key_env for one in settings.providers.values() if one.key_env})
    there = [name for name in names if environ.get(name)]
    if there:
        return Finding(name="keys", said=f"{', '.join(there)} set")
    said = f"none of {', '.join(names)} is set" if names else "no provider takes one"
    if works:
        return Finding(name="keys", said=said)
    remedy = "set one, for example OPENROUTER_API_KEY (it has free models), or use `swarm run --local FILE`"
    return Finding(name="keys", state="warn", said=f"{said}, and no other model is here", remedy=remedy)


def strange_keys(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Yield the keys that cannot be right as they stand: a newline or a quote came along when they were set."""
    for name in sorted({one.key_env for one in settings.providers.values() if one.key_env}):
        value = environ.get(name, "")
        if value and (value != value.strip() or not value.isprintable() or value[0] in "\"'"):
            said = f"{name} holds a space, a line break or a quote that is no part of a key"
            yield Finding(name="keys", state="fail", said=said, remedy=f"set {name} anew, without it")


def _local(folder: Path) -> tuple[Finding, bool]:
    """What there is to work without any provider, and whether it can be used."""
    from swarm.models.catalogue import CATALOGUE, megabytes, pulled_path

    pulled = [model for model in CATALOGUE if pulled_path(model, folder) is not None]
    can_run = find_spec("xllamacpp") is not None
    if not pulled:
        smallest = CATALOGUE[0]
        remedy = (
            f"swarm local pull {smallest.name}  # {megabytes(smallest.size_bytes)}; without it everything else works"
        )
        return Finding(name="local model", said="none is here", remedy=remedy), False
    names = ", ".join(model.name for model in pulled)
    if not can_run:
        said = f"{names} is here, and the program that runs it is not"
        return Finding(name="local model", state="warn", said=said, remedy="pip install 'pheroswarm[local]'"), False
    return Finding(name="local model", said=f"{names} in {folder}"), True


async def look_online(settings: Settings, environ: Mapping[str, str]) -> list[Finding]:
    """Ask each provider that has its key which models it has. It costs nothing, and the key goes to its own server only."""
    models: dict[str, list[ModelConfig]] = {}
    for model, provider in available_models(settings, environ):
        models.setdefault(provider.name, []).append(model)
    if not models:
        return [Finding(name="online", said="no provider has its key, so nobody was asked")]
    found: dict[str, Finding] = {}

    async def ask(name: str) -> None:
        found[name] = await _asked(settings.providers[name], models[name], settings, environ)

    async with anyio.create_task_group() as asking:
        for name in models:
            asking.start_soon(ask, name)
    return [found[name] for name in models]


async def _asked(
    provider: ProviderConfig, models: Sequence[ModelConfig], settings: Settings, environ: Mapping[str, str]
) -> Finding:
    from swarm.connect import models_at

    name = f"online {provider.name}"
    began = time.monotonic()
    try:
        with anyio.fail_after(PATIENCE_S):
            listed = await models_at(provider, environ, transport=settings.transport)
    except TimeoutError:
        return Finding(name=name, state="fail", said=f"no answer within {PATIENCE_S:g} s", remedy=_remedy(provider))
    except (ProviderError, UsageError) as error:
        return Finding(name=name, state="fail", said=str(error), remedy=_remedy(provider))
    return listed_finding(name, models, listed, milliseconds=round((time.monotonic() - began) * 1000))


def _remedy(provider: ProviderConfig) -> str:
    key = f", {provider.key_env}" if provider.key_env else ""
    return f"see the network{key} and providers.{provider.name}.base_url (`swarm config show`)"


def listed_finding(name: str, models: Sequence[ModelConfig], listed: Sequence[str], *, milliseconds: int) -> Finding:
    """What a provider's list says of the models that the settings name."""
    gone = [model.name for model in models if model.model not in listed]
    said = f"answers in {milliseconds:,} ms, {len(listed):,} models"
    if not gone or not listed:
        return Finding(name=name, said=said)
    more = f" and {len(gone) - MOST_NAMED} more" if len(gone) > MOST_NAMED else ""
    missing = f"{said}, and not {', '.join(gone[:MOST_NAMED])}{more}"
    remedy = "name another model of it in the settings, under [models]"
    return Finding(name=name, state="warn", said=missing, remedy=remedy)
