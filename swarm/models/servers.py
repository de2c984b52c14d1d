"""Servers of models on this machine, told apart by what they answer: Ollama, LM Studio, llama.cpp, vLLM. Pure.

An answer that is not as the server's own documentation has it is no answer of that server: whatever else listens on its
port is not taken for a model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from swarm.models.failures import UNREADABLE
from swarm.settings.sizes import size_in, size_of

UNSAID_CONTEXT = 4_096
"""The window of a model whose server says none. Ollama cuts what is longer than its default without a word, and that is 4,096
tokens wherever it has no large graphics memory (its documentation, context-length)."""

_NO_CHAT = re.compile(
    r"(^|[^a-z])(embed(ding)?s?|rerank(er)?|bert|bge|minilm|e5|whisper|tts)([^a-z]|$)|embed-?text", re.I
)

Bodies = Mapping[str, bytes]
"""What a server answered with status 200, by path."""


class Has(msgspec.Struct, frozen=True, kw_only=True):
    """A model that can be asked for an answer."""

    model: str  # as the server names it
    context_tokens: int = UNSAID_CONTEXT
    size: int | None = None  # parameters; None = nothing says it
    loaded: bool = False  # it is in memory
    changed: str = ""  # when, as the server writes it


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of server. `read` returns None where the bodies are not of this kind."""

    name: str  # the provider's, in settings and in the log
    title: str
    port: int
    paths: tuple[str, ...]  # what it is asked; the first one tells it from the others
    read: Callable[[Bodies], list[Has] | None]
    at_once: int = 1  # calls: on one machine several at a time are no faster than one after the other


class _Details(msgspec.Struct):
    family: str = ""
    parameter_size: str = ""


class _OllamaModel(msgspec.Struct):
    name: str
    digest: str
    details: _Details
    modified_at: str = ""
    remote_host: str = ""  # of a model that another server has, which may bill it
    context_length: int = 0  # of /api/ps: with how much it was loaded


class _OllamaModels(msgspec.Struct):
    models: list[_OllamaModel] | None


class _Config(msgspec.Struct, frozen=True):
    context_length: int = 0


class _Instance(msgspec.Struct):
    id: str
    config: _Config = _Config()


class _StudioModel(msgspec.Struct):
    type: str
    key: str
    loaded_instances: list[_Instance]
    params_string: str | None = None
    max_context_length: int = 0


class _StudioModels(msgspec.Struct):
    models: list[_StudioModel]


class _OldStudioModel(msgspec.Struct):
    id: str
    type: str
    state: str
    max_context_length: int
    loaded_context_length: int = 0


class _OldStudioModels(msgspec.Struct):
    data: list[_OldStudioModel]


class _Generation(msgspec.Struct):
    n_ctx: int


class _Props(msgspec.Struct):
    default_generation_settings: _Generation


class _Meta(msgspec.Struct):
    n_params: int = 0


class _Named(msgspec.Struct):
    id: str
    owned_by: str = ""
    max_model_len: int | None = None
    meta: _Meta | None = None


class _Names(msgspec.Struct):
    data: list[_Named]


def _ollama(bodies: Bodies) -> list[Has] | None:
    """All that were pulled: it loads them itself when they are asked."""
    pulled = _decoded(bodies, "/api/tags", _OllamaModels)
    if pulled is None:
        return None
    running = _decoded(bodies, "/api/ps", _OllamaModels)
    windows = {each.name: each.context_length for each in (running.models or () if running else ())}
    return [
        Has(
            model=each.name,
            context_tokens=windows.get(each.name) or UNSAID_CONTEXT,
            size=size_of(each.details.parameter_size) or size_in(each.name),
            loaded=each.name in windows,
            changed=each.modified_at,
        )
        for each in pulled.models or ()
        if not each.remote_host and not each.name.endswith("-cloud") and "bert" not in each.details.family
    ]


def _lmstudio(bodies: Bodies) -> list[Has] | None:
    """Those that are in memory: asking for another one would load it."""
    known = _decoded(bodies, "/api/v1/models", _StudioModels)
    if known is None:
        return _older_lmstudio(bodies)
    return [
        Has(
            model=instance.id,
            context_tokens=instance.config.context_length or each.max_context_length or UNSAID_CONTEXT,
            size=size_of(each.params_string or "") or size_in(each.key),
            loaded=True,
        )
        for each in known.models
        if each.type in ("llm", "vlm")
        for instance in each.loaded_instances
    ]


def _older_lmstudio(bodies: Bodies) -> list[Has] | None:
    """Before 0.4."""
    known = _decoded(bodies, "/api/v0/models", _OldStudioModels)
    if known is None:
        return None
    return [
        Has(
            model=each.id,
            context_tokens=each.loaded_context_length or each.max_context_length,
            size=size_in(each.id),
            loaded=True,
        )
        for each in known.data
        if each.type in ("llm", "vlm") and each.state == "loaded"
    ]


def _llama_cpp(bodies: Bodies) -> list[Has] | None:
    props, names = _decoded(bodies, "/props", _Props), _decoded(bodies, "/v1/models", _Names)
    if props is None or names is None:
        return None
    window = props.default_generation_settings.n_ctx or UNSAID_CONTEXT  # of one slot, which is what a call gets
    return [
        Has(
            model=each.id,
            context_tokens=window,
            size=(each.meta.n_params if each.meta else 0) or size_in(each.id),
            loaded=True,
        )
        for each in names.data
    ]


def _vllm(bodies: Bodies) -> list[Has] | None:
    names = _decoded(bodies, "/v1/models", _Names)
    if names is None or not names.data or any(each.owned_by != "vllm" for each in names.data):
        return None
    return [
        Has(model=each.id, context_tokens=each.max_model_len or UNSAID_CONTEXT, size=size_in(each.id), loaded=True)
        for each in names.data
    ]


def _decoded(bodies: Bodies, path: str, type_: type[Any]) -> Any:
    try:
        return msgspec.json.decode(bodies[path], type=type_)
    except (KeyError, *UNREADABLE):
        return None


OLLAMA = Kind(name="ollama", title="Ollama", port=11434, paths=("/api/tags", "/api/ps"), read=_ollama)
LM_STUDIO = Kind(
    name="lmstudio", title="LM Studio", port=1234, paths=("/api/v1/models", "/api/v0/models"), read=_lmstudio
)
LLAMA_CPP = Kind(name="llama.cpp", title="llama.cpp", port=8080, paths=("/props", "/v1/models"), read=_llama_cpp)
VLLM = Kind(name="vllm", title="vLLM", port=8000, paths=("/v1/models",), read=_vllm, at_once=8)

KINDS = (OLLAMA, LM_STUDIO, LLAMA_CPP, VLLM)


def read_server(kinds: Sequence[Kind], bodies: Bodies) -> tuple[Kind, list[Has]] | None:
    """The kind that the answers are of, and its models that chat, those in memory first, then the newest; None: of none."""
    for kind in kinds:
        found = kind.read(bodies)
        if found is not None:
            chatting = [each for each in found if not _NO_CHAT.search(each.model)]
            chatting.sort(key=lambda each: each.changed, reverse=True)
            return kind, sorted(chatting, key=lambda each: not each.loaded)
    return None
