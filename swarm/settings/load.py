"""The settings: one frozen value from defaults, files, the task file, the environment and flags, with the origin of each.

    defaults and presets < user file < project file < task file < environment < flags

The user file is `$XDG_CONFIG_HOME/swarm/config.toml`; the project file `swarm.toml`, or `[tool.swarm]` in pyproject.toml,
in the nearest folder from the start up to the repository's root or the home folder. A project file and a task file come
with a repository and may be hostile: what could spend the user's money or send a key elsewhere is refused in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import msgspec

from swarm.agents.profile import Agent
from swarm.errors import UsageError
from swarm.messages import FREE, TIERS, Price, Tier
from swarm.settings.complexity import ComplexityChanges, changes_in
from swarm.settings.keys import KEYS
from swarm.settings.layers import Layers, Origin, misspelt, project_file, variables
from swarm.settings.mcpserver import McpServer, server_of
from swarm.settings.pricetable import known_row
from swarm.settings.pricetext import parse_price
from swarm.settings.providers import Wire, is_local, preset_values, shipped_free
from swarm.settings.screen import ViewSettings, view_settings
from swarm.settings.sizes import ToolsBy, size_in, tools_by
from swarm.settings.stages import AnswersAgain, StageSettings, answers_again, results_again, stage_settings
from swarm.settings.tomlfile import KeyPath, read_toml
from swarm.settings.toolrules import ToolSettings, tool_settings

BUILT_IN = "built in"
"""The place of a default."""

CHEAP_OUTPUT_NANOS = 2_000_000_000
"""Up to this price per million output tokens a model is of the cheap tier, unless settings name its tier."""


class BudgetSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The most that may be spent in scopes that no session has to itself, in nano-dollars and tokens. None is no cap.

    Of a session itself what its type brings where nobody named a budget.
    """

    direct_tokens: int  # a prompt without a file
    cron_tokens: int  # a run of a schedule
    subagent_tokens: int
    day_nanos: int  # over the whole log
    day_tokens: int | None = None
    month_nanos: int | None = None
    month_tokens: int | None = None
    project_nanos: int | None = None  # all that a project's sessions have ever cost
    project_tokens: int | None = None
    log_nanos: int | None = None
    log_tokens: int | None = None
    schedule_nanos: int | None = None  # of each schedule that has no cap of its own
    schedule_tokens: int | None = None


class ScheduleConfig(msgspec.Struct, frozen=True, kw_only=True):
    """All that the runs of a schedule may ever take. None: what `budget` says of every schedule."""

    usd: int | None = None  # nano-dollars
    tokens: int | None = None


class CallSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a model is called."""

    timeout_s: float  # from the moment the request is sent, never in a queue
    tries: int  # HTTP requests for one call, the first included
    patience_s: float  # where all models cool down


class ChoiceSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How an agent on a model is chosen."""

    policy: Literal["trails", "roulette"] = "trails"
    worth: float = 20.0  # of right work, in calls of the dearest model that is allowed
    start: Literal["free", "planned"] = "free"  # whether a free model has the first try of a step, or the plan decides
    audit: Literal["free", "paid", "off"] = "free"  # by whom accepted results are looked at again
    audit_share: float = 0.02  # of the accepted results
    simple: tuple[Tier, Tier] = ("local", "cheap")  # the tiers at which simple work begins, and up to which it goes
    moderate: tuple[Tier, Tier] = ("local", "paid")
    complex: tuple[Tier, Tier] = ("free", "paid")

    def span(self, level: str) -> tuple[Tier, Tier]:
        """The tiers of a level of complexity; all of them for one that is not known."""
        spans: dict[str, tuple[Tier, Tier]] = {
            "simple": self.simple,
            "moderate": self.moderate,
            "complex": self.complex,
        }
        return spans.get(level, (TIERS[0], TIERS[-1]))


class ProviderConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A server with models."""

    name: str
    base_url: str  # without a slash at the end
    wire: Wire = "openai"  # the format that it speaks
    key_env: str = ""  # the variable that holds the key; "" = it needs none
    concurrency: int = 8
    requests_per_minute: int | None = None  # None = as many as come
    tokens_per_minute: int | None = None


class ModelConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One model of one provider."""

    name: str  # as settings, choice and log name it; unique
    provider: str
    model: str  # as the provider names it
    tier: Tier
    price: Price | None = None  # None = unknown, which is not free
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    judge: bool = True  # may judge the work of others
    schema: bool = False  # the provider keeps an answer to a JSON Schema
    reasoning_effort: str = ""  # sent as it stands; "" = not sent
    tools: ToolsBy = "native"  # how it is offered tools


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that can be set. The rest of the program takes the part it needs as an argument."""

    log: str  # absolute path, or a URL
    time_zone: str  # IANA name; "" = the machine's
    view: ViewSettings = ViewSettings()
    report_file: str | None = None  # where a run leaves its report; {session} in it is the session's name
    on_unknown: Literal["repeat", "ask", "fail"]
    judge: Literal["free", "paid"]
    transport: Literal["aiohttp", "httpx"]
    tiers: tuple[Tier, ...]  # whose models take part, in the order in which they are tried
    discover: bool  # look for servers with models on this machine
    models_off: tuple[str, ...]  # names and globs of models that take no part
    confirm_above_nanos: int  # a run whose estimate is above it is asked about
    budget: BudgetSettings
    schedules: Mapping[str, ScheduleConfig]
    calls: CallSettings
    choice: ChoiceSettings
    complexity: ComplexityChanges
    tools: ToolSettings
    stages: StageSettings  # that texts pass on their way into a request
    answers: AnswersAgain  # which calls may get the answer of an earlier one
    answers_age_s: float  # an older answer is not given again
    batch: int  # how many small tasks may share a request; 0: none
    tool_results: bool  # what a tool said may be given again where it still holds
    tool_results_age_s: float  # an older one is not
    agents: tuple[Agent, ...]  # your own profiles
    models: dict[str, ModelConfig]
    providers: dict[str, ProviderConfig]


class Loaded(msgspec.Struct, frozen=True):
    """The settings, and for each key, such as ("budget", "day_usd"), where its value came from.

    Servers of tools stand beside the settings: they may hold secrets, and a session records its settings.
    """

    settings: Settings
    origins: dict[KeyPath, Origin]
    mcp: tuple[McpServer, ...] = ()  # those of the user's settings file


class SettingsInvalid(UsageError):
    """One or more settings are wrong; `problems` says of each where it stands, what is wrong and what to write."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        said = problems[0] if len(problems) == 1 else "\n  ".join([f"{len(problems)} settings are wrong:", *problems])
        super().__init__(said)


def load_settings(
    start: Path,
    *,
    environ: Mapping[str, str],
    task_file: Mapping[str, Any] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> Loaded:
    """Read and join all layers. `task_file` is nested like a settings file, `flags` maps dotted keys to values.

    Raises SettingsInvalid with all problems at once, UsageError where a file cannot be read.
    """
    home, user_file = home_dir(environ), config_dir(environ) / "config.toml"
    layers = Layers(start=start, home=home, user_file=user_file)
    _add_built_in(layers, environ)
    if ("log",) not in layers.values:
        raise UsageError(
            f"{str(data_dir(environ))!r} cannot be the folder of the log; set HOME or XDG_DATA_HOME to a path without "
            "control characters"
        )
    try:
        if user_file.exists():
            layers.add_file("user file", read_toml(user_file))
        if project := project_file(start, home=home):
            layers.add_file("project file", project[0], below=project[1])
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be read ({error.strerror}); correct its permissions") from error
    layers.add_table("task file", task_file or {}, place=lambda key: "task file")
    for key, variable in variables().items():
        if value := environ.get(variable):
            layers.add("environment", key, value, place=variable)
    layers.problems += misspelt(environ)
    for name, value in (flags or {}).items():
        layers.add("flag", tuple(name.split(".")), value, place="--" + name.replace(".", "-").replace("_", "-"))
    settings, servers = _build(layers), _mcp_servers(layers)
    if layers.problems:
        raise SettingsInvalid(layers.problems)
    return Loaded(settings, layers.origins, servers)


def available_models(settings: Settings, environ: Mapping[str, str]) -> list[tuple[ModelConfig, ProviderConfig]]:
    """Return the models whose provider needs no key or has one in the environment, by tier, price and name."""
    pairs = [(model, settings.providers[model.provider]) for model in settings.models.values()]
    usable = [pair for pair in pairs if not pair[1].key_env or environ.get(pair[1].key_env)]
    return sorted(usable, key=lambda pair: _rank(pair[0]))


def config_dir(environ: Mapping[str, str]) -> Path:
    """Return the folder of the user's settings file."""
    return _xdg(environ, "XDG_CONFIG_HOME", ".config") / "swarm"


def data_dir(environ: Mapping[str, str]) -> Path:
    """Return the folder of the log and of the local models."""
    return _xdg(environ, "XDG_DATA_HOME", ".local/share") / "swarm"


def free_list_path(environ: Mapping[str, str]) -> Path:
    """Return where OpenRouter's list of free models is kept."""
    return data_dir(environ) / "openrouter-free.json"


def _xdg(environ: Mapping[str, str], variable: str, below_home: str) -> Path:
    named = environ.get(variable, "")
    # the XDG base directory specification: a relative path is to be ignored
    return Path(named) if named.startswith("/") else home_dir(environ) / below_home


def home_dir(environ: Mapping[str, str]) -> Path:
    if home := environ.get("HOME"):
        return Path(home)
    try:
        return Path.home()
    except RuntimeError as error:
        raise UsageError("the home folder cannot be found; set HOME, or XDG_CONFIG_HOME and XDG_DATA_HOME") from error


def _add_built_in(layers: Layers, environ: Mapping[str, str]) -> None:
    layers.add("default", ("log",), str(data_dir(environ) / "log.db"), place=BUILT_IN)
    for key, known in KEYS.items():
        if known.default is not None:
            layers.add("default", key, known.default, place=BUILT_IN)
    _add_presets(layers, free_list_path(environ))


def _add_presets(layers: Layers, path: Path) -> None:
    """Add the presets; where OpenRouter's list of free models is kept, those by the list instead of those that ship."""
    shipped = shipped_free()
    listed = _listed(path, shipped)
    for key, value in preset_values(without=shipped.values() if listed else ()):
        layers.add("preset", key, value, place=BUILT_IN)
    for key, value in listed:
        layers.add("kept list", key, value, place=str(path))


def _listed(path: Path, shipped: Mapping[str, str]) -> list[tuple[KeyPath, object]]:
    """What a kept list has as settings would have it; nothing where none is kept, or it may not be looked at."""
    try:
        path.stat()
    except OSError:
        return []
    from swarm.settings.freemodels import read_kept, settings_of  # only where a list is kept

    kept = read_kept(path)
    return list(settings_of(kept.models, shipped)) if kept else []


def _build(layers: Layers) -> Settings:
    value = layers.values
    providers = _providers(layers)
    return Settings(
        log=value["log",],
        time_zone=value["time_zone",],
        view=view_settings(value),
        report_file=value.get(("report_file",)),
        on_unknown=value["on_unknown",],
        judge=value["judge",],
        transport=value["transport",],
        tiers=value["tiers",],
        discover=value["discover",],
        models_off=value["models_off",],
        confirm_above_nanos=value["confirm_above_usd",],
        budget=BudgetSettings(**_budget(value)),
        schedules={name: ScheduleConfig(**table) for name, table in layers.tables("schedules").items()},
        calls=CallSettings(
            timeout_s=value["calls", "timeout_s"],
            tries=value["calls", "tries"],
            patience_s=value["calls", "patience_s"],
        ),
        choice=ChoiceSettings(
            policy=value["choice", "policy"],
            worth=value["choice", "value"],
            start=value["choice", "start"],
            audit=value["choice", "audit"],
            audit_share=value["choice", "audit_share"],
            simple=value["choice", "simple"],
            moderate=value["choice", "moderate"],
            complex=value["choice", "complex"],
        ),
        complexity=changes_in(layers),
        tools=tool_settings(layers),
        stages=stage_settings(layers),
        answers=answers_again(layers),
        answers_age_s=value["tokens", "answers_age_s"],
        batch=value["tokens", "batch"],
        tool_results=results_again(layers),
        tool_results_age_s=value["tokens", "tool_results_age_s"],
        agents=_agents(layers),
        models=_models(layers, providers),
        providers=providers,
    )


def _budget(value: Mapping[KeyPath, Any]) -> dict[str, Any]:
    return {key[1].replace("_usd", "_nanos"): each for key, each in value.items() if key[0] == "budget"}


def _agents(layers: Layers) -> tuple[Agent, ...]:
    found: list[Agent] = []
    for name, table in layers.tables("agents").items():
        if "prompt" in table:
            fields = {"usd_nanos" if key == "usd" else key: value for key, value in table.items()}
            found.append(Agent(name=name, **fields))
        elif not any(key[:2] == ("agents", name) for key in layers.refused):
            layers.problems.append(
                f"{layers.place_of('agents', name)}: agent '{name}' has no prompt; say what it is told of itself, such as "
                'prompt = "You review SQL: locks, indexes, plans."'
            )
    return tuple(found)


def _mcp_servers(layers: Layers) -> tuple[McpServer, ...]:
    found: list[McpServer] = []
    for name, table in layers.tables("mcpServers").items():
        if any(key[:2] == ("mcpServers", name) for key in layers.refused):
            continue
        place = layers.place_of("mcpServers", name)
        try:
            found.append(server_of(name, table, origin="settings", place=place, of_project=False))
        except ValueError as error:
            layers.problems.append(f"{place}: {error}")
    return tuple(found)


def _providers(layers: Layers) -> dict[str, ProviderConfig]:
    found: dict[str, ProviderConfig] = {}
    for name, table in layers.tables("providers").items():
        if "base_url" in table:
            found[name] = ProviderConfig(name=name, **table)
        elif ("providers", name, "base_url") not in layers.refused:
            layers.problems.append(
                f"{layers.place_of('providers', name)}: provider '{name}' has no base_url; "
                'add one such as base_url = "https://api.example.com/v1"'
            )
    return found


def _models(layers: Layers, providers: Mapping[str, ProviderConfig]) -> dict[str, ModelConfig]:
    found: dict[str, ModelConfig] = {}
    has_list = any(origin.kind == "kept list" for origin in layers.origins.values())
    for name, table in layers.tables("models").items():
        if any(key[:2] in (("models", name), ("providers", table.get("provider"))) for key in layers.refused):
            continue
        if has_list and _is_gone(name, table):
            continue
        try:
            found[name] = _model(name, _priced(name, table, providers, layers), providers)
        except ValueError as error:
            layers.problems.append(f"{layers.place_of('models', name)}: model '{name}' {error}")
    return found


def _is_gone(name: str, table: Mapping[str, Any]) -> bool:
    """Whether settings say something of a free model that OpenRouter's list had and has no more: that is no mistake."""
    return name.startswith("openrouter/") and not table.keys() & {"provider", "model"}


def _priced(
    name: str, table: dict[str, Any], providers: Mapping[str, ProviderConfig], layers: Layers
) -> dict[str, Any]:
    """The model with the price that the table of prices has for it, where settings say nothing of its price."""
    provider = providers.get(table.get("provider", ""))
    if provider is None or "model" not in table or "price" in table or table.get("tier") in ("local", "free"):
        return table
    known = known_row(provider.base_url, table["model"])
    if known is None:
        return table
    layers.origins["models", name, "price"] = Origin("price table", known.table, known.written)
    return {**table, "price": parse_price(known.written, source=known.table, name=known.row)}


def _model(name: str, table: dict[str, Any], providers: Mapping[str, ProviderConfig]) -> ModelConfig:
    if missing := [key for key in ("provider", "model") if key not in table]:
        raise ValueError(
            f"has no {' and no '.join(missing)}; a model names its provider and what the provider calls it"
        )
    wanted: str = table["provider"]
    if wanted not in providers:
        near = get_close_matches(wanted, list(providers), n=1)
        guess = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(sorted(providers))}"
        raise ValueError(f"names the provider '{wanted}', which is not known; {guess}")
    local = is_local(providers[wanted].base_url)
    price: Price | None = table.get("price")
    if price is None and (local or table.get("tier") in ("local", "free")):
        price = FREE
    tier: Tier = table.get("tier") or _tier(price, local=local)
    if tier == "free" and price and not price.is_free:
        raise ValueError('is of the tier free and has a price; write price = "free" or another tier')
    tools = tools_by(size_in(table["model"])) if tier == "local" else "native"
    values: dict[str, Any] = {"tools": tools, **table, "price": price, "tier": tier}
    return ModelConfig(name=name, **values)


def _tier(price: Price | None, *, local: bool) -> Tier:
    if price is not None and price.is_free:
        return "local" if local else "free"
    return "cheap" if price is not None and price.output_nanos <= CHEAP_OUTPUT_NANOS else "paid"


def _rank(model: ModelConfig) -> tuple[int, int, str]:
    # a model without a known price comes behind those of its tier that have one
    return TIERS.index(model.tier), model.price.output_nanos if model.price else 1 << 62, model.name
