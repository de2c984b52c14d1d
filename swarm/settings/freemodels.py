"""OpenRouter's free models: which of its list are free, which few of them take part, and the list as it is kept with its date.

Free is what costs nothing by the list and is named `:free`: such a model is never billed, while one that is free of charge
under another name may have a price tomorrow, when this list is a day old.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import msgspec

from swarm.settings.sizes import JUDGES_FROM, size_in

PROVIDER = "openrouter"
MOST_FREE = 4
"""So many of the free models take part, each of another publisher."""

RESERVED = frozenset({f"{PROVIDER}/free"})
"""The name of the router to whatever is free, which is no model of the list."""

LEAST_CONTEXT = 32_000
FRESH_S, RETRY_S = 86_400, 3_600
"""A list is fetched again after a day; where it could not be fetched, after an hour."""

_MOST_TOKENS = 100_000_000  # more than a setting takes for a window is no window
_NO_MOMENT = 1 << 33  # in the year 2242
_SUFFIX = ":free"
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}/[a-z0-9._-]{1,50}:free")
"""One that begins with ~ is another name of a model, or of whichever is the latest."""

_NO_WORKER = re.compile(
    r"(^|[^a-z])(base|guard|guardian|safeguard|moderation|embed(ding)?|rerank(er)?|ocr|translate)([^a-z]|$)"
)
"""Words in a model's name by which it is no model that carries out instructions."""


class _Architecture(msgspec.Struct):
    input_modalities: list[str] = []
    output_modalities: list[str] = []


class _Provider(msgspec.Struct):
    context_length: int | None = None
    max_completion_tokens: int | None = None


class _Row(msgspec.Struct):
    id: str
    pricing: dict[str, Any]
    architecture: _Architecture = msgspec.field(default_factory=_Architecture)
    created: int = 0  # when it came to OpenRouter, in seconds since 1970
    context_length: int | None = None
    top_provider: _Provider = msgspec.field(default_factory=_Provider)
    supported_parameters: list[str] = []
    expiration_date: str | None = None  # the day on which it goes


class _Rows(msgspec.Struct):
    data: list[msgspec.Raw]


class FreeModel(msgspec.Struct, frozen=True, kw_only=True):
    """A free model that carries out instructions."""

    id: str  # as OpenRouter names it
    created: int
    context_tokens: int
    max_output_tokens: int | None = None
    thinks: bool = False  # before it answers, where it is not told how much

    @property
    def publisher(self) -> str:
        return self.id.partition("/")[0]


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of the list. Times are seconds since 1970."""

    tried_at: int  # when the list was last asked for
    fetched_at: int = 0  # when it last came; 0 = never
    models: tuple[FreeModel, ...] = ()  # all that are free, the newest first

    @property
    def day(self) -> date:
        return datetime.fromtimestamp(self.fetched_at, UTC).date()

    def is_due(self, now: float) -> bool:
        """Whether the list is to be fetched: a day after it came, and an hour after it was asked for in vain."""
        if now < self.tried_at:  # the clock was set back
            return True
        return now - self.tried_at >= (FRESH_S if self.tried_at == self.fetched_at else RETRY_S)


def free_models(listing: bytes) -> list[FreeModel]:
    """The free models of OpenRouter's list that carry out instructions, the newest first. A row that cannot be read is none.

    Raises msgspec.DecodeError and its kin where this is no list of models.
    """
    rows = [row for raw in msgspec.json.decode(listing, type=_Rows).data if (row := _row(raw)) is not None]
    found = [model for row in rows if _is_free(row) and _works(row) and _is_sound(model := _free_model(row))]
    return sorted(found, key=lambda model: (-model.created, model.id))


def _row(raw: msgspec.Raw) -> _Row | None:
    try:
        return msgspec.json.decode(raw, type=_Row)
    except msgspec.DecodeError:
        return None


def _is_free(row: _Row) -> bool:
    amounts = [_amount(each) for each in row.pricing.values()]
    return row.id.endswith(_SUFFIX) and {"prompt", "completion"} <= row.pricing.keys() and not any(amounts)


def _amount(written: object) -> Decimal:
    """What a price is; one that is no number is not 0."""
    try:
        return Decimal(str(written))
    except InvalidOperation:
        return Decimal(1)


def _works(row: _Row) -> bool:
    """Whether it answers texts with texts, within a limit, at a useful length, and nobody has announced its end."""
    return (
        "text" in row.architecture.input_modalities
        and row.architecture.output_modalities == ["text"]
        and "max_tokens" in row.supported_parameters
        and not row.expiration_date
        and not _NO_WORKER.search(row.id.lower())
        and _window(row) >= LEAST_CONTEXT
    )


def _window(row: _Row) -> int:
    windows = [each for each in (row.context_length, row.top_provider.context_length) if each]
    return min(windows, default=0)


def _free_model(row: _Row) -> FreeModel:
    return FreeModel(
        id=row.id,
        created=row.created,
        context_tokens=_window(row),
        max_output_tokens=row.top_provider.max_completion_tokens or None,
        thinks="reasoning" in row.supported_parameters,
    )


def taking_part(models: Iterable[FreeModel]) -> list[FreeModel]:
    """The few that take part: the newest, and of each publisher one, so that a judge is of another family than the worker."""
    by_publisher: dict[str, FreeModel] = {}
    for model in sorted(models, key=lambda model: (-model.created, model.id)):
        by_publisher.setdefault(model.publisher, model)
    return list(by_publisher.values())[:MOST_FREE]


def settings_of(models: Sequence[FreeModel], names: Mapping[str, str]) -> Iterator[tuple[tuple[str, ...], object]]:
    """Yield the values of those that take part as settings would have them; `names` has the names that ids have already."""
    used: set[str] = set()
    for model in taking_part(models):
        bare = model.id.removesuffix(_SUFFIX)
        name = names.get(model.id) or f"{PROVIDER}/{bare.rpartition('/')[2]}"
        if name in used or name in RESERVED:
            name = f"{PROVIDER}/{bare}"
        used.add(name)
        values: dict[str, object] = {
            "provider": PROVIDER,
            "model": model.id,
            "tier": "free",
            "price": "free",
            "context_tokens": model.context_tokens,
        }
        if model.max_output_tokens:
            values["max_output_tokens"] = model.max_output_tokens
        if model.thinks:
            values["reasoning_effort"] = "low"  # what it thinks counts against the length of its answer
        if (size_in(bare) or JUDGES_FROM) < JUDGES_FROM:
            values["judge"] = False
        for key, value in values.items():
            yield ("models", name, key), value


def read_kept(path: Path) -> Kept | None:
    """What is kept there; None where nothing is, or nothing that can be read. What cannot be a model is left out."""
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=Kept)
        if not all(0 <= moment < _NO_MOMENT for moment in (kept.tried_at, kept.fetched_at)):
            return None
        return msgspec.structs.replace(kept, models=tuple(model for model in kept.models if _is_sound(model)))
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def _is_sound(model: FreeModel) -> bool:
    limits = (model.context_tokens, model.max_output_tokens or 1)
    return _ID.fullmatch(model.id) is not None and all(0 < limit <= _MOST_TOKENS for limit in limits)
