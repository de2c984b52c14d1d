"""Which tools a list of words means: names, globs, groups, and what is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

GROUPS: Mapping[str, tuple[str, ...]] = {
    "look": ("read", "list", "search", "read_output"),
    "more": ("more",),
    "edit": ("write", "edit", "patch"),
    "run": ("run",),
    "python": ("python",),
    "fetch": ("fetch",),
    "ask": ("ask_human",),
    "task": ("task",),
    "mcp": (),  # the tools of all MCP servers
    "all": ("*",),
}
"""What a word means that stands for several tools. A group comes before a tool of the same name."""

OWN: tuple[str, ...] = tuple(dict.fromkeys(name for group in GROUPS.values() for name in group if name != "*"))
"""Our own tools that a task may ask for, by their names."""

NONE = "none"
"""The word for no tool at all."""

SERVER_MARK = "__"
"""What stands between the name of an MCP server and that of its tool."""


def is_pattern(word: str) -> bool:
    return any(sign in word for sign in "*?[")


def is_known(word: str) -> bool:
    """Whether a word can mean a tool. Which tools a server has is known only when it is asked."""
    if word in GROUPS or word in OWN or SERVER_MARK in word:
        return True
    return is_pattern(word) and any(fnmatchcase(name, word) for name in OWN)


def means(words: Sequence[str], name: str, *, server: str = "") -> bool:
    """Whether the words mean the tool: one of them does, and none with a `-` before it. `server` is the MCP server it is from."""
    taken_out = [word[1:] for word in words if word.startswith("-")]
    return any(stands_for(word, name, server=server) for word in words if not word.startswith("-")) and not any(
        stands_for(word, name, server=server) for word in taken_out
    )


def stands_for(word: str, name: str, *, server: str = "") -> bool:
    """Whether one word means the tool."""
    if word == "mcp":
        return bool(server)
    return any(fnmatchcase(name, pattern) for pattern in GROUPS.get(word, (word,)))


_ELSEWHERE: Mapping[str, str] = {
    "read": "read",
    "ls": "list",
    "glob": "list",
    "grep": "search",
    "write": "write",
    "edit": "edit",
    "multiedit": "edit",
    "bash": "run",
    "webfetch": "fetch",
    "task": "task",
    "agent": "task",
    "askuserquestion": "ask_human",
}
_OF_SERVER = "mcp__"


def known_as(name: str) -> str:
    """What a tool is called here that files of other programs name, such as `Bash(git *)`; "" for one that there is not."""
    bare = name.partition("(")[0].strip()
    if bare.startswith(_OF_SERVER):
        server = bare.removeprefix(_OF_SERVER)
        return server if SERVER_MARK in server else f"{server}{SERVER_MARK}*"
    return _ELSEWHERE.get(bare.lower(), "")
