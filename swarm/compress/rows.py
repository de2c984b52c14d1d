"""Rows of JSON as tables: the keys once, a row a line. `unpack` gives back what was there, but for spaces between the values.

A document is written without spaces, and where it has a list of objects stands `@1`, `@2`, ...; behind it come the tables:

    {"total":3,"users":@1}
    @1 3: id|name|address.city
    7|Ada|Zürich
    8|"a|b"|
    !{"name":"no id first","id":9}

A cell is the JSON of its value, of a text that can be nothing else the text itself; an empty one stands for a key that is not
there. A row that does not fit is JSON behind `!`. Several documents, one a line, are one list, whose mark is `@@`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

import msgspec

from swarm.compress.jsontext import NoJson, Number, Value, quoted, read, written

LEAST_ROWS = 2
"""Objects from which on a list is a table."""

_MOST_COLUMNS = 200
_FITTING_SHARE = 0.6  # of the elements of a list that have to fit into its table
_LINES = "@@"  # instead of a document: its lines are one each
_BARE_KEY = re.compile(r"[^\W\d][\w \-/$]*(?<! )|\d[\w\-]*")
_TAKEN = re.compile(r'[-\d"\[{!@\s]|(?:true|false|null)\Z')  # how a text does not begin that stands without quotes
_UNFIT = re.compile("[|\\x00-\\x1f\\x7f\u0085\u2028\u2029\ud800-\udfff]")
_MARK = re.compile(r'"(?:[^"\\]|\\.)*"|@(?P<number>\d+)')
_HEAD = re.compile(r"(?P<mark>@\d+|@@) (?P<count>\d+): (?P<columns>.*)")
_NAME = re.compile(r'"(?:[^"\\]|\\.)*"|[^.|"]+|[.|]')

Path = tuple[str, ...]


class Table(msgspec.Struct, frozen=True):
    """A list of objects: its columns by the keys that lead there, and its rows as they are written."""

    columns: tuple[Path, ...]
    rows: tuple[str, ...]

    def head(self, mark: str) -> str:
        """The line above the rows."""
        return f"{mark} {len(self.rows)}: {'|'.join('.'.join(map(_key, path)) for path in self.columns)}"


class Packed(msgspec.Struct, frozen=True):
    """A document without its lists of objects, and these; `one` is empty where each line is a document."""

    one: str
    tables: tuple[Table, ...]

    def text(self) -> str:
        """All of it, as `unpack` reads it."""
        marks = [_LINES] if not self.one else [f"@{number}" for number in range(1, len(self.tables) + 1)]
        written_out = [self.one] if self.one else []
        for mark, table in zip(marks, self.tables, strict=True):
            written_out += [table.head(mark), *table.rows]
        return "\n".join(written_out)


def pack(text: str) -> Packed | None:
    """Return a JSON document, or several, one a line, as tables; None where it is no JSON or an object has a key twice."""
    try:
        value = read(text)
    except NoJson:
        return _packed_lines(text)
    tables: list[Table] = []
    return Packed(_outlined(value, tables), tuple(tables))


def _packed_lines(text: str) -> Packed | None:
    lines = text.rstrip("\n").split("\n")
    try:
        table = _table([read(line) for line in lines]) if len(lines) >= LEAST_ROWS else None
    except NoJson:
        return None
    return Packed("", (table,)) if table else None


def unpack(text: str) -> str:
    """Return the JSON that `Packed.text` was made of, without spaces; several documents one a line.

    Raises ValueError with a sentence where it is no such text.
    """
    lines = text.split("\n")
    at = 0 if lines[0].startswith(_LINES) else 1
    tables: list[list[str]] = []
    while at < len(lines):
        head = _HEAD.fullmatch(lines[at])
        size = int(head["count"]) if head else 0
        if head is None or at + size >= len(lines):
            raise ValueError(f"line {at + 1} of the packed text begins no whole table; it was changed or cut")
        paths = _paths(head["columns"])
        tables.append([_unpacked(row, paths) for row in lines[at + 1 : at + 1 + size]])
        at += 1 + size
    if lines[0].startswith(_LINES):
        return "\n".join(tables[0])

    def put(match: re.Match[str]) -> str:
        if not match["number"]:
            return match.group()
        number = int(match["number"])
        if not 0 < number <= len(tables):
            raise ValueError(f"the packed text has no table @{number}; it was changed or cut")
        return f"[{','.join(tables[number - 1])}]"

    return _MARK.sub(put, lines[0])


def _outlined(value: Value, tables: list[Table]) -> str:
    if isinstance(value, dict):
        return f"{{{','.join(f'{quoted(key)}:{_outlined(each, tables)}' for key, each in value.items())}}}"
    if not isinstance(value, list):
        return written(value)
    table = _table(value)
    if table is None:
        return f"[{','.join(_outlined(each, tables) for each in value)}]"
    tables.append(table)
    return f"@{len(tables)}"


def _table(values: Sequence[Value]) -> Table | None:
    """The table of a list of objects; None where they have too little in common, or it would be longer."""
    objects = [value for value in values if isinstance(value, dict) and value]
    if len(objects) < max(LEAST_ROWS, _FITTING_SHARE * len(values)):
        return None
    columns = tuple(_columns(objects))
    if not 0 < len(columns) <= _MOST_COLUMNS:
        return None
    rows = tuple(_row(value, columns) for value in values)
    table = Table(columns, rows)
    fitting = sum(not row.startswith("!") for row in rows)
    size = len(table.head("@1")) + sum(len(row) + 1 for row in rows)
    return table if fitting >= _FITTING_SHARE * len(rows) and size < len(written(list(values))) else None


def _columns(objects: Sequence[Mapping[str, Value]]) -> Iterator[Path]:
    """The keys in an order in which most objects have them; where all have an object at a key, its keys behind it."""
    for key in _in_order(objects):
        values = [each[key] for each in objects if key in each]
        inner = [value for value in values if isinstance(value, dict) and value]
        if len(inner) == len(values):
            yield from ((key, *path) for path in _columns(inner))
        else:
            yield (key,)


def _in_order(objects: Iterable[Mapping[str, Value]]) -> list[str]:
    """All keys; one that is met later stands behind the one that it follows where it is met."""
    order: list[str] = []
    known: set[str] = set()
    for each in objects:
        if len(known) > _MOST_COLUMNS:
            break
        if not known.issuperset(each):
            for before, key in pairwise([None, *each]):
                if key is not None and key not in known:
                    order.insert(order.index(before) + 1 if before is not None else 0, key)
                    known.add(key)
    return order


def _row(value: Value, columns: Sequence[Path]) -> str:
    if not isinstance(value, dict) or [*_leaves(value, frozenset(columns))] != [
        path for path in columns if _at(value, path) is not None
    ]:
        return f"!{written(value)}"
    cells = [_at(value, path) for path in columns]
    row = "|".join("" if cell is None else _cell(cell[0]) for cell in cells)
    return row if any(cells) else f"!{written(value)}"


def _leaves(value: Mapping[str, Value], columns: frozenset[Path], above: Path = ()) -> Iterator[Path]:
    """The places of an object that are columns, or would have to be, in the order of its keys."""
    for key, each in value.items():
        path = (*above, key)
        if isinstance(each, dict) and each and path not in columns and len(path) < _MOST_COLUMNS:
            yield from _leaves(each, columns, path)
        else:
            yield path


def _at(value: Value, path: Path) -> tuple[Value] | None:
    for key in path:
        if not isinstance(value, dict) or key not in value:
            return None
        value = value[key]
    return (value,)


def _cell(value: Value) -> str:
    if isinstance(value, str) and not isinstance(value, Number):
        return value if _stands_bare(value) else _without_bars(quoted(value))
    return _without_bars(written(value))


def _stands_bare(text: str) -> bool:
    return bool(text) and not _TAKEN.match(text) and not _UNFIT.search(text) and not text[-1].isspace()


def _without_bars(json_text: str) -> str:
    """JSON in which no line ends and no cell: inside of its strings these signs can be spelled otherwise."""
    return _UNFIT.sub(lambda sign: f"\\u{ord(sign.group()):04x}", json_text)


def _key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _without_bars(quoted(key))


def _paths(columns: str) -> list[Path]:
    found: list[list[str]] = [[]]
    for part in _NAME.findall(columns):
        if part == "|":
            found.append([])
        elif part != ".":
            found[-1].append(str(read(part)) if part.startswith('"') else part)
    return [tuple(path) for path in found]


def _unpacked(row: str, paths: Sequence[Path]) -> str:
    if row.startswith("!"):
        return row[1:]
    cells = row.split("|")
    if len(cells) != len(paths):
        raise ValueError(f"a row has {len(cells)} cells under {len(paths)} columns; the packed text was changed or cut")
    found: dict[str, Value] = {}
    for path, cell in zip(paths, cells, strict=True):
        if cell:
            _put(found, path, _value(cell))
    return written(found)


def _put(found: dict[str, Value], path: Path, value: Value) -> None:
    for key in path[:-1]:
        inner = found.setdefault(key, {})
        if not isinstance(inner, dict):
            raise ValueError(f"two columns claim {key!r}; the packed text was changed or cut")
        found = inner
    found[path[-1]] = value


def _value(cell: str) -> Value:
    if not _TAKEN.match(cell):
        return cell
    try:
        return read(cell)
    except NoJson as error:
        raise ValueError(f"the cell {cell[:40]!r} is no JSON; the packed text was changed or cut") from error
