"""Commands that a message tells to type: made so that they mean the log that the command line named."""

from __future__ import annotations

import re
from shlex import quote

_TOLD = re.compile(r"`swarm (?P<name>[a-z]+)(?P<rest>[^`\n]*)`")
_WITHOUT_LOG = ("completion", "config", "demo", "init", "local", "plan", "schema", "validate")
"""Commands that read no log, or have one of their own."""


def to_type(*words: str, log: str | None) -> str:
    """The command with these words as a person types it, on the log that the command line named."""
    return " ".join(["swarm", *words, *(["--log", quote(log)] if log else [])])


def on_log(text: str, log: str | None) -> str:
    """The text with `--log` in each command that it tells to type and that reads a log; as it stands where none was named."""

    def named(found: re.Match[str]) -> str:
        has_it = any(word in ("--log", "--help") for word in found["rest"].split())
        return found[0] if has_it or found["name"] in _WITHOUT_LOG else f"{found[0][:-1]} --log {quote(log or '')}`"

    return _TOLD.sub(named, text) if log else text


def log_named(words: list[str]) -> str | None:
    """The log that a command line names, also where the rest of it makes no sense; None where it names none."""
    named = None
    for at, word in enumerate(words):
        if word == "--":
            break
        if word == "--log" and words[at + 1 :]:
            named = words[at + 1]
        elif word.startswith("--log="):
            named = word.removeprefix("--log=")
    return named
