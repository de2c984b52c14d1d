"""The inputs of a task as texts: files of the project, texts in the task file, and results of other tasks."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

import msgspec

from swarm.errors import UsageError
from swarm.paths import confined
from swarm.task import Input

MEBIBYTE = 1 << 20
CACHES = frozenset(
    ("__pycache__", "node_modules", "venv", "site-packages")  # those with a dot are hidden, and skipped as such
)
"""Folders that a glob does not enter unless it names them before its first wildcard."""

_MARGIN = 65_536  # bytes read beyond what is kept, so that no secret is cut in two before it is found
_LONGEST_SECRET = 8_192
_MOST_NAMES = 20_000  # looked at to find the one that was meant


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """One input as it goes to a model, without secrets."""

    name: str  # the file's path in the project; "text"; a task's id
    text: str  # empty where only the name was asked for
    size: int  # bytes of the whole, before anything was cut or taken out


class InputUnusable(UsageError):
    """An input cannot be given to a model. Nothing was called."""

    def __init__(self, name: str, why: str, remedy: str) -> None:
        self.name, self.why = name, why
        super().__init__(f"the input {name!r} {why}; {remedy}")


def read_inputs(
    inputs: Sequence[Input],
    root: Path,
    redact: Callable[[str], str],
    results: Mapping[str, str],
    *,
    most_file_bytes: int = MEBIBYTE,
    most_bytes: int = 8 * MEBIBYTE,
) -> tuple[Loaded, ...]:
    """Return what `inputs` name, in their order; the files of a glob by name, each once.

    Globs are relative to `root`; `results` holds results by task id. Raises UsageError (InputUnusable,
    OutsideProject) for a pattern that matches nothing, what is no text, and what is too large.
    """
    loaded: list[Loaded] = []
    seen: set[tuple[Path, str]] = set()
    total = 0
    for source in inputs:
        for one in _read(source, root, redact, results, most_file_bytes, seen):
            total += len(one.text.encode("utf-8", "surrogatepass"))
            if total > most_bytes:
                raise InputUnusable(
                    one.name,
                    f"brings the inputs of the task above {_size(most_bytes)}",
                    "name fewer files, give max_tokens, or use `load: name`",
                )
            loaded.append(one)
    return tuple(loaded)


def _read(
    source: Input,
    root: Path,
    redact: Callable[[str], str],
    results: Mapping[str, str],
    most_file_bytes: int,
    seen: set[tuple[Path, str]],
) -> Iterator[Loaded]:
    if source.files:
        files = _new(_places(source.files, root), source.load, seen)
        yield from _names(files, redact) if source.load == "name" else _texts(files, source, redact, most_file_bytes)
    elif source.from_task is not None:
        if source.from_task not in results:
            raise InputUnusable(source.from_task, "is not there yet", "add that task to 'needs'")
        yield _given(source.from_task, results[source.from_task], source, redact)
    else:
        yield _given("text", source.text or "", source, redact)


def _given(name: str, text: str, source: Input, redact: Callable[[str], str]) -> Loaded:
    size = len(text.encode("utf-8", "surrogatepass"))
    text = redact(text)
    return Loaded(name=name, text=_cut(text, size, source.max_tokens, source.max_tokens), size=size)


def _new(
    places: Iterator[tuple[str, Path]], load: str, seen: set[tuple[Path, str]]
) -> Iterator[tuple[str, Path, os.stat_result]]:
    for name, place in places:
        if (place, load) in seen:
            continue
        seen.add((place, load))
        try:
            found = place.stat()
        except OSError as error:
            raise InputUnusable(name, f"cannot be read: {error.strerror}", "mend that, or take it out") from error
        if not stat.S_ISREG(found.st_mode):
            raise InputUnusable(name, "is no ordinary file", "name files that hold text")
        yield name, place, found


def _names(files: Iterator[tuple[str, Path, os.stat_result]], redact: Callable[[str], str]) -> Iterator[Loaded]:
    for name, _, found in files:
        yield Loaded(name=redact(_printable(name)), text="", size=found.st_size)


def _texts(
    files: Iterator[tuple[str, Path, os.stat_result]],
    source: Input,
    redact: Callable[[str], str],
    most_file_bytes: int,
) -> Iterator[Loaded]:
    """Read the files one after the other; behind the one at which `max_tokens` is used up they have no text."""
    left = source.max_tokens
    for name, place, _ in files:
        raw, size = _bytes(name, place, most_file_bytes, left)
        text = redact(_decoded(name, raw, whole=len(raw) == size))
        safe = None if len(raw) == size else len(text.encode()) - _LONGEST_SECRET
        most = left if safe is None or left is None else max(0, min(left, safe))
        text = _cut(text, size, most, source.max_tokens)
        if left is not None:
            left = max(0, left - len(text.encode()))
        yield Loaded(name=redact(_printable(name)), text=text, size=size)


def _bytes(name: str, place: Path, most_file_bytes: int, most: int | None) -> tuple[bytes, int]:
    """Return the file's bytes, of one that is cut anyway the first of them, and how many it has."""
    try:
        handle = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            size = os.fstat(handle).st_size
            if most is None and size > most_file_bytes:
                raise InputUnusable(
                    name,
                    f"has {_size(size)}, more than the {_size(most_file_bytes)} that one input may have",
                    "give max_tokens to have its beginning only, or name another file",
                )
            raw = file.read(most_file_bytes if most is None else min(most, most_file_bytes) + _MARGIN)
            return raw, max(size, len(raw))
    except OSError as error:
        raise InputUnusable(name, f"cannot be read: {error.strerror}", "mend that, or take it out") from error


def _decoded(name: str, raw: bytes, *, whole: bool) -> str:
    """Return the text of a file; what is no UTF-8 in it becomes U+FFFD. Raises InputUnusable where it is no text."""
    if b"\0" in raw:
        raise InputUnusable(name, "is a binary file", "name files that hold text in UTF-8")
    text = raw.decode("utf-8-sig", "replace")
    if not whole:
        text = text.rstrip("\ufffd")  # a character that the end of the reading cut
    if text.count("\ufffd") * 3 > len(text):
        raise InputUnusable(name, "is no text in UTF-8", "convert it, or name another file")
    return text


def _cut(text: str, size: int, most: int | None, asked: int | None) -> str:
    """Return the head of `text` that has at most `most` bytes, with a mark that says how much of `size` is not there.

    A token has at least one byte, so a bound in tokens holds as one in bytes. The mark is part of what is returned; of a
    text that has no room for it nothing stays.
    """
    raw = text.encode("utf-8", "surrogatepass")
    if most is None or len(raw) <= most:
        return text
    mark = f"\n[cut: {{left:,}} of {size:,} bytes are left out, because max_tokens is {asked:,}]"
    keep = most - len(mark.format(left=size))
    if keep < 0:
        return ""
    head = raw[:keep].decode("utf-8", "ignore")
    return head + mark.format(left=max(0, size - len(head.encode())))


def _places(patterns: Sequence[str], root: Path) -> Iterator[tuple[str, Path]]:
    """Yield the name and the place of every file that a pattern names: pattern by pattern, sorted by name."""
    for pattern in map(posixpath.normpath, patterns):
        if os.path.lexists(root / pattern):  # a name may hold what is a wildcard elsewhere: app/[id]/page.tsx
            if (root / pattern).is_dir():
                raise InputUnusable(
                    pattern, "is a folder", f"write {posixpath.normpath(f'{pattern}/**')} for its files"
                )
            yield pattern, confined(root, pattern)
            continue
        names = sorted(_matching(pattern, root))
        if not names:
            raise InputUnusable(pattern, f"matches no file{_nearest(pattern, root)}", "mend the path or the glob")
        for name in names:
            yield name, confined(root, name)


def _matching(pattern: str, root: Path) -> Iterator[str]:
    parts = tuple(pattern.split("/"))
    fixed = next((n for n, part in enumerate(parts) if any(sign in part for sign in "*?[")), len(parts) - 1)
    start = "/".join(parts[:fixed])
    if fixed:
        confined(root, start)
    hidden = any(part.startswith(".") for part in parts)
    for name in _walk(root, start, hidden=hidden):
        if _matches(tuple(name.split("/")), parts):
            yield name


def _walk(root: Path, start: str = "", *, hidden: bool = False) -> Iterator[str]:
    """Yield the path of each file below `start`; folders that are caches, symlinks, git's, or hidden are not entered."""
    for folder, folders, files in os.walk(root / start, onerror=_unreadable):
        folders[:] = sorted(
            one for one in folders if one not in CACHES and one != ".git" and (hidden or not one.startswith("."))
        )
        beneath = Path(folder).relative_to(root).as_posix()
        prefix = "" if beneath == "." else f"{beneath}/"
        yield from (prefix + file for file in files)


def _unreadable(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError | NotADirectoryError):  # where nothing is, nothing matches
        raise InputUnusable(str(error.filename), f"cannot be read: {error.strerror}", "mend that") from error


def _matches(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Say whether a path matches; `**` stands for any folders, and only a pattern with a dot matches a hidden name."""
    if not pattern:
        return not parts
    first, rest = pattern[0], pattern[1:]
    if first == "**":
        shown = next((n for n, part in enumerate(parts) if part.startswith(".")), len(parts))
        if not rest:
            return bool(parts) and shown == len(parts)
        return any(_matches(parts[n:], rest) for n in range(shown + 1))
    return (
        bool(parts)
        and fnmatchcase(parts[0], first)
        and (first.startswith(".") or not parts[0].startswith("."))
        and _matches(parts[1:], rest)
    )


def _nearest(pattern: str, root: Path) -> str:
    """Return what asks for the nearest file at the end of a sentence, or nothing where none is near."""
    from difflib import get_close_matches  # only an error needs it

    names = {name.lower(): name for name in islice(_walk(root), _MOST_NAMES)}
    ends = {name.rpartition("/")[2]: whole for name, whole in names.items()}
    wanted = pattern.lower()
    near = [names[name] for name in get_close_matches(wanted, names, n=1, cutoff=0.7)]
    near = near or [ends[name] for name in get_close_matches(wanted.rpartition("/")[2], ends, n=1, cutoff=0.8)]
    return f" \u2013 did you mean {near[0]!r}?" if near else ""


def _printable(name: str) -> str:
    """Return a file's name as it can be shown and stored: bytes and characters that have no shape become `?`."""
    return "".join(char if char.isprintable() else "?" for char in name)


def _size(count: int) -> str:
    return f"{count / MEBIBYTE:.1f} MiB" if count >= MEBIBYTE else f"{count:,} bytes"
