"""Models behind a server with Gemini's generateContent format."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from swarm.messages import Reply, Request, ToolCall, ToolSpec
from swarm.models.exchange import Deadlines
from swarm.models.gemini_answer import GeminiAnswer, kept_by, model_ids
from swarm.models.served import Served, split_address, usable_key
from swarm.models.toolcalls import kept_of, object_in, sendable
from swarm.models.toolschema import GEMINI_TAKES, object_schema, reduced
from swarm.models.turns import Part, Result, Turn, turns_of

if TYPE_CHECKING:
    import httpx

_VERSIONED = re.compile(r"/v\d[a-z0-9]*$")
_WARM = re.compile(r"gemini-([3-9]|\d\d|[a-z-]+-latest$)")
"""Gemini from 3 on is to be left at its own temperature: below it, it may go round in circles.
https://ai.google.dev/gemini-api/docs/gemini-3#temperature"""

_UNSIGNED = "skip_thought_signature_validator"
"""Stands for the signature of a call that another model made: from 3 on Gemini refuses one without any.
https://ai.google.dev/gemini-api/docs/thought-signatures#faqs"""

_ANY_ID = re.compile(r".*", re.DOTALL)
_ROLES = {"user": "user", "assistant": "model"}


class GeminiGenerate(Served):
    """One model of one server; see `Model` for the contract. The transport is lent and stays open."""

    def __init__(
        self,
        name: str,
        *,
        base_url: str,
        wire_model: str,
        transport: httpx.AsyncBaseTransport,
        key: str | None = None,
        key_hint: str | None = None,
        takes_schema: bool = False,
        effort: str = "",
        deadlines: Deadlines | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Make ready to ask `wire_model` (the server's own name) under `base_url` (.../v1beta). Nothing is sent yet.

        `effort` is a thinking level, or, where it is a number, a budget for thinking in tokens (0: none). `key_hint` is the
        environment variable to name when the key is refused. Raises UsageError for an address or a key that cannot be sent;
        it shows no secret.
        """
        address = split_address(base_url, example="https://generativelanguage.googleapis.com/v1beta")
        if not _VERSIONED.search(address.path):
            address = address._replace(path=f"{address.path}/v1beta")
        headers: dict[str, str] = {}
        if key is not None:
            headers["x-goog-api-key"] = usable_key(key, key_hint or f"the key of {name}")
        super().__init__(
            name,
            address=address,
            headers=headers,
            transport=transport,
            key=key,
            key_hint=key_hint,
            deadlines=deadlines,
            now=now,
        )
        self._wire_model, self._takes_schema, self._effort = wire_model, takes_schema, effort
        of_model = wire_model if "/" in wire_model else f"models/{wire_model}"
        self._path = f"/{quote(of_model, safe='/')}:streamGenerateContent?alt=sse"

    async def ask(self, request: Request) -> Reply:
        return await self._answered(
            self._path,
            request_body(request, self._wire_model, takes_schema=self._takes_schema, effort=self._effort),
            GeminiAnswer(source=self._source, model=self._wire_model),
            most_tokens=request.max_output_tokens,
        )

    async def list_models(self) -> list[str]:
        return await self.listed("/models?pageSize=1000", model_ids)


def request_body(request: Request, wire_model: str, *, takes_schema: bool, effort: str = "") -> dict[str, Any]:
    """Return the JSON body of one request. Without `takes_schema` the schema is left to the prompt, and before Gemini 3 also
    where tools are offered, since the two are refused together.

    What stays the same from request to request comes first, as the provider keeps the beginnings of prompts by itself.
    """
    is_third = _WARM.search(wire_model) is not None
    system, turns = turns_of(sendable(request.messages, _ANY_ID))
    body: dict[str, Any] = {"systemInstruction": {"parts": [{"text": text} for text in system]}} if system else {}
    if request.tools:
        body["tools"] = [{"functionDeclarations": [_declaration(tool) for tool in request.tools]}]
    by = kept_by(wire_model)
    body["contents"] = [
        {"role": _ROLES[turn.speaker], "parts": _signed(_parts(turn, by)) if is_third else _parts(turn, by)}
        for turn in turns
    ]
    config: dict[str, Any] = {"maxOutputTokens": request.max_output_tokens}
    if not is_third:
        config["temperature"] = request.temperature
    if request.answer_schema is not None and takes_schema and (is_third or not request.tools):
        config |= {"responseMimeType": "application/json", "responseJsonSchema": request.answer_schema}
    if effort:
        is_budget = effort.isascii() and effort.isdigit()
        config["thinkingConfig"] = {"thinkingBudget": int(effort)} if is_budget else {"thinkingLevel": effort}
    return body | {"generationConfig": config}


def _declaration(tool: ToolSpec) -> dict[str, Any]:
    """A tool; of one that takes nothing there is no schema, since one without properties was refused."""
    parameters = reduced(object_schema(tool.parameters), GEMINI_TAKES, plain_choices=True)
    takes = {"parametersJsonSchema": parameters} if parameters["properties"] else {}
    return {"name": tool.name, "description": tool.description, **takes}


def _parts(turn: Turn, by: str) -> list[dict[str, Any]]:
    return [_part(part, by) for part in turn.parts]


def _part(part: Part, by: str) -> dict[str, Any]:
    """A part of a turn. Ids are its own where it gave some; else calls and results are told apart by name and order."""
    match part:
        case str():
            return {"text": part}
        case ToolCall():
            kept = kept_of(part, by)
            signed = {"thoughtSignature": kept["signature"]} if "signature" in kept else {}
            return {"functionCall": {**_named(part, kept), "args": object_in(part.arguments)}, **signed}
        case Result():
            said = {**_named(part.call, kept_of(part.call, by)), "response": {"output": part.text}}
            return {"functionResponse": said}


def _named(call: ToolCall, kept: Mapping[str, Any]) -> dict[str, Any]:
    return {**({"id": kept["id"]} if "id" in kept else {}), "name": call.name}


def _signed(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same, the first call with what stands for a signature where it has none; of several, the first alone needs it."""
    first = next((part for part in parts if "functionCall" in part), None)
    if first is not None:
        first.setdefault("thoughtSignature", _UNSIGNED)
    return parts
