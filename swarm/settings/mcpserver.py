"""A server of tools (MCP) as settings and files describe it: what starts it or where it is, what of it is used."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from shlex import quote
from typing import Any, Literal, cast, get_args
from urllib.parse import urlsplit

import msgspec

from swarm.units import kind_of, parse_seconds, shortened

McpKind = Literal["stdio", "http", "sse"]
McpOrigin = Literal["settings", "project", "user"]
ORIGINS: tuple[McpOrigin, ...] = get_args(McpOrigin)
"""In the order of their precedence: of two servers with one name that of the first holds."""

START_S, CALL_S = 30.0, 60.0
MOST_NAME = 64
_MOST_SECONDS = 3_600
_MOST_ENTRIES = 200
_MOST_TEXT = 16_384

_KINDS: Mapping[str, McpKind] = {
    "stdio": "stdio",
    "http": "http",
    "streamable-http": "http",
    "streamable_http": "http",
    "streamablehttp": "http",
    "sse": "sse",
}
VARIABLE = re.compile(r"\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
"""A variable of the environment in a value: ${NAME}, or ${NAME:-what holds where it is not set}."""


class McpServer(msgspec.Struct, frozen=True, kw_only=True):
    """One server. Its values are as they were written: variables are filled in when it is started."""

    name: str
    kind: McpKind
    command: str = ""
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = {}
    cwd: str = ""  # "" = the folder of the project
    url: str = ""
    headers: Mapping[str, str] = {}
    disabled: bool = False
    allow: tuple[str, ...] = ()  # globs of its tools; empty: all
    deny: tuple[str, ...] = ()  # globs of tools that are left out, whatever `allow` says
    start_s: float = START_S
    call_s: float = CALL_S
    trust_hints: bool = False  # what it says of its own tools is believed where that only saves work
    keep_s: float = 0.0  # so long what its tools say may be given again that by their hints only look; 0: not at all
    origin: McpOrigin = "settings"
    place: str = ""  # file and line
    of_project: bool = False  # it wants a person's confirmation before it is started

    @property
    def digest(self) -> str:
        """SHA-256 of all that decides what is started or spoken to, as it is written: what a person confirms.

        For a project it is of its file, too: the same words in another project may name another program.
        """
        file = self.place.rpartition(":")[0] if self.of_project else ""
        said = (file, self.kind, self.command, self.args, dict(self.env), self.cwd, self.url, dict(self.headers))
        return hashlib.sha256(msgspec.json.encode(said, order="sorted")).hexdigest()

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables of the environment that it is given, by name."""
        written = (self.command, *self.args, *self.env.values(), self.cwd, self.url, *self.headers.values())
        return tuple(sorted({found[1] for text in written for found in VARIABLE.finditer(text)}))

    @property
    def shown(self) -> str:
        """What it is, on one line. May hold secrets that somebody wrote into a file."""
        if self.kind != "stdio":
            return " ".join([self.url, *(f"{name}: {value}" for name, value in self.headers.items())])
        env = [f"{name}={quote(value)}" for name, value in self.env.items()]
        folder = [f"(in {self.cwd})"] if self.cwd else []
        return " ".join([*env, *map(quote, (self.command, *self.args)), *folder])


def _text(value: object, _: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"a text is expected, not {kind_of(value)}")
    if not value.strip() or not value.isprintable() or len(value) > _MOST_TEXT:
        raise ValueError(f"a text on one line of at most {_MOST_TEXT:,} characters is expected, and not an empty one")
    return value.strip()


def _kind(value: object, _: object) -> McpKind:
    found = _KINDS.get(value.lower()) if isinstance(value, str) else None
    if found is None:
        shown = shortened(value) if isinstance(value, str) else kind_of(value)
        raise ValueError(f"one of stdio, http, sse is expected, not {shown}")
    return found


def _args(value: object, _: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError(f'a list of texts is expected, such as ["-y", "some-server"], not {kind_of(value)}')
    for each in (entries := list(cast("list[object]", value))):
        if not isinstance(each, str) or "\0" in each:
            raise ValueError(f"each argument is a text, not {kind_of(each)}")
    if len(entries) > _MOST_ENTRIES:
        raise ValueError(f"at most {_MOST_ENTRIES} arguments are expected, not {len(entries):,}")
    return tuple(cast("list[str]", entries))


def _globs(value: object, source: object) -> tuple[str, ...]:
    listed = _args([value] if isinstance(value, str) else value, source)
    if any(not each.strip() for each in listed):
        raise ValueError('names or globs of tools are expected, such as ["git_log", "read_*"], and no empty one')
    return tuple(dict.fromkeys(each.strip() for each in listed))


def _table(names: str, example: str) -> Callable[[object, object], dict[str, str]]:
    def parse(value: object, _: object) -> dict[str, str]:
        if not isinstance(value, Mapping):
            raise ValueError(f"a table of texts is expected, such as {example}, not {kind_of(value)}")
        table = cast("Mapping[object, object]", value)
        for name, text in table.items():
            if not isinstance(name, str) or not re.fullmatch(names, name):
                raise ValueError(f"{shortened(str(name))} is no name that is possible here")
            if not isinstance(text, str) or "\0" in text or "\n" in text or "\r" in text:
                raise ValueError(f"the value of {name} is a text on one line, not {kind_of(text)}")
        return cast("dict[str, str]", dict(table))

    return parse


def _url(value: object, source: object) -> str:
    text = _text(value, source)
    if not VARIABLE.search(text) and (wrong := wrong_url(text)):
        raise ValueError(wrong)
    return text


def wrong_url(text: str) -> str:
    """What is wrong with the address of a server; empty where nothing is."""
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises where it is no number
    except ValueError as error:
        return f"this is no URL ({error}); write one such as https://mcp.example.com/mcp"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return f"{shortened(text, 80)} is no http or https URL; write one such as https://mcp.example.com/mcp"
    return ""


def _switch(value: object, _: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"true or false is expected, not {kind_of(value)}")
    return value


def _seconds(value: object, _: object) -> float:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        value = str(value) if kind_of(value) == "a number" else value  # TOML's numbers with a point are decimal
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"a time such as 90s is expected, not {kind_of(value)}")
    seconds = parse_seconds(str(value))
    if seconds > _MOST_SECONDS:
        raise ValueError(f"at most an hour is expected, not {shortened(str(value))}")
    return seconds


FORMS: Mapping[str, Callable[[Any, object], Any]] = {
    "type": _kind,
    "command": _text,
    "args": _args,
    "env": _table(r"[A-Za-z_][A-Za-z0-9_]*", '{ "TOKEN": "${TOKEN}" }'),
    "cwd": _text,
    "url": _url,
    "headers": _table(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", '{ "Authorization": "Bearer ${TOKEN}" }'),
    "disabled": _switch,
    "allow": _globs,
    "deny": _globs,
    "start_s": _seconds,
    "call_s": _seconds,
    "trust_hints": _switch,
    "keep_s": _seconds,
}
"""How each key of a server is read. The functions raise ValueError with a sentence."""


def wrong_name(name: str) -> str:
    """What is wrong with the name of a server; empty where nothing is."""
    if 1 <= len(name) <= MOST_NAME and name.isprintable() and name == name.strip():
        return ""
    return f"{shortened(name)} cannot be the name of a server: 1 to {MOST_NAME} characters that can be printed"


def server_of(name: str, table: Mapping[str, Any], *, origin: McpOrigin, place: str, of_project: bool) -> McpServer:
    """Put a server together from the values that FORMS read. Raises ValueError with a sentence."""
    values = dict(table)
    kind: McpKind | None = values.pop("type", None)
    command, url = str(values.get("command", "")), str(values.get("url", ""))
    if bool(command) == bool(url):
        raise ValueError(
            f'server {name!r} has {"both command and url" if command else "neither command nor url"}; write command = "..." for '
            "one that is started here, or url = ... for one that is reached over http"
        )
    if (kind == "stdio") != bool(command) and kind is not None:
        raise ValueError(f"server {name!r} is of the type {kind} and has {'a command' if command else 'a url'}")
    if re.search(r"\s", command) and "/" not in command:
        first, *rest = command.split()
        raise ValueError(
            f"the command of server {name!r} is one word; write command = {first!r} and args = {[*rest, *values.get('args', ())]}"
        )
    if of_project and values.get("trust_hints"):
        raise ValueError(
            f"a project cannot say of its server {name!r} that its hints are trusted; write it in your own file"
        )
    if values.get("keep_s") and not values.get("trust_hints"):
        raise ValueError(
            f"keep_s of server {name!r} needs trust_hints = true: which of its tools only look is what it says of them itself"
        )
    spoken: McpKind = kind or (
        "stdio" if command else "sse" if urlsplit(url).path.rstrip("/").endswith("/sse") else "http"
    )
    return McpServer(name=name, kind=spoken, origin=origin, place=place, of_project=of_project, **values)
