"""What may be read in a log that is shared: numbers, moments, and the words of this program."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect

from events.types.any import KINDS
from events.types.base import TextRef
from swarm.export.fields import what_is
from swarm.export.mask import Mask, Places, masked
from swarm.export.texts import text_told
from swarm.plan import Plan
from swarm.task import Task, is_id
from tests.export.filled import MARK, Filler

KEY = b"k" * 32
TEXTS = st.text(st.characters(codec="utf-8"), min_size=3, max_size=12)


class Nowhere(Places):
    def position(self, position: int) -> int:
        return position

    def up_to(self, position: int) -> int:
        return position

    def text(self, field: str, ref: TextRef) -> TextRef:
        return TextRef("told", ref.place)


@pytest.fixture(scope="module")
def mask() -> Mask:
    return Mask(KEY)


def leaves(struct: type[Any], seen: set[type[Any]]) -> Iterator[tuple[str, str, type]]:
    """Every field of a struct, and of those in it, that holds strings or whole numbers: struct, field, type."""
    found = inspect.type_info(struct)
    assert isinstance(found, inspect.StructType)
    seen.add(struct)
    for field in found.fields:
        open_ = [field.type]
        while open_:
            match open_.pop():
                case inspect.StructType(cls=cls) if cls is not TextRef and cls not in seen:
                    yield from leaves(cls, seen)
                case inspect.UnionType(types=types):
                    open_ += types
                case inspect.VarTupleType(item_type=item):
                    open_.append(item)
                case inspect.StrType() | inspect.LiteralType():
                    yield struct.__name__, field.name, str
                case inspect.IntType():
                    yield struct.__name__, field.name, int
                case inspect.StructType() | inspect.NoneType() | inspect.BoolType() | inspect.FloatType():
                    pass
                case other:
                    raise AssertionError(
                        f"{struct.__name__}.{field.name} is a {other}, of which nobody says what it tells"
                    )


def test_of_every_field_of_every_event_somebody_has_said_what_it_tells() -> None:
    seen: set[type[Any]] = set()
    found = [leaf for kind in KINDS.values() for leaf in leaves(kind, seen)]
    assert len(found) > 300
    missing = [f"{struct}.{field} ({of.__name__})" for struct, field, of in found if what_is(struct, field, of) is None]
    assert not missing, f"say in swarm/export/fields.py what these are: {', '.join(missing)}"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_no_word_of_an_event_is_told_that_is_not_of_this_program(kind: str, mask: Mask) -> None:
    filler = Filler()
    event = filler.struct(KINDS[kind])
    told = msgspec.json.encode(masked(event, mask, Nowhere())).decode()
    assert MARK not in told
    before = re.sub(rf'"zone":"{MARK}\w*"', '"zone":"UTC"', msgspec.json.encode(event).decode())  # all live in one
    assert before.count(MARK) == len(re.findall(r"\bx[a-z2-7]{12}\b", told)), (
        "each word of others has a token of its own"
    )


@pytest.mark.parametrize(("field", "kind"), [("settings", Plan), ("spec", Task)])
def test_a_plan_and_a_task_can_still_be_read_and_say_what_they_counted(field: str, kind: type[Any], mask: Mask) -> None:
    full = Filler().struct(kind)
    told = text_told(field, msgspec.json.encode(full).decode(), mask)
    assert MARK not in told and "4711" not in told
    again = msgspec.json.decode(told, type=kind)
    if isinstance(again, Plan):
        assert (again.day_nanos, again.roster.models[0].tier, again.time_zone) == (1, "cheap", "UTC")
        price = again.roster.models[0].price
        assert price is not None and (price.input_nanos, price.row) == (1, mask.token(full.roster.models[0].price.row))
    else:
        assert again.limits.attempts == 1 and again.id == mask.task(full.id) and is_id(again.id)


@settings(max_examples=25)
@given(task=TEXTS, role=TEXTS, agent=TEXTS, project=TEXTS)
def test_whatever_names_are_in_a_scope_it_says_only_whose_kind_it_is(
    task: str, role: str, agent: str, project: str
) -> None:
    mask = Mask(KEY)
    token = "x[a-z2-7]{12}"
    names = [part.replace("/", "_").replace(":", "_") for part in (task, role, agent)]
    told = mask.scope("/".join(["s412", *names]))
    assert re.fullmatch(rf"s412/{token}(\.[0-9]+)?(/({token}|[0-9]{{1,3}}|[a-z_]+)){{2}}", told), told
    assert re.fullmatch(f"project:{token}", mask.scope(f"project:{project}"))
    assert re.fullmatch(token, mask.topic(f"x{task}")) and re.fullmatch(
        f"cooldown/{token}", mask.topic(f"cooldown/{task}")
    )
    assert re.fullmatch(f"{token}", mask.token(agent)) and re.fullmatch(rf"{token} \(<[0-9]+\)", mask.length(agent))


@settings(max_examples=25)
@given(one=TEXTS, other=TEXTS)
def test_equal_texts_are_equal_under_one_key_and_nothing_is_under_another(one: str, other: str) -> None:
    mask, stranger = Mask(KEY), Mask(b"o" * 32)
    assert (mask.token(one) == mask.token(other)) == (one == other)
    assert mask.token(one) != stranger.token(one)
    assert mask.word(one) == one or mask.word(one) == mask.token(one)


@pytest.mark.parametrize(
    ("scope", "told"),
    [
        ("log", "log"),
        ("day:2026-11-21@Europe/Berlin", "day:2026-11-14@UTC"),
        ("month:2026-11@Europe/Berlin", "month:2026-11@UTC"),
        ("day:2026-11-21@local", "day:2026-11-14@local"),
        ("s4", "s4"),
    ],
)
def test_a_scope_of_a_period_keeps_its_day_as_far_as_times_are_moved_and_tells_no_place(scope: str, told: str) -> None:
    assert Mask(KEY, shift_days=-7).scope(scope) == told


def test_the_words_of_this_program_stay(mask: Mask) -> None:
    assert mask.arm("generalist@gpt-6-luna") == "generalist@gpt-6-luna"
    assert mask.context("worker/code") == "worker/code"
    assert mask.branch("task:3") == "task:3" and mask.version("0.1.0") == "0.1.0"
    assert mask.task("write.12") == f"{mask.token('write')}.12"
    assert [mask.topic(each) for each in ("ledger", "claim/s4", "s4")] == ["ledger", "claim/s4", "s4"]
