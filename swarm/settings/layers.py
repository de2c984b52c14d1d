"""The layers that settings come from: files, mappings and variables, joined key by key with the origin of each value."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, cast

import msgspec

from swarm.errors import UsageError, amount
from swarm.settings.complexity import is_name
from swarm.settings.keys import KEYS, Key, Source, pattern_of
from swarm.settings.mcpserver import wrong_name
from swarm.settings.providers import PRESETS, PRICES_OF
from swarm.settings.tomlfile import KeyPath, TomlFile, dotted, read_toml
from swarm.settings.toolrules import Rule, laxer
from swarm.task import NAME_RULE, is_id
from swarm.units import kind_of, shortened

OriginKind = Literal[
    "default", "preset", "kept list", "price table", "user file", "project file", "task file", "environment", "flag"
]
MOST_OF_A_NAME = 100
_FROM_A_REPOSITORY = ("project file", "task file")
_TIERS = ("tiers",)
_APPROVE = ("tools", "approve")
_CONFIRM_ABOVE = ("confirm_above_usd",)


class Origin(msgspec.Struct, frozen=True):
    """Where a setting came from: `place` is a file and line, a variable or a flag; `value` stands as it was written."""

    kind: OriginKind
    place: str
    value: Any


class Layers:
    """Values by key, each with its origin; a later layer covers an earlier one. Problems are collected, not raised."""

    def __init__(self, *, start: Path, home: Path, user_file: Path) -> None:
        self.start, self.home, self.user_file = start, home, user_file
        self.values: dict[KeyPath, Any] = {}
        self.origins: dict[KeyPath, Origin] = {}
        self.problems: list[str] = []
        self.rules: dict[OriginKind, tuple[Rule, ...]] = {}  # for tools, of all layers: none covers those of another
        self.refused: set[KeyPath] = set()  # keys with a problem, which need no second one for being missing

    def add_file(self, kind: OriginKind, file: TomlFile, *, below: KeyPath = ()) -> None:
        """Add a file, or the table `below` of it. A relative path in it is meant from its folder."""
        content: Any = file.data
        for part in below:
            content = content[part]
        if not isinstance(content, Mapping):
            self.problems.append(f"{file.path}:{file.line_of(below)}: the settings are a table, not {kind_of(content)}")
            return
        table = cast("Mapping[str, Any]", content)
        self.add_table(kind, table, place=lambda key: f"{file.path}:{file.line_of(below + key)}", base=file.path.parent)

    def add_table(
        self, kind: OriginKind, table: Mapping[str, Any], *, place: Callable[[KeyPath], str], base: Path | None = None
    ) -> None:
        """Add a nested mapping; `place` says where a key of it stands."""
        for key, value in _leaves(table):
            self.add(kind, key, value, place=place(key), base=base)

    def add(self, kind: OriginKind, key: KeyPath, value: Any, *, place: str, base: Path | None = None) -> None:
        """Add one value, or the problem that it has."""
        source = Source(base or self.start, self.home, f"preset@{PRICES_OF}" if kind == "preset" else "settings")
        try:
            known = KEYS.get(pattern_of(key)) or _unknown(key, value)
            _check_name(key)
            parsed = known.parse(value, source)
            if kind in _FROM_A_REPOSITORY:
                self._refuse_what_is_the_users(key, known, parsed, kind)
            self.values[key] = parsed
        except ValueError as error:
            self.refused.add(key)
            self.problems.append(f"{place}: {_shown(key)}: {error}")
        else:
            self.origins[key] = Origin(kind, place, value)
            if key == _APPROVE:
                self.rules[kind] = tuple(msgspec.structs.replace(rule, place=place) for rule in parsed)

    def tables(self, name: str) -> dict[str, dict[str, Any]]:
        """Return the values below a table of tables, such as models: {name: {key: value}}."""
        found: dict[str, dict[str, Any]] = {}
        for key, value in self.values.items():
            if key[0] == name:
                found.setdefault(key[1], {})[key[2]] = value
        return found

    def place_of(self, *table: str) -> str:
        """Return where the first value of a table stands, for a problem of the table as a whole."""
        return next(origin.place for key, origin in self.origins.items() if key[: len(table)] == table)

    def _refuse_what_is_the_users(self, key: KeyPath, known: Key, parsed: Any, kind: OriginKind) -> None:
        if known.only_user:
            raise ValueError(f"a {kind} cannot set this, {known.only_user}; put it in {self.user_file}")
        allowed = self.values.get(key)
        if key == _CONFIRM_ABOVE and allowed is not None and parsed > allowed:
            raise ValueError(
                f"a {kind} can have you asked above less than {amount(allowed, 'nanos')} but not above {amount(parsed, 'nanos')}; "
                f"raise it in {self.user_file}"
            )
        if key == _TIERS and allowed is not None and (more := [tier for tier in parsed if tier not in allowed]):
            raise ValueError(
                f"a {kind} can leave out tiers of {', '.join(allowed)} but not add {', '.join(more)}; add it in {self.user_file}"
            )
        if key[0] == "tools" and allowed is not None and (why := laxer(key[1], parsed, allowed)):
            raise ValueError(f"a {kind} {why}; put it in {self.user_file}")
        if key[0] == "budget" and allowed is not None and parsed > allowed:
            scope, _, unit = key[1].partition("_")
            before, after = (amount(each, "nanos" if unit == "usd" else unit) for each in (allowed, parsed))
            raise ValueError(
                f"a {kind} can lower the {scope}'s cap of {before} but not raise it to {after}; raise it in {self.user_file}"
            )


def project_file(start: Path, *, home: Path) -> tuple[TomlFile, KeyPath] | None:
    """Return the nearest project file from `start` upwards, and the table of it that is ours."""
    for folder in up_to_root(start.resolve(), home.resolve()):
        if (own := folder / "swarm.toml").is_file():
            return read_toml(own), ()
        if (shared := folder / "pyproject.toml").is_file():
            file = _pyproject(shared)
            if file:
                return file, ("tool", "swarm")
    return None


def variables() -> dict[KeyPath, str]:
    """Return the environment variable of each key that has one."""
    own = {key: "SWARM_" + "_".join(key).upper() for key in KEYS if "*" not in key}
    return own | {
        ("providers", name, "base_url"): p["base_url_env"] for name, p in PRESETS.items() if "base_url_env" in p
    }


def misspelt(environ: Mapping[str, str]) -> Iterator[str]:
    """Name variables that nearly are ours: a budget that is misspelt would not hold, and nobody would see it."""
    known = [name for name in variables().values() if name.startswith("SWARM_")]
    for name in sorted(environ):
        if (
            name.startswith("SWARM_")
            and name not in known
            and (near := get_close_matches(name, known, n=1, cutoff=0.85))
        ):
            yield f"{name}: this variable is not known; did you mean {near[0]}?"


def _pyproject(path: Path) -> TomlFile | None:
    """Read a pyproject file that has something for us; most have nothing and are neither parsed nor complained about."""
    try:
        if b"swarm" not in path.read_bytes():
            return None
    except OSError as error:
        raise UsageError(f"{path} cannot be read ({error.strerror}); correct its permissions") from error
    file = read_toml(path)
    tool = file.data.get("tool")
    return file if isinstance(tool, Mapping) and "swarm" in tool else None


def up_to_root(start: Path, home: Path) -> list[Path]:
    """Return the folders from `start` to the repository's root, else to the home folder, else `start` alone."""
    folders = [start, *start.parents]
    for depth, folder in enumerate(folders, start=1):
        if (folder / ".git").exists() or folder == home:
            return folders[:depth]
    return folders[:1]


def _leaves(table: Mapping[str, Any], above: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Yield the values of a nested table; a table is yielded itself only where no key of ours can stand in it."""
    for name, value in table.items():
        key = (*above, str(name))
        if isinstance(value, Mapping) and _has_keys_below(key):
            yield from _leaves(cast("Mapping[str, Any]", value), key)
        else:
            yield key, value


def _has_keys_below(key: KeyPath) -> bool:
    pattern = pattern_of(key)
    return any(len(known) > len(pattern) and known[: len(pattern)] == pattern for known in KEYS)


def _unknown(key: KeyPath, value: Any) -> Key:
    """Raise ValueError for a key that is not known, with the nearest one that is."""
    if _has_keys_below(key):
        raise ValueError(
            f"this is a table of settings, not {kind_of(value)}; write [{_shown(key)}] and its keys below it"
        )
    if key[0] == "providers" and key[-1] in ("key", "api_key", "token", "secret"):
        raise ValueError("a key is never written into a file; export it and name its variable with key_env")
    above = pattern_of(key)[:-1]
    here = sorted({known[len(above)] for known in KEYS if len(known) > len(above) and known[: len(above)] == above})
    near = get_close_matches(key[-1], here, n=1)
    raise ValueError("unknown key; " + (f"did you mean '{near[0]}'?" if near else f"known here: {', '.join(here)}"))


def _shown(key: KeyPath) -> str:
    """The key as TOML has it, cut where a part of it is longer than a name may be."""
    return dotted(tuple(part if len(part) <= MOST_OF_A_NAME else part[:MOST_OF_A_NAME] + "\u2026" for part in key))


def _check_name(key: KeyPath) -> None:
    if len(key) == 3 and key[0] in ("agents", "schedules") and not is_id(key[1]):
        kind = "a schedule" if key[0] == "schedules" else "an agent"
        raise ValueError(f"{shortened(key[1])} cannot be the name of {kind}: {NAME_RULE}")
    if len(key) == 3 and key[0] == "mcpServers" and (wrong := wrong_name(key[1])):
        raise ValueError(wrong)
    if key[:2] == ("complexity", "rules") and len(key) == 4 and not is_name(key[2]):
        raise ValueError(f"{shortened(key[2])} cannot be the name of a rule: 1 to 40 of a-z, 0-9, - and _")
    if len(key) == 3 and key[0] in ("models", "providers"):
        name = key[1]
        if not name or len(name) > MOST_OF_A_NAME or "@" in name or not name.isprintable() or " " in name:
            raise ValueError(
                f"{shortened(name)} cannot be a name: 1 to {MOST_OF_A_NAME} characters without spaces and without @"
            )
