"""Finds the servers of models that run on this machine: asks the loopback ports on which they usually listen what they have.

Nothing is started or loaded, nothing is asked of another machine, and whoever does not answer within half a second is not
there. Where no port is open, nothing heavy is imported.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

import msgspec

from swarm.messages import FREE
from swarm.models.servers import KINDS, LLAMA_CPP, OLLAMA, VLLM, Has, Kind, read_server
from swarm.settings.load import ModelConfig, ProviderConfig
from swarm.settings.sizes import JUDGES_FROM, tools_by

if TYPE_CHECKING:
    import httpx

    from swarm.models.transport import TransportKind

HOST = "127.0.0.1"
CONNECT_S, ANSWER_S = 0.3, 0.5
MOST_OF_A_SERVER = 2
"""So many models of one server take part: one to work and another to judge it. Each further one is a further load from disk."""

_MAX_BODY = 1 << 20
_LONGEST_NAME = 100


class Place(msgspec.Struct, frozen=True):
    """A port on loopback, and the kinds of servers that may listen there."""

    port: int
    kinds: tuple[Kind, ...]


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What listens on a port. `kind` is None where it is none of the servers that are known, and `said` says why."""

    port: int
    kind: Kind | None = None
    models: tuple[Has, ...] = ()
    said: str = ""

    @property
    def base_url(self) -> str:
        """Where its models are asked."""
        return f"http://{HOST}:{self.port}/v1"


def places_of(environ: Mapping[str, str]) -> tuple[Place, ...]:
    """Where is looked: the usual ports, for Ollama that of OLLAMA_HOST where it names this machine."""
    both = {LLAMA_CPP.name: (LLAMA_CPP, VLLM), VLLM.name: (VLLM, LLAMA_CPP)}
    places = {kind.port: Place(kind.port, both.get(kind.name, (kind,))) for kind in KINDS}
    del places[OLLAMA.port]
    if port := _ollama_port(environ.get("OLLAMA_HOST", "")):
        places[port] = Place(port, (OLLAMA,))
    return tuple(places.values())


def _ollama_port(host: str) -> int:
    """The port that OLLAMA_HOST names on this machine, 0 where it names another one. It is also what the server binds."""
    if not host.strip():
        return OLLAMA.port
    try:
        parts = urlsplit(host if "://" in host else f"http://{host}")
        name, port = parts.hostname or HOST, parts.port
    except ValueError:
        return 0
    here = name in ("localhost", "0.0.0.0", "::", "::1") or name.startswith("127.")
    return (port or OLLAMA.port) if here else 0


async def discover(places: Iterable[Place], *, transport: TransportKind, patience_s: float = ANSWER_S) -> list[Seen]:
    """Look at all places at the same time, none of them for longer than `patience_s`; what listens there, in their order."""
    known = list(places)
    is_open = await asyncio.gather(*(_listens(place.port) for place in known))
    there = [place for place, listens in zip(known, is_open, strict=True) if listens]
    if not there:
        return []
    from swarm.models.transport import open_transport

    async with open_transport(transport, environ={}) as pool:
        return await asyncio.gather(*(_look(place, pool, patience_s) for place in there))


async def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.setblocking(False)
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(CONNECT_S):
                await asyncio.get_running_loop().sock_connect(probe, (HOST, port))
                return True
    return False


async def _look(place: Place, pool: httpx.AsyncBaseTransport, patience_s: float) -> Seen:
    """Ask what the kinds of the place are asked; each path once, and of a second kind only where it is not the first."""
    bodies: dict[str, bytes] = {}
    refused: set[int] = set()
    try:
        async with asyncio.timeout(patience_s):
            for kind in place.kinds:
                missing = [path for path in kind.paths if path not in bodies]
                answers = await asyncio.gather(*(_get(pool, place.port, path, patience_s) for path in missing))
                bodies |= {path: body for path, (status, body) in zip(missing, answers, strict=True) if status == 200}
                refused |= {status for status, _ in answers}
                if found := read_server((kind,), bodies):
                    return Seen(port=place.port, kind=kind, models=tuple(found[1]))
    except TimeoutError:
        return Seen(port=place.port, said=f"it did not answer within {patience_s:g} s")
    return Seen(port=place.port, said=_why_none(refused))


def _why_none(statuses: set[int]) -> str:
    if statuses & {401, 403}:
        return "it asks for a key; name it in your settings, with its base_url and key_env"
    if 503 in statuses:
        return "it is not ready yet (503)"
    return "it is no server of models that is known"


async def _get(pool: httpx.AsyncBaseTransport, port: int, path: str, patience_s: float) -> tuple[int, bytes]:
    """Status and body, cut at a megabyte; status 0 where nothing came that is HTTP."""
    import httpx

    extensions = {"timeout": {"connect": CONNECT_S, "read": patience_s, "write": patience_s}}
    request = httpx.Request("GET", f"http://{HOST}:{port}{path}", extensions=extensions)
    try:
        response = await pool.handle_async_request(request)
        stream = cast("httpx.AsyncByteStream", response.stream)
        body = bytearray()
        try:
            async for piece in stream:
                body += piece
                if len(body) > _MAX_BODY:
                    return 0, b""
        finally:
            await stream.aclose()
    except httpx.HTTPError:
        return 0, b""
    return response.status_code, bytes(body)


def taking_part(
    seen: Sequence[Seen], providers: Mapping[str, ProviderConfig]
) -> list[tuple[ModelConfig, ProviderConfig]]:
    """The models of what was found that take part in a run: of each server a few, as free ones of the tier local.

    A server whose name or address the settings have is left to them.
    """
    pairs: list[tuple[ModelConfig, ProviderConfig]] = []
    for each in seen:
        if each.kind is None or is_named(each, providers):
            continue
        name = each.kind.name
        if any(provider.name == name for _, provider in pairs):  # two of one kind, on the ports of two
            name = f"{name}-{each.port}"
        provider = ProviderConfig(name=name, base_url=each.base_url, concurrency=each.kind.at_once)
        pairs += [(_config(model, name), provider) for model in _first_of(each.models)]
    return pairs


def is_named(seen: Seen, providers: Mapping[str, ProviderConfig]) -> bool:
    """Whether the settings have the server, by its name or by its address."""
    here = _address(seen.base_url)
    known = seen.kind is not None and seen.kind.name in providers
    return known or any(_address(provider.base_url) == here for provider in providers.values())


def _first_of(models: Sequence[Has]) -> list[Has]:
    """The first few; of those that go by the same name the first alone."""
    by_name: dict[str, Has] = {}
    for model in models:
        by_name.setdefault(name_of(model), model)
    return list(by_name.values())[:MOST_OF_A_SERVER]


def _config(has: Has, provider: str) -> ModelConfig:
    return ModelConfig(
        name=f"{provider}/{name_of(has)}"[:_LONGEST_NAME],
        provider=provider,
        model=has.model,
        tier="local",
        price=FREE,
        context_tokens=has.context_tokens,
        judge=(has.size or 0) >= JUDGES_FROM,
        schema=True,  # all four keep an answer to a JSON Schema in `response_format`, by their documentation
        tools=tools_by(has.size),
    )


def name_of(has: Has) -> str:
    """A name that can stand in agent@model: of a path its last part, without what a name must not hold.

    >>> name_of(Has(model="/home/ada/models/qwen3-8b.gguf")), name_of(Has(model="a/b@q4 k"))
    ('qwen3-8b.gguf', 'a/b-q4-k')
    """
    last = has.model.rpartition("/")[2] if has.model.startswith("/") else has.model
    return re.sub(r"[^!-?A-~]+", "-", last) or "model"


def _address(base_url: str) -> tuple[str, int | None]:
    parts = urlsplit(base_url)
    host = HOST if parts.hostname in ("localhost", "::1") else parts.hostname or ""
    return host, parts.port
