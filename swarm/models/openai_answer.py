"""What an OpenAI-compatible server answers, read into a Reply: pure, and patient with what such servers leave out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import msgspec

from swarm.messages import Finish, Reply, Usage
from swarm.models.counts import agreed, count_of, decoded
from swarm.models.failures import UNREADABLE, Source, broken_off, failed_inside
from swarm.models.meter import Meter
from swarm.models.stream import ServerEvent
from swarm.models.toolcalls import CallsHeard, ended

_FINISHES: dict[str, Finish] = {
    "stop": "stop",
    "end_turn": "stop",
    "eos": "stop",
    "length": "length",
    "max_tokens": "length",
    "content_filter": "refusal",
    "refusal": "refusal",
    "tool_calls": "tools",
    "function_call": "tools",
}


_ABSENT = msgspec.Raw(b"null")
"""The default itself: nearly all pieces of a stream have neither usage nor error, which is seen without copying them."""

_NOTHING = frozenset({b"null", b"{}", b'""', b"false"})


class _Part(msgspec.Struct, gc=False):
    text: str | None = None


class _Function(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: msgspec.Raw = _ABSENT  # a text, at some servers the object itself


class _Call(msgspec.Struct, gc=False):
    """A call of a tool or a piece of one."""

    index: int | str | None = None
    id: str | int | None = None
    function: _Function | None = None
    extra_content: msgspec.Raw = _ABSENT  # Gemini's signature, which it wants to see again


class _Said(msgspec.Struct, gc=False):
    """A delta of a stream or a message of a document. What the model thinks is kept for its provider alone."""

    content: str | list[_Part] | None = None
    refusal: str | None = None
    reasoning_content: msgspec.Raw = _ABSENT
    reasoning: msgspec.Raw = _ABSENT
    tool_calls: list[_Call] | None = None
    function_call: _Function | None = None  # the one call, as it was said before there were several

    @property
    def thinks(self) -> bool:
        return any(
            said is not _ABSENT and bytes(said) not in _NOTHING for said in (self.reasoning_content, self.reasoning)
        )


class _Choice(msgspec.Struct, gc=False):
    delta: _Said | None = None
    message: _Said | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None
    model: str | None = None
    usage: msgspec.Raw = _ABSENT  # read apart: a wrong count must not cost the answer
    error: msgspec.Raw = _ABSENT


_decode = msgspec.json.Decoder(_Chunk).decode

_CODES = {
    "insufficient_quota": 429,
    "rate_limit_exceeded": 429,
    "invalid_api_key": 401,
    "model_not_found": 404,
    "context_length_exceeded": 400,
    "content_filter": 400,
}
"""The status that a named error would have had, were it not inside an answer with status 200."""


class OpenAIAnswer:
    """Collects one answer. See `exchange.Collector`."""

    def __init__(self, *, source: Source, model: str) -> None:
        self.whole = False
        self.ended = False
        self._source, self._model, self._by = source, model, kept_by(model)
        self._meter = Meter()
        self._texts: list[str] = []
        self._refusals: list[str] = []
        self._calls = CallsHeard()
        self._thoughts: list[str] | None = None  # as `reasoning_content`, if it was there at all
        self._finish: str | None = None
        self._usage: bytes | None = None
        self._began = False  # something came that may be billed
        self._chosen = False  # an answer came, be it an empty one

    @property
    def least_tokens(self) -> int:
        return self._meter.least

    def take_event(self, event: ServerEvent) -> None:
        if event.data.strip() == b"[DONE]":
            self._end()
            return
        self._take(event.data, ended=self._finish is not None)
        self.whole = self._finish is not None

    def take_document(self, body: bytes) -> None:
        self._take(body, ended=False)
        self._end()

    def reply(self) -> Reply:
        """Return what was collected, once `whole`."""
        finish = _FINISHES.get(self._finish or "", "other")
        if self._refusals and not self._texts:
            finish = "refusal"
        if self._calls and self._thoughts is not None:
            self._calls.first.kept["reasoning_content"] = "".join(self._thoughts)
        finish, calls = ended(finish, self._calls.told(self._by))
        return Reply(
            text="".join(self._texts or self._refusals),
            finish=finish,
            usage=_usage(self._usage),
            model=self._model,
            calls=calls,
        )

    def _end(self) -> None:
        if not self._chosen:
            raise broken_off(self._source, "what it sent holds no answer")
        self.whole = self.ended = True

    def _take(self, data: bytes, *, ended: bool) -> None:
        try:
            chunk = _decode(data)
        except UNREADABLE as error:
            if ended:
                return  # the answer is there already, and what came after it is not part of it
            raise broken_off(self._source, f"a part of the answer cannot be read ({error})") from None
        if chunk.error is not _ABSENT and bytes(chunk.error) not in _NOTHING:
            raise failed_inside(chunk.error, _status_of, source=self._source, began=self._began)
        self._began = True
        if chunk.usage is not _ABSENT and (usage := bytes(chunk.usage)) != b"null":
            self._usage = usage
        if chunk.model:
            self._model = chunk.model
        if chunk.choices:
            self._take_choice(chunk.choices[0])

    def _take_choice(self, choice: _Choice) -> None:
        self._chosen = True
        said = choice.delta or choice.message
        if said is not None:
            if isinstance(said.content, str):
                if said.content:
                    self._texts.append(said.content)
                    self._meter.add(said.content)
            elif said.content:
                texts = [part.text for part in said.content if part.text]
                self._texts += texts
                self._meter.add("".join(texts))
            if said.refusal:
                self._refusals.append(said.refusal)
                self._meter.add(said.refusal)
            if said.thinks:
                self._meter.think()
            self._take_thoughts(said.reasoning_content)
            if said.tool_calls or said.function_call:
                self._take_calls(said, is_whole=choice.delta is None)
        if choice.finish_reason == "error":
            raise broken_off(self._source, "the provider broke its answer off with an error")
        self._finish = choice.finish_reason or self._finish

    def _take_thoughts(self, raw: msgspec.Raw) -> None:
        if raw is not _ABSENT and isinstance(thought := decoded(raw), str):
            self._thoughts = self._thoughts or []
            self._thoughts.append(thought)

    def _take_calls(self, said: _Said, *, is_whole: bool) -> None:
        """Take calls or pieces of them: in a message each stands for itself, whatever its index."""
        pieces = list(said.tool_calls or ())
        if said.function_call is not None and not pieces:
            pieces.append(_Call(index="function_call", function=said.function_call))
        for piece in pieces:
            function = piece.function or _Function()
            id = "" if piece.id is None else str(piece.id)
            name, arguments = function.name or "", _text_of(function.arguments)
            self._meter.add(name)
            self._meter.add(arguments)
            call = self._calls.open(id, name) if is_whole else self._calls.hear(piece.index, id, name, arguments)
            if is_whole:
                call.pieces.append(arguments)
            if piece.extra_content is not _ABSENT and bytes(piece.extra_content) not in _NOTHING:
                call.kept["extra_content"] = msgspec.Raw(bytes(piece.extra_content))


def kept_by(wire_model: str) -> str:
    """Who may see again what was kept of a call."""
    return f"openai:{wire_model}"


def _text_of(arguments: msgspec.Raw) -> str:
    if arguments is _ABSENT or bytes(arguments) == b"null":
        return ""
    said = decoded(arguments)
    return said if isinstance(said, str) else bytes(arguments).decode()


def _status_of(error: Mapping[str, object]) -> int | None:
    for key in ("code", "status", "type"):
        said = str(error.get(key) or "")
        if len(said) == 3 and said.isascii() and said.isdigit() and 400 <= int(said) < 600:
            return int(said)
        if said in _CODES:
            return _CODES[said]
    return None


def _usage(raw: bytes | None) -> Usage | None:
    return None if raw is None else usage_in(decoded(raw))


def usage_in(said: object) -> Usage | None:
    """Return the tokens of an answer, None where they are missing or cannot be.

    prompt_tokens includes what was read from the cache and written to it, completion_tokens includes reasoning. Who counts
    one of them beside is told by its own total, or by a part that is larger than its whole; then it is added.
    """
    if not isinstance(said, dict):
        return None
    fields = cast(dict[str, object], said)
    prompt, output = count_of(fields.get("prompt_tokens")), count_of(fields.get("completion_tokens"))
    if prompt is None or output is None:
        return None
    of_input, of_output = _section(fields, "prompt_tokens_details"), _section(fields, "completion_tokens_details")
    named = (of_input.get("cached_tokens"), fields.get("prompt_cache_hit_tokens"), fields.get("cached_tokens"))
    cached = next((count for each in named if (count := count_of(each))), 0)
    written = count_of(of_input.get("cache_write_tokens")) or 0
    reasoning = count_of(of_output.get("reasoning_tokens")) or 0
    total = count_of(fields.get("total_tokens"))
    input_, output, doubt = _normalised(prompt, output, cached=cached + written, reasoning=reasoning, total=total)
    if not input_:
        return None  # nothing was ever asked with no token
    return Usage(
        input_tokens=input_,
        output_tokens=output,
        cached_tokens=cached,
        cache_write_tokens=written,
        reasoning_tokens=reasoning,
        doubts=(doubt,) if doubt else (),
    )


def _normalised(prompt: int, output: int, *, cached: int, reasoning: int, total: int | None) -> tuple[int, int, str]:
    """Input with what was cached, output with reasoning, and the doubt that stays.

    Where its total leaves it open, reasoning beside goes before cache beside: output is the dearer class.
    """
    readings = [
        (prompt + into, output + out)
        for into in ((0, cached) if cached <= prompt else (cached,))
        for out in ((0, reasoning) if reasoning <= output else (reasoning,))
    ]
    return agreed(readings, total=total, as_written=(prompt, output))


def _section(fields: dict[str, object], name: str) -> dict[str, object]:
    section = fields.get(name)
    return cast(dict[str, object], section) if isinstance(section, dict) else {}
