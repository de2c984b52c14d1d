"""What a server with the Anthropic Messages format answers, read into a Reply: pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import msgspec

from swarm.messages import PART_TOO_LARGE, Finish, Reply, Usage
from swarm.models.counts import count_of, decoded
from swarm.models.failures import UNREADABLE, Source, broken_off, failed_inside
from swarm.models.meter import Meter
from swarm.models.stream import ServerEvent
from swarm.models.toolcalls import CallsHeard, OpenCall, ended

_FINISHES: dict[str, Finish] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
    "tool_use": "tools",
}

_STATUS = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""The status that an error would have had, were it not inside an answer with status 200."""

_INPUTS = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
"""Neither read from the cache nor written to it, read from it, written to it."""

_ABSENT = msgspec.Raw(b"null")


class _Block(msgspec.Struct, gc=False):
    """A block of the answer, or the beginning of one. What the model thinks is kept for its provider alone."""

    type: str = ""
    text: str | None = None
    id: str | None = None
    name: str | None = None
    input: msgspec.Raw = _ABSENT
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None  # thoughts that nobody may read


class _Delta(msgspec.Struct, gc=False):
    """What is new: a piece of a block, or why the answer ended."""

    type: str = ""
    text: str | None = None
    partial_json: str | None = None
    thinking: str | None = None
    signature: str | None = None
    stop_reason: str | None = None


class _Message(msgspec.Struct, gc=False):
    model: str | None = None
    content: list[_Block] | None = None
    stop_reason: str | None = None
    usage: msgspec.Raw = _ABSENT  # read apart: a wrong count must not cost the answer


class _Event(msgspec.Struct, gc=False):
    type: str = ""
    index: int | None = None
    message: _Message | None = None
    content_block: _Block | None = None
    delta: _Delta | None = None
    usage: msgspec.Raw = _ABSENT
    error: msgspec.Raw = _ABSENT


class _Document(_Message, gc=False):
    type: str = ""
    error: msgspec.Raw = _ABSENT


_decode = msgspec.json.Decoder(_Event).decode
_decode_document = msgspec.json.Decoder(_Document).decode


class AnthropicAnswer:
    """Collects one answer. See `exchange.Collector`."""

    def __init__(self, *, source: Source, model: str) -> None:
        self.whole = False
        self.ended = False
        self._source, self._model, self._by = source, model, kept_by(model)
        self._meter = Meter()
        self._texts: list[str] = []
        self._calls = CallsHeard()
        self._open: dict[int | None, OpenCall] = {}  # by the index of its block
        self._thoughts: list[_Thought] = []  # since the last call
        self._finish: str | None = None
        self._usages: list[object] = []  # what was said of it at the start and at the end
        self._began = False  # something came that may be billed

    @property
    def least_tokens(self) -> int:
        return self._meter.least

    def take_event(self, event: ServerEvent) -> None:
        try:
            said = _decode(event.data)
        except UNREADABLE as error:
            if self.whole:
                return  # the answer is there already, and what came after it is not part of it
            raise broken_off(self._source, f"a part of the answer cannot be read ({error})") from None
        match said.type or event.name:
            case "message_start" if said.message is not None:
                self._start(said.message)
            case "content_block_start" if said.content_block is not None:
                self._begin(said.index, said.content_block)
            case "content_block_delta" if said.delta is not None:
                self._go_on(said.index, said.delta)
            case "message_delta" if said.delta is not None:
                self._close(said.delta.stop_reason, said.usage)
            case "message_stop" if self._began:
                self.whole = self.ended = True
            case "error" if not self.whole:
                raise failed_inside(said.error, _status_of, source=self._source, began=self._began)
            case _:
                pass  # a ping, the end of a block, or something that was invented later

    def take_document(self, body: bytes) -> None:
        try:
            said = _decode_document(body)
        except UNREADABLE as error:
            raise broken_off(self._source, f"the answer cannot be read ({error})") from None
        if said.type == "error":
            raise failed_inside(said.error, _status_of, source=self._source, began=self._began)
        if said.content is None:
            raise broken_off(self._source, "what it sent holds no answer")
        self._start(said)
        self._close(said.stop_reason, said.usage)
        self.whole = self.ended = True

    def reply(self) -> Reply:
        """Return what was collected, once `whole`."""
        finish, calls = ended(_FINISHES.get(self._finish or "", "other"), self._calls.told(self._by))
        return Reply(
            text="".join(self._texts),
            finish=finish,
            usage=usage_in(*self._usages) if len(self._usages) == 2 else None,
            model=self._model,
            calls=calls,
        )

    def _start(self, message: _Message) -> None:
        self._began = True
        self._model = message.model or self._model
        self._usages = [decoded(message.usage)]
        for number, block in enumerate(message.content or ()):
            self._begin(number, block)

    def _begin(self, index: int | None, block: _Block) -> None:
        self._began = True
        match block.type:
            case "text":
                self._add(block.text)
            case "tool_use":
                call = self._open[index] = self._calls.open(block.id or "", block.name or "")
                if bytes(block.input) not in (b"null", b"{}"):  # in a stream it is empty, and comes piece by piece
                    call.pieces.append(bytes(block.input).decode())
                if self._thoughts:
                    call.kept["thoughts"] = [thought.whole for thought in self._thoughts]
                    self._thoughts = []
                self._meter.add(f"{call.name}{call.arguments}")
            case "thinking" | "redacted_thinking":
                self._thoughts.append(_Thought(block))
                self._meter.think()
            case _:
                self._meter.think()

    def _go_on(self, index: int | None, delta: _Delta) -> None:
        self._began = True
        match delta.type:
            case "text_delta":
                self._add(delta.text)
            case "input_json_delta" if index in self._open:
                self._open[index].pieces.append(delta.partial_json or "")
                self._meter.add(delta.partial_json or "")
            case "thinking_delta" | "signature_delta" if self._thoughts:
                self._thoughts[-1].take(delta)
                self._meter.think()
            case _:
                self._meter.think()

    def _add(self, text: str | None) -> None:
        if text:
            self._texts.append(text)
            self._meter.add(text)

    def _close(self, reason: str | None, usage: msgspec.Raw) -> None:
        self._began = True
        if usage is not _ABSENT:
            self._usages = [*self._usages[:1], decoded(usage)]
        if reason is not None:
            self._finish, self.whole = reason, True


class _Thought:
    """A block of thinking as it comes, to be given back unchanged."""

    def __init__(self, block: _Block) -> None:
        self._kind, self._data = block.type, block.data
        self._pieces, self._signature = [block.thinking or ""], [block.signature or ""]

    def take(self, delta: _Delta) -> None:
        self._pieces.append(delta.thinking or "")
        self._signature.append(delta.signature or "")

    @property
    def whole(self) -> dict[str, str]:
        if self._kind == "redacted_thinking":
            return {"type": self._kind, "data": self._data or ""}
        return {"type": self._kind, "thinking": "".join(self._pieces), "signature": "".join(self._signature)}


def kept_by(wire_model: str) -> str:
    """Who may see again what was kept of a call."""
    return f"anthropic:{wire_model}"


def _status_of(error: Mapping[str, object]) -> int | None:
    kind = error.get("type")
    return _STATUS.get(kind) if isinstance(kind, str) else None


def usage_in(start: object, end: object) -> Usage | None:
    """Return the tokens of an answer by what was said at its start and at its end, None where they are missing or cannot be.

    The three counts of input are added, `output_tokens` includes thinking. Counts grow while an answer goes on, so the
    larger holds; the output is known only at the end.
    """
    inputs = [_larger(name, start, end) for name in _INPUTS]
    output = count_of(_field(end, "output_tokens"))
    if None in inputs or output is None:
        return None
    fresh, cached, written = cast("list[int]", inputs)
    thought = count_of(_field(_field(end, "output_tokens_details"), "thinking_tokens")) or 0
    if not fresh + cached + written:
        return None  # nothing was ever asked with no token
    return Usage(
        input_tokens=fresh + cached + written,
        output_tokens=output if thought <= output else output + thought,
        cached_tokens=cached,
        cache_write_tokens=written,
        reasoning_tokens=thought,
        doubts=(PART_TOO_LARGE,) if thought > output else (),
    )


def _larger(name: str, start: object, end: object) -> int | None:
    """Return the larger of two counts, 0 where neither is said, None where what is said is no count."""
    said = [value for value in (_field(start, name), _field(end, name)) if value is not None]
    counts = [count for value in said if (count := count_of(value)) is not None]
    return max(counts, default=0) if len(counts) == len(said) else None


def _field(fields: object, name: str) -> object:
    return cast("dict[str, object]", fields).get(name) if isinstance(fields, dict) else None
