"""Events, tasks and plans with a word of its own in every place where a text can stand."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

import msgspec
from msgspec import inspect

from events.blobs import Known, Pack
from events.types.base import TextRef
from swarm.plan import Plan
from swarm.task import Task

MARK = "canary"


class Filler:
    """Makes structs whose every string is a word that nobody else writes: canary1, canary2 .."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self.pack = Pack(Known())
        self.words: list[str] = []

    def word(self) -> str:
        self.words.append(f"{MARK}{next(self._numbers)}zq")
        return self.words[-1]

    def struct(self, kind: type[Any]) -> Any:
        """One of the kind, in which every field is set."""
        found = inspect.type_info(kind)
        assert isinstance(found, inspect.StructType)
        return kind(**{field.name: self.value(field.type, field.name) for field in found.fields})

    def value(self, found: inspect.Type, field: str) -> Any:
        match found:
            case inspect.StructType(cls=cls):
                return self._ref(field) if cls is TextRef else self.struct(cls)
            case inspect.UnionType(types=types):
                return self.value(next(each for each in types if not isinstance(each, inspect.NoneType)), field)
            case inspect.VarTupleType(item_type=item):
                return (self.value(item, field),)
            case inspect.ListType(item_type=item):
                return [self.value(item, field)]
            case inspect.TupleType(item_types=items):
                return tuple(self.value(each, field) for each in items)
            case inspect.DictType(key_type=key, value_type=value):
                return {self.value(key, field): self.value(value, field)}
            case inspect.LiteralType(values=values):
                return values[0]
            case _:
                return self._plain(found)

    def _plain(self, found: inspect.Type) -> Any:
        plain: dict[type[Any], Callable[[], Any]] = {
            inspect.BoolType: lambda: True,
            inspect.IntType: lambda: 1,
            inspect.FloatType: lambda: 0.5,
            inspect.StrType: self.word,
            inspect.AnyType: lambda: {self.word(): [self.word(), 4711]},
        }
        return plain[type(found)]()

    def _ref(self, field: str) -> TextRef:
        match field:
            case "settings" | "spec":
                text = msgspec.json.encode(self.struct(Plan if field == "settings" else Task)).decode()
            case "items" | "calls" | "tools":
                text = msgspec.json.encode([{"name": self.word(), self.word(): self.word()}, self.word()]).decode()
            case "arguments" | "answer_schema":
                text = msgspec.json.encode({self.word(): self.word()}).decode()
            case _:
                text = f"{self.word()} says {self.word()}\n" * 80
        return self.pack.put(text)
