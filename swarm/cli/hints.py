"""Commands that a message tells to type: made so that they mean the log and the folder that the command line named."""

from __future__ import annotations

import re
from shlex import quote

_TOLD = re.compile(r"`swarm (?P<name>[a-z]+)(?P<rest>[^`\n]*)`")
_WITHOUT_LOG = ("completion", "config", "demo", "init", "local", "plan", "schema", "validate")
"""Commands that read no log, or have one of their own."""

_OF_FOLDER = ("init", "mcp", "plan", "run", "schema", "skills", "trust", "validate")
"""Commands that read what lies in the folder where they are typed; others find all they need in the log."""


def to_type(*words: str, log: str | None) -> str:
    """The command with these words as a person types it, on the log that the command line named."""
    return " ".join(["swarm", *words, *(["--log", quote(log)] if log else [])])


def on_log(text: str, log: str | None) -> str:
    """The text with `--log` in each command that it tells to type and that reads a log; as it stands where none was named."""

    def named(found: re.Match[str]) -> str:
        has_it = any(word in ("--log", "--help") for word in found["rest"].split())
        return found[0] if has_it or found["name"] in _WITHOUT_LOG else f"{found[0][:-1]} --log {quote(log or '')}`"

    return _TOLD.sub(named, text) if log else text


def in_folder(text: str, folder: str | None) -> str:
    """The text with `-C` in each command that it tells to type and that reads a folder; as it stands where none was named."""

    def named(found: re.Match[str]) -> str:
        if found["name"] not in _OF_FOLDER or "--help" in found["rest"].split():
            return found[0]
        return f"`swarm -C {quote(folder or '')} {found['name']}{found['rest']}`"

    return _TOLD.sub(named, text) if folder else text


def log_named(words: list[str]) -> str | None:
    """The log that a command line names, also where the rest of it makes no sense; None where it names none."""
    return _value_of("--log", "--log=", words)


def folder_named(words: list[str]) -> str | None:
    """The folder of `-C` of a command line, in the same way."""
    return _value_of("-C", "-C", words)


def _value_of(option: str, joined: str, words: list[str]) -> str | None:
    named = None
    for at, word in enumerate(words):
        if word == "--":
            break
        if word == option:
            named = words[at + 1] if words[at + 1 :] else named
        elif word.startswith(joined):
            named = word.removeprefix(joined)
    return named
