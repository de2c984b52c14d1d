"""Scripts in files: what scripted models say to which request, so that a whole session can be played without a provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from swarm.errors import Failure, ProviderError, UsageError
from swarm.messages import Reply, Request, ToolCall, Usage
from swarm.models.scripted import Line, words_of

Role = Literal["explorer", "worker", "validator"]

BYTES_A_TOKEN = 4  # what English text has in common vocabularies; a script counts by it


class ScriptCall(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A call of a tool. Arguments are a table; or a text, for those that are no JSON."""

    name: str
    arguments: dict[str, Any] | str = {}

    @property
    def written(self) -> str:
        return self.arguments if isinstance(self.arguments, str) else msgspec.json.encode(self.arguments).decode()


class ScriptLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An answer, and the requests that it answers: an empty field asks for nothing."""

    says: str = ""
    calls: tuple[ScriptCall, ...] = ()  # of tools: what it wants done
    role: Role | None = None
    models: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()  # texts that all stand in the request, be it in the result of a tool
    after: int | None = None  # so many results of tools stand in the request, and no more
    tokens: int = 0  # of output, where the model counts more than it says: its reasoning

    def __post_init__(self) -> None:
        if not self.says.strip() and not self.calls:
            raise ValueError("a [[line]] has neither `says` nor `calls`")


class _Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    line: tuple[ScriptLine, ...]


class ScriptUnusable(UsageError):
    """The file with the script cannot be read."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"the script of the scripted models, {path}, cannot be read ({why}); mend it, or put it back")


def read_script(path: Path) -> tuple[ScriptLine, ...]:
    """Read a script, TOML with a [[line]] for each answer. Raises ScriptUnusable."""
    try:
        return msgspec.toml.decode(path.read_bytes(), type=_Script).line
    except OSError as error:
        raise ScriptUnusable(path, (error.strerror or str(error)).lower()) from error
    except (msgspec.DecodeError, ValueError, RecursionError) as error:  # a nesting or a number that is too large
        raise ScriptUnusable(path, str(error)) from error


def by_script(model: str, lines: Sequence[ScriptLine]) -> Callable[[Request], Line]:
    """Return what answers for a model: the first line that fits the request. The same request gets the same answer."""

    def say(request: Request) -> Line:
        texts = "\n".join(message.text for message in request.messages)
        role = role_asked(request.answer_schema)
        results = sum(message.speaker == "tool" for message in request.messages)
        for line in lines:
            is_meant = line.role in (None, role) and (not line.models or model in line.models)
            if is_meant and line.after in (None, results) and all(held in texts for held in line.holds):
                return _reply(line, request, model, results)
        done = f" after {results} result{'s' if results != 1 else ''} of tools" if results else ""
        return ProviderError(
            f"{model}: the script has no answer for this {role}{done}; add a line to it",
            failure=Failure.STOP,
            sent=False,
            charged=False,
        )

    return say


def role_asked(schema: Mapping[str, Any] | None) -> Role:
    """Who is asked, as the schema of the answer shows: steps are a plan's, a verdict is a judge's."""
    known = (schema or {}).get("properties", {})
    return "validator" if "verdict" in known else "explorer" if "steps" in known else "worker"


def _reply(line: ScriptLine, request: Request, model: str, results: int) -> Reply:
    text = line.says.strip()
    calls = tuple(
        ToolCall(f"c{number}", call.name, call.written) for number, call in enumerate(line.calls, results + 1)
    )
    wanted = max(line.tokens, _tokens(f"{text}{words_of(calls)}"))
    most = request.max_output_tokens
    is_cut = wanted > most and line.tokens == 0
    read = "\n".join(f"{each.text}{words_of(each.calls)}" for each in request.messages)
    offered = msgspec.json.encode(request.tools).decode() if request.tools else ""
    return Reply(
        text=text[: most * BYTES_A_TOKEN] if is_cut else text,
        finish="length" if is_cut else "tools" if calls else "stop",
        usage=Usage(input_tokens=_tokens(read + offered), output_tokens=min(wanted, most)),
        model=model,
        calls=() if is_cut else calls,
    )


def _tokens(text: str) -> int:
    return len(text.encode()) // BYTES_A_TOKEN
