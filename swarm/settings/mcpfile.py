"""A file with `mcpServers`, as many programs have it (`.mcp.json`): read with the line of each key, and leniently in what is not ours."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

import msgspec

from swarm.settings.mcpserver import FORMS, McpOrigin, McpServer, server_of, wrong_name
from swarm.settings.tomlfile import MOST_BYTES, KeyPath
from swarm.units import kind_of, shortened

SERVERS = "mcpServers"
MOST_SERVERS = 100

_SAME: Mapping[str, str] = {
    "transport": "type",
    "httpUrl": "url",
    "serverUrl": "url",
    "includeTools": "allow",
    "enabledTools": "allow",
    "enabled_tools": "allow",
    "excludeTools": "deny",
    "disabledTools": "deny",
    "disabled_tools": "deny",
    "startup_timeout_sec": "start_s",
    "tool_timeout_sec": "call_s",
    "trustHints": "trust_hints",
}
"""What other programs call the same."""

_NOT_OURS = frozenset(("autoApprove", "alwaysAllow", "trust", "envFile", "oauth", "auth", "sandbox", "dev", "inputs"))
"""What other programs know and a user would expect to hold here, too: it is told that it does not."""

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,\n]|[^\s{}\[\]:,"]+')
_MILLISECONDS_FROM = 1_000


class McpFile(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says: the servers that can be used, and what is wrong or not taken over, each with its line."""

    path: str
    servers: tuple[McpServer, ...] = ()
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def read_mcp_file(path: Path, *, origin: McpOrigin, of_project: bool) -> McpFile:
    """Read a file. One server that is wrong does not take the others with it."""
    try:
        text = _text_of(path)
        content = _json(path, text)
        entries = _servers_in(path, content)
    except ValueError as error:
        return McpFile(path=str(path), problems=(str(error),))
    reader = _Reader(path, lines_of(text), origin, of_project)
    servers = [server for name, entry in list(entries.items())[:MOST_SERVERS] if (server := reader.read(name, entry))]
    if len(entries) > MOST_SERVERS:
        reader.problems.append(
            f"{path}: it has {len(entries):,} servers; those behind the first {MOST_SERVERS} are not read"
        )
    return McpFile(
        path=str(path), servers=tuple(servers), problems=tuple(reader.problems), warnings=tuple(reader.warnings)
    )


def _text_of(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ValueError(
            f"{path} cannot be read ({error.strerror}); correct its permissions or move it away"
        ) from error
    if len(raw) > MOST_BYTES:
        raise ValueError(f"{path} has {len(raw):,} bytes; a file of servers has at most {MOST_BYTES:,}")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{path}:{line}: this is not UTF-8; save the file as UTF-8") from error


def _json(path: Path, text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        hint = "; JSON has no comments" if re.search(r"^\s*//", text, re.MULTILINE) else ""
        raise ValueError(f"{path}:{error.lineno}:{error.colno}: this is not JSON: {error.msg}{hint}") from error
    except (RecursionError, ValueError) as error:
        raise ValueError(f"{path}: this is not JSON that can be read ({type(error).__name__})") from error


def _servers_in(path: Path, content: object) -> Mapping[str, object]:
    if not isinstance(content, Mapping):
        raise ValueError(f'{path}: an object with "{SERVERS}" is expected, not {kind_of(content)}')
    table = cast("Mapping[str, object]", content)
    if SERVERS not in table:
        near = next((key for key in table if key.lower().replace("_", "") in ("mcpservers", "servers")), None)
        meant = f'; {near!r} is called "{SERVERS}" here' if near else f'; write {{"{SERVERS}": {{...}}}}'
        raise ValueError(f'{path}: it has no "{SERVERS}"{meant}')
    found = table[SERVERS]
    if not isinstance(found, Mapping):
        raise ValueError(f'{path}: "{SERVERS}" is an object with a server for each name, not {kind_of(found)}')
    return cast("Mapping[str, object]", found)


class _Reader:
    """Reads the servers of one file and gathers what is wrong."""

    def __init__(self, path: Path, lines: Mapping[KeyPath, int], origin: McpOrigin, of_project: bool) -> None:
        self._path, self._lines, self._of_project = path, lines, of_project
        self._origin: McpOrigin = origin
        self.problems: list[str] = []
        self.warnings: list[str] = []

    def read(self, name: str, entry: object) -> McpServer | None:
        place = f"{self._path}:{self._line(name)}"
        try:
            if wrong := wrong_name(name):
                raise ValueError(wrong)
            if not isinstance(entry, Mapping):
                raise ValueError(f"server {name!r} is an object, not {kind_of(entry)}")
            values = self._values(name, cast("Mapping[str, object]", entry))
            if values is None:
                return None
            return server_of(name, values, origin=self._origin, place=place, of_project=self._of_project)
        except ValueError as error:
            self.problems.append(f"{place}: {error}")
            return None

    def _values(self, name: str, entry: Mapping[str, object]) -> dict[str, Any] | None:
        """The values by our own names; None where one of them is wrong."""
        values: dict[str, Any] = {}
        before = len(self.problems)
        for written, value in entry.items():
            try:
                self._take(name, written, value, values)
            except ValueError as error:
                self.problems.append(f"{self._path}:{self._line(name, written)}: {SERVERS}.{name}.{written}: {error}")
        return values if len(self.problems) == before else None

    def _take(self, name: str, written: str, value: object, values: dict[str, Any]) -> None:
        key = _SAME.get(written, written)
        if written == "enabled" and isinstance(value, bool):
            key, value = "disabled", not value
        if written == "timeout" and isinstance(value, int | float):  # some programs mean seconds, others milliseconds
            key, value = "call_s", value / 1000 if value >= _MILLISECONDS_FROM else value
        if key in FORMS:
            if value is not None:
                values[key] = FORMS[key](value, None)
            return
        near = get_close_matches(written, FORMS, n=1, cutoff=0.8)
        if near:
            raise ValueError(f"unknown key; did you mean '{near[0]}'?")
        if written in _NOT_OURS:
            place = f"{self._path}:{self._line(name, written)}"
            self.warnings.append(f"{place}: {SERVERS}.{name}.{written} is another program's, and has no effect here")

    def _line(self, *key: str) -> int:
        return self._lines.get((SERVERS, *key), self._lines.get((SERVERS, *key[:1]), 1))


def lines_of(text: str) -> dict[KeyPath, int]:
    """The line of each key in a text that is JSON; of a key that is written twice the last one, which holds."""
    found: dict[KeyPath, int] = {}
    above: list[str] = []
    line, word, key = 1, "", ""
    for token in _TOKEN.findall(text):
        if token == "\n":
            line += 1
        elif token in "{[":
            above.append(key)
        elif token in "}]":
            above.pop()
        elif token == ":":
            key = word
            found[*above[1:], key] = line
        elif token[0] == '"':
            word = json.loads(token)
    return found


def nearest(name: str, servers: Mapping[str, object]) -> str:
    """What to say behind a name that no server has."""
    near = get_close_matches(name, servers, n=1)
    return f"did you mean {shortened(near[0])}?" if near else "`swarm mcp list` lists those that there are"
