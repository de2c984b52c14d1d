"""Changes of files as people and judges read them: unified diffs, as git writes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import unified_diff

from events.types.tree import ABSENT, BASE64, LARGE, LINK, PROGRAM, SECRET
from swarm.tools.tree import Change, Held

CONTEXT = 3

_MODES = {PROGRAM: "100755", LINK: "120000"}
_UNSHOWN = {BASE64: "binary", SECRET: "not shown: a secret is in it", LARGE: "not shown: it is too large to be kept"}


def unified(changes: Iterable[Change]) -> str:
    """All changes as one patch, by path. A content that is no text, or is not kept, is told in a line."""
    return "".join(of_one(change) for change in changes)


def bounded(changes: Sequence[Change], most_chars: int) -> str:
    """The patch in at most about so many characters: each file has its share, of which it gets the beginning."""
    share = max(200, most_chars // max(1, len(changes)))
    return "".join(_beginning(of_one(change), share) for change in changes)


def of_one(change: Change) -> str:
    """The patch of one file, with git's header."""
    old, new = f"a/{change.path}", f"b/{change.path}"
    lines = [f"diff --git {old} {new}"]
    if change.before.kind == ABSENT:
        lines.append(f"new file mode {_MODES.get(change.after.kind, '100644')}")
    elif change.after.kind == ABSENT:
        lines.append(f"deleted file mode {_MODES.get(change.before.kind, '100644')}")
    elif change.before.kind != change.after.kind:
        modes = (_MODES.get(held.kind, "100644") for held in (change.before, change.after))
        lines += [f"{word} mode {mode}" for word, mode in zip(("old", "new"), modes, strict=True)]
    if (change.before.digest, change.before.form) == (change.after.digest, change.after.form):
        return "\n".join(lines) + "\n"
    unshown = _UNSHOWN.get(change.after.form) or _UNSHOWN.get(change.before.form)
    if unshown:
        return "\n".join([*lines, f"Files differ ({unshown})"]) + "\n"
    names = (
        "/dev/null" if change.before.kind == ABSENT else old,
        "/dev/null" if change.after.kind == ABSENT else new,
    )
    return "\n".join(lines) + "\n" + _hunks(_lines(change.before), _lines(change.after), *names)


def stat_line(changes: Sequence[Change]) -> str:
    """How much changed, in a few words: `3 files, +12 -4`."""
    added = removed = 0
    for change in changes:
        for line in _hunks(_lines(change.before), _lines(change.after), "", "").splitlines()[2:]:
            added, removed = added + line.startswith("+"), removed + line.startswith("-")
    return f"{len(changes)} file{'s' if len(changes) != 1 else ''}, +{added} -{removed}"


def _lines(held: Held) -> list[str]:
    """The lines with their ends: what a patch compares."""
    return (held.text or "").splitlines(keepends=True) if held.form == "" else []


def _hunks(old: Sequence[str], new: Sequence[str], before: str, after: str) -> str:
    lines = unified_diff(old, new, before, after, n=CONTEXT)
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _beginning(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    kept = text[: text.rfind("\n", 0, most) + 1] or text[:most]
    left = text.count("\n") - kept.count("\n")
    return f"{kept}[{left:,} more lines of this file's changes]\n"
