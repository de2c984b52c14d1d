"""Scripts in files: what scripted models say to which request, so that a whole session can be played without a provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from swarm.errors import Failure, ProviderError, UsageError
from swarm.messages import Reply, Request, Usage
from swarm.models.scripted import Line

Role = Literal["explorer", "worker", "validator"]

BYTES_A_TOKEN = 4  # what English text has in common vocabularies; a script counts by it


class ScriptLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An answer, and the requests that it answers: an empty field asks for nothing."""

    says: str
    role: Role | None = None
    models: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()  # texts that all stand in the request
    tokens: int = 0  # of output, where the model counts more than it says: its reasoning


class _Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    line: tuple[ScriptLine, ...]


class ScriptUnusable(UsageError):
    """The file with the script cannot be read."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"the script of the scripted models, {path}, cannot be read ({why}); `swarm demo` writes it anew"
        )


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
        for line in lines:
            is_meant = line.role in (None, role) and (not line.models or model in line.models)
            if is_meant and all(held in texts for held in line.holds):
                return _reply(line, request, model, texts)
        return ProviderError(
            f"{model}: the script has no answer for this {role}; add a line to it",
            failure=Failure.STOP,
            sent=False,
            charged=False,
        )

    return say


def role_asked(schema: Mapping[str, Any] | None) -> Role:
    """Who is asked, as the schema of the answer shows: steps are a plan's, a verdict is a judge's."""
    known = (schema or {}).get("properties", {})
    return "validator" if "verdict" in known else "explorer" if "steps" in known else "worker"


def _reply(line: ScriptLine, request: Request, model: str, texts: str) -> Reply:
    text = line.says.strip()
    wanted = max(line.tokens, _tokens(text))
    most = request.max_output_tokens
    is_cut = wanted > most and line.tokens == 0
    return Reply(
        text=text[: most * BYTES_A_TOKEN] if is_cut else text,
        finish="length" if is_cut else "stop",
        usage=Usage(input_tokens=_tokens(texts), output_tokens=min(wanted, most)),
        model=model,
    )


def _tokens(text: str) -> int:
    return len(text.encode()) // BYTES_A_TOKEN
