"""OpenRouter's free models: which of its list take part, and how the list is kept."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.errors import UsageError
from swarm.freelist import ListUnreached, kept_fresh, refresh, serving
from swarm.messages import FREE
from swarm.roster import roster_with
from swarm.settings.freemodels import (
    FRESH_S,
    MOST_FREE,
    RETRY_S,
    FreeModel,
    Kept,
    free_models,
    read_kept,
    taking_part,
)
from swarm.settings.load import ModelConfig, Settings, free_list_path, load_settings
from swarm.settings.providers import PRESETS, shipped_free
from tests.openrouter import listing, row
from tests.provider import Answer, Provider

DAY = 1_795_000_000.0
"""A moment in November 2026."""


def ids(*rows: dict[str, Any]) -> list[str]:
    return [model.id for model in free_models(listing(*rows))]


@pytest.mark.parametrize(
    "more",
    [
        {"pricing": {"prompt": "0", "completion": "0.000001"}},
        {"pricing": {"prompt": "0", "completion": "0", "request": "0.01"}},
        {"pricing": {"prompt": "-1", "completion": "-1"}},
        {"pricing": {"prompt": "", "completion": "0"}},
        {"pricing": {"prompt": "0"}},
        {"pricing": {"prompt": "0", "completion": "0", "more": {"of": "it"}}},
        {"architecture": {"input_modalities": ["text"], "output_modalities": ["text", "image"]}},
        {"architecture": {"input_modalities": ["image"], "output_modalities": ["text"]}},
        {"supported_parameters": ["temperature"]},
        {"expiration_date": "2026-12-01"},
        {"context": 8_192},
        {"context": None},
        {"top_provider": {"context_length": 16_000}},
        {"context": 10**15},
    ],
)
def test_what_costs_something_or_cannot_carry_out_a_task_is_none_of_the_free_models(more: dict[str, Any]) -> None:
    assert ids(row("ada/plain-8b:free")) == ["ada/plain-8b:free"]
    assert ids(row("ada/plain-8b:free", **more)) == []


@pytest.mark.parametrize(
    "id",
    [
        "ada/plain-8b",
        "ada/plain-8b-base:free",
        "ada/llama-guard-4-12b:free",
        "ada/text-embedding-3:free",
        "~ada/latest:free",
        "ada/with space:free",
        "ada/" + "x" * 80 + ":free",
    ],
)
def test_a_name_says_of_some_that_they_are_no_workers_and_without_free_in_it_nothing_is_free_for_long(id: str) -> None:
    assert ids(row(id)) == []


def test_the_few_that_take_part_are_the_newest_and_of_each_publisher_one() -> None:
    rows = [row(f"publisher{number % 6}/model-{number}:free", created=number) for number in range(12)]
    models = free_models(listing(*rows))
    assert [model.created for model in models] == list(range(11, -1, -1))
    few = taking_part(models)
    assert [model.created for model in few] == [11, 10, 9, 8] and len(few) == MOST_FREE


def test_a_row_that_cannot_be_read_costs_no_other_row() -> None:
    assert free_models(b'{"data": [7, {"id": "x"}, %b]}' % json.dumps(row("ada/m:free")).encode())


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8), lambda inner: st.lists(inner)))
def test_whatever_stands_in_a_row_it_is_a_model_or_left_out(value: Any) -> None:
    for key in row("ada/m:free"):
        found = free_models(listing({**row("ada/m:free"), key: value}))
        assert all(model.context_tokens >= 32_000 for model in found)


class Home:
    """A home folder whose provider openrouter is a server on loopback."""

    def __init__(self, root: Path, url: str = "http://127.0.0.1:9/v1") -> None:
        self.environ = {"HOME": str(root), "OPENROUTER_API_KEY": "key-of-the-test-0123"}
        self.file = root / ".config" / "swarm" / "config.toml"
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.write("", url)
        self.path = free_list_path(self.environ)

    def write(self, more: str, url: str = "http://127.0.0.1:9/v1") -> None:
        self.file.write_text(f'discover = false\nproviders.openrouter.base_url = "{url}"\n{more}')

    @property
    def settings(self) -> Settings:
        return load_settings(self.file.parent, environ=self.environ).settings

    def models(self) -> dict[str, ModelConfig]:
        found = self.settings.models
        return {name: model for name, model in found.items() if model.provider == "openrouter"}

    def keep(self, *models: FreeModel, at: float = DAY) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        kept = {"tried_at": int(at), "fetched_at": int(at), "models": [each_of(model) for model in models]}
        self.path.write_text(json.dumps(kept))


def each_of(model: FreeModel) -> dict[str, Any]:
    return {name: getattr(model, name) for name in model.__struct_fields__}


@asynccontextmanager
async def served(root: Path, answer: Answer) -> AsyncGenerator[tuple[Home, Provider]]:
    async with Provider(listing=answer) as server:
        yield Home(root, server.url), server


SOME = (
    row("google/gemma-4-31b-it:free", created=30, context=262_144),
    row("ada/thinker-70b:free", created=20, supported_parameters=["max_tokens", "reasoning"]),
    row("bob/tiny-3b:free", created=10, top_provider={"context_length": 65_536, "max_completion_tokens": 8_192}),
    row("cyd/tiny-3b:free", created=5),
)


async def test_a_fetched_list_is_kept_with_its_day_and_says_which_free_models_there_are(tmp_path: Path) -> None:
    async with served(tmp_path, Answer(body=listing(*SOME))) as (home, server):
        assert "openrouter/gemma-4-26b" in home.models(), "before, those that ship"
        kept = await refresh(home.settings, home.environ, now=lambda: DAY)
        (asked,) = server.requests
        assert "authorization" not in asked.headers, "the list needs no key"
    assert (kept.day.isoformat(), len(kept.models)) == ("2026-11-18", 4)
    assert home.path.stat().st_mode & 0o777 == 0o600
    models = home.models()
    assert sorted(models) == [
        "openrouter/cyd/tiny-3b",
        "openrouter/free",
        "openrouter/gemma-4-31b",
        "openrouter/thinker-70b",
        "openrouter/tiny-3b",
    ]
    assert not models.pop("openrouter/free").judge, "the router stays as it ships"
    assert all((model.tier, model.price) == ("free", FREE) for model in models.values())
    gemma, thinker, tiny = (models[f"openrouter/{name}"] for name in ("gemma-4-31b", "thinker-70b", "tiny-3b"))
    assert (gemma.model, gemma.context_tokens, gemma.judge) == ("google/gemma-4-31b-it:free", 262_144, True)
    assert (thinker.reasoning_effort, thinker.judge) == ("low", True)
    assert (tiny.context_tokens, tiny.max_output_tokens, tiny.judge) == (65_536, 8_192, False)
    origin = load_settings(tmp_path, environ=home.environ).origins["models", "openrouter/thinker-70b", "model"]
    assert (origin.kind, origin.place) == ("kept list", str(home.path))


async def test_where_the_list_cannot_be_had_what_was_kept_serves_and_the_sentence_says_its_age(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with pytest.raises(ListUnreached, match="the free models that ship with swarm serve, which are of 2026-11-09"):
        await refresh(home.settings, home.environ, now=lambda: DAY)
    kept = read_kept(home.path)
    assert kept is not None and not kept.models
    assert sorted(home.models()) == sorted([*shipped_free().values(), "openrouter/free"])
    home.keep(FreeModel(id="ada/kept:free", created=1, context_tokens=64_000))
    with pytest.raises(ListUnreached) as raised:
        await refresh(home.settings, home.environ, now=lambda: DAY + 3 * FRESH_S)
    assert str(raised.value).startswith("openrouter: 127.0.0.1:9 cannot be reached")
    assert str(raised.value).endswith("those of the list that is kept serve, which is of 2026-11-18, 3 days ago")
    assert raised.value.exit_code == 4
    assert "openrouter/kept" in home.models()


@pytest.mark.parametrize("body", [b"<html>Sign in</html>", b'{"error": "no"}', b"[]"])
async def test_an_answer_that_is_no_list_leaves_what_was_kept(body: bytes, tmp_path: Path) -> None:
    async with served(tmp_path, Answer(body=body)) as (home, server):
        home.keep(FreeModel(id="ada/kept:free", created=1, context_tokens=64_000))
        home.write("", server.url)
        with pytest.raises(ListUnreached):
            await refresh(home.settings, home.environ, now=lambda: DAY)
    assert "openrouter/kept" in home.models()


async def test_where_it_cannot_be_written_the_error_names_the_file(tmp_path: Path) -> None:
    async with served(tmp_path, Answer(body=listing(*SOME))) as (home, _):
        home.path.mkdir(parents=True)
        with pytest.raises(UsageError, match=r"openrouter-free\.json cannot be written"):
            await refresh(home.settings, home.environ, now=lambda: DAY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "[]",
        '{"tried_at": "x"}',
        '{"tried_at": 1, "models": [{"id": 3}]}',
        '{"tried_at": 1, "fetched_at": 99999999999999999, "models": []}',
        '{"tried_at": -1}',
    ],
)
def test_a_kept_list_that_cannot_be_read_is_none(text: str, tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.path.parent.mkdir(parents=True)
    home.path.write_text(text)
    assert read_kept(home.path) is None
    assert "openrouter/gemma-4-31b" in home.models()


def test_where_a_list_may_not_be_looked_at_the_models_that_ship_take_part(tmp_path: Path) -> None:
    home = Home(tmp_path)
    environ = {**home.environ, "XDG_DATA_HOME": f"/{'x' * 300}"}
    models = load_settings(tmp_path, environ=environ).settings.models
    assert set(shipped_free().values()) <= set(models)


def test_what_no_list_would_hold_is_left_out_of_a_kept_one(tmp_path: Path) -> None:
    home = Home(tmp_path)
    sound = FreeModel(id="ada/m:free", created=1, context_tokens=64_000)
    home.keep(
        sound,
        FreeModel(id="a@b c", created=2, context_tokens=64_000),
        msgspec.structs.replace(sound, context_tokens=-1),
    )
    assert sorted(home.models()) == ["openrouter/free", "openrouter/m"]


def test_settings_say_more_of_a_model_of_the_list_and_nothing_breaks_when_the_list_drops_it(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.write('[models."openrouter/m"]\njudge = false\n')
    home.keep(FreeModel(id="ada/m:free", created=1, context_tokens=64_000))
    assert home.models()["openrouter/m"].judge is False
    home.keep(FreeModel(id="ada/other:free", created=1, context_tokens=64_000))
    assert sorted(home.models()) == ["openrouter/free", "openrouter/other"]
    home.path.unlink()
    with pytest.raises(UsageError, match="model 'openrouter/m' has no provider and no model"):
        home.models()


def test_a_list_is_due_a_day_after_it_came_and_an_hour_after_it_was_asked_for_in_vain() -> None:
    came = Kept(tried_at=1_000, fetched_at=1_000)
    failed = Kept(tried_at=9_000, fetched_at=1_000)
    assert [came.is_due(now) for now in (1_000, 1_000 + FRESH_S - 1, 1_000 + FRESH_S)] == [False, False, True]
    assert [failed.is_due(now) for now in (9_000, 9_000 + RETRY_S - 1, 9_000 + RETRY_S)] == [False, False, True]
    assert came.is_due(500), "a clock that was set back must not keep a list for ever"
    assert serving(None, 0).startswith("the free models that ship")


async def test_a_run_fetches_the_list_beside_its_work_once_a_day_and_only_where_openrouter_takes_part(
    tmp_path: Path,
) -> None:
    async with served(tmp_path, Answer(body=listing(*SOME))) as (home, server):

        async def work(environ: dict[str, str], now: float, *, until_kept: bool = False) -> int:
            roster = roster_with((), home.settings, environ)
            async with kept_fresh(roster, home.settings, home.environ, tell=pytest.fail, now=lambda: now):
                with anyio.fail_after(20):
                    while until_kept and not home.path.exists():
                        await anyio.lowlevel.checkpoint()
            return len(server.requests)

        assert await work({"HOME": str(tmp_path), "GROQ_API_KEY": "k"}, DAY) == 0
        assert await work(home.environ, DAY, until_kept=True) == 1
        assert await work(home.environ, DAY + FRESH_S - 1) == 1


async def test_a_run_that_ends_before_the_list_came_leaves_it(tmp_path: Path) -> None:
    forever = anyio.Event()
    async with served(tmp_path, Answer(before_head=forever.wait)) as (home, server):
        roster = roster_with((), home.settings, home.environ)
        async with kept_fresh(roster, home.settings, home.environ, tell=lambda _: None, now=lambda: DAY):
            await server.asked.wait()
    assert not home.path.exists()


def test_the_models_that_ship_are_free_by_the_same_names() -> None:
    ids = [model["model"] for model in PRESETS["openrouter"]["models"].values()]
    assert set(shipped_free()) == {id for id in ids if id != "openrouter/free"}
