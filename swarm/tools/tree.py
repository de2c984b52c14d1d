"""What differs in a work copy from the project that it was made of: found after each use of a tool, and placed again.

A file that was looked at is looked at again only where its size, its times or its number differ. What is kept of it is its
text, so that a resume, a fork and a person can have it: but not of one that holds a secret, and not of one that is very large.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import stat
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from io import BufferedReader
from pathlib import Path

import msgspec
from anyio import to_thread

from events.types.tree import ABSENT, BASE64, FILE, LARGE, LINK, PLAIN, PROGRAM, SECRET
from swarm.errors import SwarmError
from swarm.paths import confined
from swarm.tools.repository import find_repository, ignored_of
from swarm.tools.workcopy import walk

MOST_KEPT = 2 * (1 << 20)  # bytes of one file
MOST_FILES = 2_000
"""So many files may differ: a use that leaves more is told to leave fewer, for each of them stands in the log."""

_TICK_NS = 20_000_000  # a file that was changed so shortly before it was looked at may have been changed again unseen


class NotRestored(SwarmError):
    """A work copy cannot be brought to the state that is recorded of it."""

    def __init__(self, path: str, why: str) -> None:
        self.path = path
        super().__init__(
            f"the state of {path!r} in the work copy {why}; put it back and resume the session, or begin anew"
        )


class TooManyChanged(SwarmError):
    """A tool changed more files than are kept of a work copy."""

    def __init__(self, many: int) -> None:
        super().__init__(
            f"{many:,} files differ from the project, and {MOST_FILES:,} are the most: let .gitignore name what is made, or "
            "have it made outside of the project"
        )


class NameUnwritable(SwarmError):
    """A tool made a file whose name no text can hold, or none that is kept."""

    def __init__(self, path: str, why: str = "is not UTF-8") -> None:
        super().__init__(f"the name of the file {path!a} {why}, so that it cannot be recorded; give it another")


class Held(msgspec.Struct, frozen=True):
    """What stands at a path, with its content as text where that is kept."""

    kind: str = ABSENT
    digest: str = ""
    form: str = PLAIN
    text: str | None = None


class Change(msgspec.Struct, frozen=True):
    """A path at which something else stands than when the copy was made."""

    path: str
    before: Held
    after: Held


class _Looked(msgspec.Struct, frozen=True):
    """How a file looked when its digest was taken."""

    signature: tuple[int, ...]
    kind: str
    digest: str
    at_ns: int


class Tree:
    """The files of a work copy, from the moment at which it was made.

    `redact` takes secrets out of a text: one that it changes holds some. `key` makes the digests of such contents.
    """

    def __init__(self, root: Path, copy: Path, *, redact: Callable[[str], str], key: bytes) -> None:
        self._root, self._copy, self._redact, self._key = root, copy, redact, key
        self._base: dict[str, tuple[str, str]] = {}  # kind and digest
        self._looked: dict[str, _Looked] = {}
        self._changes: dict[str, Change] = {}
        self._ignored: dict[str, bool] = {}

    async def begin(self) -> None:
        """Take the copy as it is for the project."""
        await to_thread.run_sync(self._begin)

    def _begin(self) -> None:
        self._base = self._now()

    def _now(self) -> dict[str, tuple[str, str]]:
        """What stands in the copy. Files that git would take for its own count as little as its folder does."""
        names = (path for path in walk(self._copy) if path.rpartition("/")[2].lower() != ".git")
        return {path: seen for path in names if (seen := self._look(path)) is not None}

    @property
    def changes(self) -> tuple[Change, ...]:
        """All that differs, by path, as it was last looked at."""
        return tuple(self._changes[path] for path in sorted(self._changes))

    @property
    def digest(self) -> str:
        return digest_of(self.changes)

    async def look(self) -> tuple[Change, ...]:
        """Look at the copy again and return what changed since the last time; what is as in the project again is among it.

        Raises TooManyChanged.
        """
        found = await to_thread.run_sync(self._differing)
        added = [path for path in found if path not in self._base and path not in self._ignored]
        if added:
            ignored: frozenset[str] = frozenset()
            if await find_repository(self._root) is not None:
                ignored = await ignored_of(self._root, added)
            self._ignored |= {path: path in ignored for path in added}
        found = {path: now for path, now in found.items() if not self._ignored.get(path)}
        if len(found) > MOST_FILES:
            raise TooManyChanged(len(found))
        return await to_thread.run_sync(self._taken, found)

    def _differing(self) -> dict[str, tuple[str, str]]:
        """By path what stands there now, where that is not what stood there. Raises NameUnwritable."""
        now = self._now()
        for path in now.keys() - self._base.keys():
            if any("\ud800" <= char <= "\udfff" for char in path):
                raise NameUnwritable(path)
            if (safe := self._redact(path)) != path:
                raise NameUnwritable(safe, "holds a secret")
        gone = {path: (ABSENT, "") for path in self._base if path not in now}
        return {path: seen for path, seen in now.items() if self._base.get(path) != seen} | gone

    def _taken(self, found: Mapping[str, tuple[str, str]]) -> tuple[Change, ...]:
        before = self._changes
        after: dict[str, Change] = {}
        for path, (kind, digest) in found.items():
            known = before.get(path)
            if known is not None and (known.after.kind, known.after.digest) == (kind, digest):
                after[path] = known
                continue
            held = self._held(self._copy, path, kind, digest)
            if known is not None and (known.after.kind, known.after.digest) == (held.kind, held.digest):
                after[path] = known  # its digest has a key
                continue
            after[path] = Change(path, known.before if known else self._before(path), held)
        self._changes = after
        returned = [Change(path, before[path].before, before[path].before) for path in before if path not in after]
        fresh = [change for path, change in after.items() if before.get(path) is not change]
        return tuple(sorted([*fresh, *returned], key=lambda change: change.path))

    def _before(self, path: str) -> Held:
        """What the project had there; its content is read from the user's file, where that is still the same."""
        if path not in self._base:
            return Held()
        kind, digest = self._base[path]
        try:
            there = _seen(self._root / path)
        except OSError:
            there = None
        if there is None or there[1] != digest:
            return Held(kind, digest, LARGE)
        return self._held(self._root, path, kind, digest)

    def _held(self, folder: Path, path: str, kind: str, digest: str) -> Held:
        if kind == ABSENT:
            return Held()
        with suppress(OSError):
            content = bytes_at(folder / path, kind, MOST_KEPT + 1)
            if len(content) > MOST_KEPT:
                return Held(kind, digest, LARGE)
            return held_of(kind, content, redact=self._redact, key=self._key)
        return Held(kind, digest, LARGE)

    def _look(self, path: str) -> tuple[str, str] | None:
        """Kind and digest of what stands there; None: nothing of which a tree is made."""
        place = self._copy / path
        try:
            found = place.lstat()
        except OSError:
            return None
        signature = (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_mode)
        known = self._looked.get(path)
        if known is not None and known.signature == signature and known.at_ns - found.st_ctime_ns > _TICK_NS:
            return known.kind, known.digest
        at = time.time_ns()
        try:
            seen = _seen(place)
        except OSError:
            return None
        if seen is not None:
            self._looked[path] = _Looked(signature, *seen, at)
        return seen

    async def place(self, changes: Sequence[Change]) -> None:
        """Bring a copy that is as the project to a recorded state. Raises NotRestored."""
        await to_thread.run_sync(self._place, changes)
        await self.look()

    def _place(self, changes: Sequence[Change]) -> None:
        for change in changes:
            content = self._content(change)
            if change.after.kind != LINK:
                _put(confined(self._copy, change.path), change.after.kind, content)
                continue
            place = self._copy / change.path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.unlink(missing_ok=True)
            place.symlink_to(os.fsdecode(content or b""))

    def _content(self, change: Change) -> bytes | None:
        """What is to stand there; of a content that is not kept, the user's file, where that is the same."""
        held = change.after
        if held.kind == ABSENT:
            return None
        if held.text is not None:
            return content_of(held)
        try:
            content = bytes_at(self._root / change.path, held.kind)
        except OSError as error:
            raise NotRestored(change.path, "is not kept, and the project has no such file") from error
        again = held_of(held.kind, content, redact=self._redact, key=self._key)
        if (held.form == SECRET and again.digest != held.digest) or (
            held.form == LARGE and _sha(content) != held.digest
        ):
            raise NotRestored(change.path, "is not kept, and the file of the project is another")
        return content


def digest_of(changes: Iterable[Change]) -> str:
    """Return the digest of a state of the work copy; "" where it is as the project."""
    whole = hashlib.sha256()
    some = False
    for change in changes:
        some = True
        parts = (os.fsencode(change.path), change.after.kind.encode(), change.after.digest.encode())
        whole.update(b"\0".join(parts) + b"\n")
    return _encoded(whole.digest()) if some else ""


def held_of(kind: str, content: bytes, *, redact: Callable[[str], str], key: bytes) -> Held:
    """What is kept of a file: its text, or why it is not."""
    if len(content) > MOST_KEPT:
        return Held(kind, _sha(content), LARGE)
    try:
        text, form = content.decode(), PLAIN
    except UnicodeDecodeError:
        text, form = content.decode("latin-1"), BASE64
    if redact(text) != text:
        return Held(kind, _keyed(content, key), SECRET)
    return Held(kind, _sha(content), form, text if form == PLAIN else base64.b64encode(content).decode())


def holds(place: Path, held: Held, key: bytes) -> bool:
    """Whether a state stands at a place that is not followed where it is a link. Raises OSError."""
    try:
        seen = _seen(place)
    except (FileNotFoundError, NotADirectoryError):
        return held.kind == ABSENT
    if seen is None or seen[0] != held.kind:
        return False
    if held.form != SECRET:
        return seen[1] == held.digest
    return _keyed(bytes_at(place, held.kind), key) == held.digest


def bytes_at(place: Path, kind: str, most: int = -1) -> bytes:
    """The first bytes of a file, or where a link points: it is not followed. Raises OSError."""
    if kind == LINK:
        return os.fsencode(place.readlink())
    with _opened(place) as file:
        return file.read(most)


def content_of(held: Held) -> bytes:
    """The content of a file, or where a link points."""
    text = held.text or ""
    if held.form == BASE64:
        return base64.b64decode(text)
    # in logs from before a link to no UTF-8 was kept so, its bytes stand in the text as surrogates
    return os.fsencode(text) if held.kind == LINK else text.encode()


def _seen(place: Path) -> tuple[str, str] | None:
    mode = place.lstat().st_mode
    if stat.S_ISLNK(mode):
        return LINK, _sha(os.fsencode(place.readlink()))
    if not stat.S_ISREG(mode):
        return None
    with _opened(place) as file:
        digest = _encoded(hashlib.file_digest(file, "sha256").digest())
    return (PROGRAM if mode & stat.S_IXUSR else FILE), digest


def _opened(place: Path) -> BufferedReader:
    """Open a file, and nothing that a link leads to, and no pipe that waits for its writer."""
    handle = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    return os.fdopen(handle, "rb")


def _put(place: Path, kind: str, content: bytes | None) -> None:
    if content is None:
        place.unlink(missing_ok=True)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    place.write_bytes(content)
    place.chmod(0o755 if kind == PROGRAM else 0o644)


def _sha(content: bytes) -> str:
    return _encoded(hashlib.sha256(content).digest())


def _keyed(content: bytes, key: bytes) -> str:
    return _encoded(hmac.new(key, content, hashlib.sha256).digest())


def _encoded(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
