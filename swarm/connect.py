"""The models of a run, made ready to be asked: one pool of connections and one set of limits a provider."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import urlsplit

import anyio
import msgspec

from swarm.errors import Failure, ProviderError, SwarmError, UsageError
from swarm.messages import FREE, Arm, Reply, Request, Tier
from swarm.models.base import Model
from swarm.models.limits import Allowance, Limits
from swarm.settings.load import ModelConfig, ProviderConfig
from swarm.settings.pricetable import known_price
from swarm.settings.pricetext import parse_price
from swarm.settings.providers import PRESETS, is_local
from swarm.settings.sizes import size_in, tools_by
from swarm.tries import Connected

if TYPE_CHECKING:
    from swarm.models.served import Served
    from swarm.settings.freemodels import FreeModel

EMBEDDED = "embedded"
"""The provider of the model that runs as a child of this process."""

ENDPOINT = "endpoint"
"""The provider of a server that the command line names."""

SCRIPTED = "scripted"
"""The provider of models that answer from the roster's script."""

_LISTING_S = 180.0
"""A list of models is waited for as long, unless who asks for it gives up before."""


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """What scripted models say, and how long each answer takes."""

    path: str
    pause_s: float = 0.0


class Roster(msgspec.Struct, frozen=True, kw_only=True):
    """The models of a run, as they are recorded: whoever resumes connects to the same ones."""

    models: tuple[ModelConfig, ...]
    providers: tuple[ProviderConfig, ...]
    embedded: str = ""  # path of the embedded model's file
    script: Script | None = None  # of the models of the provider "scripted"
    transport: Literal["aiohttp", "httpx"] = "aiohttp"
    timeout_s: float = 180.0

    def arms(self, agent: str) -> list[Arm]:
        """An agent on each model."""
        return [
            Arm(
                agent=agent,
                model=model.name,
                tier=model.tier,
                price=model.price,
                may_judge=model.judge,
                context_tokens=model.context_tokens,
            )
            for model in self.models
        ]


def embedded_model(
    name: str, path: Path, *, context_tokens: int, may_judge: bool
) -> tuple[ModelConfig, ProviderConfig]:
    """The embedded model as a row of settings."""
    model = ModelConfig(
        name=name,
        provider=EMBEDDED,
        model=name,
        tier="local",
        price=FREE,
        context_tokens=context_tokens,
        judge=may_judge,
        schema=True,
        tools="schema",
    )
    return model, ProviderConfig(name=EMBEDDED, base_url="", concurrency=1)


@asynccontextmanager
async def open_models(roster: Roster, environ: Mapping[str, str]) -> AsyncGenerator[Mapping[str, Connected]]:
    """Connect to every model of the roster. Nothing is sent, and no embedded model started, before the first call."""
    async with AsyncExitStack() as stack:
        connected: dict[str, Connected] = {}
        for provider in roster.providers:
            limits = Limits(
                Allowance(
                    at_once=provider.concurrency,
                    requests_a_minute=provider.requests_per_minute,
                    tokens_a_minute=provider.tokens_per_minute,
                )
            )
            connect = await _connector(provider, roster, environ, stack, limits)
            for config in roster.models:
                if config.provider != provider.name:
                    continue
                model = await stack.enter_async_context(_offered_tools(connect(config), config))
                server = urlsplit(provider.base_url).netloc
                connected[config.name] = Connected(
                    model, limits, config.max_output_tokens, config.price, server, config.context_tokens
                )
        yield connected


def _offered_tools(model: Model, config: ModelConfig) -> Model:
    if config.tools == "native":
        return model
    from swarm.models.by_schema import BySchema

    return BySchema(model)


async def _connector(
    provider: ProviderConfig, roster: Roster, environ: Mapping[str, str], stack: AsyncExitStack, limits: Limits
) -> Callable[[ModelConfig], Model]:
    """Return what connects to a model of the provider; the connections live as long as the stack, and tell its limits what
    it says of them."""
    if provider.name == SCRIPTED and roster.script is not None:
        from swarm.models.script import by_script, read_script
        from swarm.models.scripted import ScriptedModel

        script = roster.script
        lines = await anyio.to_thread.run_sync(read_script, Path(script.path))
        return lambda config: ScriptedModel(
            config.name, by_script(config.name, lines), latency_s=script.pause_s, keep=0
        )
    from swarm.models.transport import open_transport

    transport = await stack.enter_async_context(open_transport(roster.transport, environ=environ))
    if provider.name == EMBEDDED:
        path = Path(roster.embedded)
        return lambda config: Embedded(config, path, transport=transport, timeout_s=roster.timeout_s)
    from swarm.models.hearing import Hearing

    hearing = Hearing(transport, limits.hear)
    return lambda config: _served(config, provider, hearing, environ, roster.timeout_s)


def _served(
    config: ModelConfig, provider: ProviderConfig, transport: object, environ: Mapping[str, str], timeout_s: float
) -> Served:
    """The class that speaks the provider's format; the others are not imported."""
    from swarm.models.exchange import Deadlines

    common: dict[str, Any] = {
        "base_url": provider.base_url,
        "wire_model": config.model,
        "transport": transport,
        "key": environ.get(provider.key_env) or None if provider.key_env else None,
        "key_hint": provider.key_env or None,
        "deadlines": Deadlines(first_byte_s=timeout_s),
    }
    match provider.wire:
        case "anthropic":
            from swarm.models.anthropic_messages import AnthropicMessages

            return AnthropicMessages(config.name, takes_schema=config.schema, effort=config.reasoning_effort, **common)
        case "gemini":
            from swarm.models.gemini_generate import GeminiGenerate

            return GeminiGenerate(config.name, takes_schema=config.schema, effort=config.reasoning_effort, **common)
        case "openai":
            return _openai(config, common)


def _openai(config: ModelConfig, common: Mapping[str, Any]) -> Served:
    from swarm.models.openai_chat import OpenAIChat, dialect_of

    dialect = msgspec.structs.replace(dialect_of(common["base_url"]), takes_schema=config.schema)
    if config.reasoning_effort:
        dialect = msgspec.structs.replace(
            dialect, takes_temperature=False, extra={"reasoning_effort": config.reasoning_effort}
        )
    return OpenAIChat(config.name, dialect=dialect, **common)


async def models_at(
    provider: ProviderConfig, environ: Mapping[str, str], *, transport: Literal["aiohttp", "httpx"]
) -> list[str]:
    """Ask a provider which models it has; it costs nothing.

    Raises ProviderError, and UsageError for an address or a key that cannot be sent.
    """
    from swarm.models.transport import open_transport

    whoever = ModelConfig(name=provider.name, provider=provider.name, model="", tier="free")
    async with open_transport(transport, environ=environ) as pool:
        return await _served(whoever, provider, pool, environ, _LISTING_S).list_models()


async def free_models_at(
    provider: ProviderConfig, environ: Mapping[str, str], *, transport: Literal["aiohttp", "httpx"]
) -> list[FreeModel]:
    """Ask OpenRouter for its list and return the free models of it. No key is sent. Raises ProviderError, UsageError."""
    from swarm.models.transport import open_transport
    from swarm.settings.freemodels import free_models

    whoever = ModelConfig(name=provider.name, provider=provider.name, model="", tier="free")
    anybody = msgspec.structs.replace(provider, key_env="")
    async with open_transport(transport, environ=environ) as pool:
        return await _served(whoever, anybody, pool, environ, _LISTING_S).listed("/models", free_models)


class Embedded:
    """The embedded model: its server is started by the first call and ended with the run."""

    def __init__(self, config: ModelConfig, path: Path, *, transport: object, timeout_s: float) -> None:
        self._config, self._path, self._transport, self._timeout_s = config, path, transport, timeout_s
        self._stack = AsyncExitStack()
        self._starting = anyio.Lock()
        self._chat: Model | None = None

    @property
    def name(self) -> str:
        return self._config.name

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def ask(self, request: Request) -> Reply:
        async with self._starting:
            if self._chat is None:
                try:
                    self._chat = await self._start()
                except SwarmError as error:
                    raise ProviderError(str(error), failure=Failure.SWITCH, sent=False, charged=False) from error
        return await self._chat.ask(request)

    async def _start(self) -> Model:
        from swarm.models.catalogue import sampling_of
        from swarm.models.exchange import Deadlines
        from swarm.models.local import open_local
        from swarm.models.openai_chat import Dialect, OpenAIChat

        context = self._config.context_tokens or 4096
        server = await self._stack.enter_async_context(
            open_local(self._path, name=self._config.model, context_tokens=context)
        )
        return OpenAIChat(
            self._config.name,
            base_url=server.base_url,
            wire_model=server.model,
            transport=self._transport,  # type: ignore[arg-type]
            key=server.key,
            # its engine ends the connection behind each stream, having promised to keep it: the next call would be lost
            headers={"Connection": "close"},
            dialect=Dialect(takes_schema=True, extra=dict(sampling_of(server.model))),
            deadlines=Deadlines(first_byte_s=self._timeout_s),
        )


async def endpoint(
    url: str,
    *,
    model: str | None,
    price: str | None,
    environ: Mapping[str, str],
    transport: Literal["aiohttp", "httpx"],
) -> tuple[ModelConfig, ProviderConfig]:
    """A server named on the command line, as the only tier of a run; without `model` the first that it lists.

    Without `price` a server on loopback or a private address is free, and another costs what the table of prices says.
    Raises UsageError, and ProviderError where the server does not say what it has.
    """
    from swarm.models.openai_chat import server_address

    base_url = server_address(url).geturl()
    provider = ProviderConfig(name=ENDPOINT, base_url=base_url, key_env=_key_for(base_url, environ))
    if model is None:
        listed = await models_at(provider, environ, transport=transport)
        if not listed:
            raise UsageError(f"{base_url} lists no model; name one with `--model NAME`")
        model = listed[0]
    row = FREE if is_local(base_url) else known_price(base_url, model)
    if price is not None:
        try:
            row = parse_price(price)
        except ValueError as error:
            raise UsageError(f"--price {price}: {error}") from error
    tier: Tier = "paid" if row is None or not row.is_free else "local" if is_local(base_url) else "free"
    tools = tools_by(size_in(model)) if tier == "local" else "native"
    return ModelConfig(name=model, provider=provider.name, model=model, tier=tier, price=row, tools=tools), provider


def _key_for(base_url: str, environ: Mapping[str, str]) -> str:
    """The variable with the key for a server that is named by its address; a key is sent to nobody else."""
    for preset in PRESETS.values():
        own = base_url == preset["base_url"] or base_url.startswith(f"{preset['base_url']}/")
        if own and environ.get(preset["key_env"]):
            return str(preset["key_env"])
    named = environ.get("OPENAI_BASE_URL", "").rstrip("/")
    if named and base_url.rstrip("/") == named and environ.get("OPENAI_API_KEY"):
        return "OPENAI_API_KEY"
    return "SWARM_ENDPOINT_KEY"
