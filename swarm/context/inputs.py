"""The inputs of a task as texts: files of the project, texts in the task file, and results of other tasks."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from swarm.context.levels import SHARES, room_of
from swarm.context.pack import Count, relevant
from swarm.context.parts import outline
from swarm.context.sizes import size_of
from swarm.globs import InputUnusable, files_named
from swarm.task import Input
from swarm.text.embed import installed_embedder

MEBIBYTE = 1 << 20
_MARGIN = 65_536  # bytes read beyond what is kept, so that no secret is cut in two before it is found
_LONGEST_SECRET = 8_192
_COUNT_BYTES = 70  # of the line that says how many texts are not given


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """One input as it goes to a model, without secrets."""

    name: str  # the file's path in the project; "text"; a task's id
    text: str  # empty where only the name was asked for
    size: int  # bytes of the whole, before anything was cut or taken out
    whole: bool = True  # nothing was left out


def read_inputs(
    inputs: Sequence[Input],
    root: Path,
    redact: Callable[[str], str],
    results: Mapping[str, str],
    *,
    sought: str = "",
    most_file_bytes: int = MEBIBYTE,
    most_bytes: int = 8 * MEBIBYTE,
    count: Count = size_of,
) -> tuple[Loaded, ...]:
    """Return what `inputs` name, in their order; the files of a glob by name, each once.

    Globs are relative to `root`; `results` holds results by task id; `sought` is what relevant parts are to fit, and `count` says
    how many tokens a text has. Raises UsageError (InputUnusable, OutsideProject) for a pattern that matches nothing, what is
    no text, and what is too large.
    """
    loaded: list[Loaded] = []
    seen: set[tuple[Path, str]] = set()
    total = 0
    terms = _Terms(
        root=root,
        redact=redact,
        sought=sought,
        most_file_bytes=most_file_bytes,
        most_bytes=most_bytes,
        count=count,
    )
    for source in inputs:
        for one in _read(source, results, terms, seen):
            total += len(one.text.encode("utf-8", "surrogatepass"))
            if total > most_bytes:
                raise InputUnusable(
                    one.name,
                    f"brings the inputs of the task above {_size(most_bytes)}",
                    "name fewer files, give max_tokens, or use `load: name`",
                )
            loaded.append(one)
    return tuple(loaded)


class _Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What holds for all inputs of a task."""

    root: Path
    redact: Callable[[str], str]
    sought: str
    most_file_bytes: int
    most_bytes: int
    count: Count


def _read(source: Input, results: Mapping[str, str], terms: _Terms, seen: set[tuple[Path, str]]) -> Iterator[Loaded]:
    if source.files:
        files = _new(files_named(source.files, terms.root), source.load, seen)
        match source.load:
            case "name":
                yield from _names(files, terms.redact)
            case "full":
                yield from _texts(files, source, terms.redact, terms.most_file_bytes)
            case "outline":
                yield from _outlines(_whole(files, terms), source)
            case "relevant" | "essential" | "extended":
                yield from _relevant(list(_whole(files, terms)), source, terms)
    elif source.from_task is not None:
        if source.from_task not in results:
            raise InputUnusable(source.from_task, "is not there yet", "add that task to 'needs'")
        text = results[source.from_task]
        if source.load != "full":
            size = len(text.encode("utf-8", "surrogatepass"))
            whole = Loaded(name=source.from_task, text=terms.redact(text), size=size)
            yield from _relevant([whole], source, terms)
        else:
            yield _given(source.from_task, text, source, terms.redact)
    else:
        yield _given("text", source.text or "", source, terms.redact)


def _whole(files: Iterator[tuple[str, Path, os.stat_result]], terms: _Terms) -> Iterator[Loaded]:
    """Read files that are looked through as a whole. Raises InputUnusable where they are too many."""
    total = 0
    for name, place, _ in files:
        raw, size = _bytes(name, place, terms.most_file_bytes, None)
        total += size
        if total > terms.most_bytes:
            why = f"brings the files that are looked through above {_size(terms.most_bytes)}"
            raise InputUnusable(name, why, "name fewer files, or use `load: name`")
        text = terms.redact(_decoded(name, raw, whole=True))
        yield Loaded(name=terms.redact(_printable(name)), text=text, size=size)


def _outlines(files: Iterator[Loaded], source: Input) -> Iterator[Loaded]:
    """Give the outline of each file; behind the one at which `max_tokens` is used up they have no text."""
    left = source.max_tokens
    for one in files:
        text = outline(one.name, one.text)
        text = _cut(text, size_of(text), left, _because(source))
        if left is not None:
            left = max(0, left - size_of(text))
        yield msgspec.structs.replace(one, text=text, whole=text == one.text)


def _relevant(texts: Sequence[Loaded], source: Input, terms: _Terms) -> Iterator[Loaded]:
    """Give the parts that fit the task; a text of which nothing does is counted in a line at the end."""
    most = room_of(source, [one.text for one in texts], terms.count)
    room = most - (_COUNT_BYTES if len(texts) > 1 else 0)
    named = [(one.name, one.text) for one in texts]
    fill = source.load in SHARES
    found = relevant(named, terms.sought, room, count=terms.count, fill=fill, embedder=installed_embedder())
    kept = [(one, text) for one, text in zip(texts, found, strict=True) if text or not one.text]
    if not any(
        text for _, text in kept
    ):  # not even one part has room: the head of the first text says more than nothing
        kept = [(one, _head(one, most)) for one in texts[:1]]
    for number, (one, text) in enumerate(kept, 1):
        missing = len(texts) - len(kept) if number == len(kept) and len(texts) > 1 else 0
        note = (
            f"\n[and {missing:,} further {'file' if missing == 1 else 'files'} of which no part is given]"
            if missing
            else ""
        )
        fits = terms.count(text + note) <= most
        yield msgspec.structs.replace(one, text=text + note if fits else text, whole=text == one.text and not missing)


def _head(one: Loaded, most: int) -> str:
    return _cut(one.text, one.size, most, f"there is room for {most:,}")


def _given(name: str, text: str, source: Input, redact: Callable[[str], str]) -> Loaded:
    size = len(text.encode("utf-8", "surrogatepass"))
    text = redact(text)
    cut = _cut(text, size, source.max_tokens, _because(source))
    return Loaded(name=name, text=cut, size=size, whole=cut == text)


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
        yield Loaded(name=redact(_printable(name)), text="", size=found.st_size, whole=not found.st_size)


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
        cut = _cut(text, size, most, _because(source))
        if left is not None:
            left = max(0, left - len(cut.encode()))
        yield Loaded(name=redact(_printable(name)), text=cut, size=size, whole=cut == text and len(raw) == size)


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


def _cut(text: str, size: int, most: int | None, because: str) -> str:
    """Return the head of `text` that has at most `most` bytes, with a mark that says how much of `size` is not there.

    A token has at least one byte, so a bound in tokens holds as one in bytes. The mark is part of what is returned; of a
    text that has no room for it nothing stays.
    """
    raw = text.encode("utf-8", "surrogatepass")
    if most is None or len(raw) <= most:
        return text
    mark = f"\n[cut: {{left:,}} of {size:,} bytes are left out, because {because}]"
    keep = most - len(mark.format(left=size))
    if keep < 0:
        return ""
    head = raw[:keep].decode("utf-8", "ignore")
    return head + mark.format(left=max(0, size - len(head.encode())))


def _because(source: Input) -> str:
    return f"max_tokens is {source.max_tokens or 0:,}"


def _printable(name: str) -> str:
    """Return a file's name as it can be shown and stored: bytes and characters that have no shape become `?`."""
    return "".join(char if char.isprintable() else "?" for char in name)


def _size(count: int) -> str:
    return f"{count / MEBIBYTE:.1f} MiB" if count >= MEBIBYTE else f"{count:,} bytes"
