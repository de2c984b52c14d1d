"""The enclosure: files below one folder, opened, listed and written so that no path leads out of it.

Every folder on the way is opened from the one above it and never through a symlink; symlinks are read and followed by hand,
and end where they would lead out. So a folder that somebody swaps for a symlink between the look and the use is refused,
not followed. A hard link to a file elsewhere looks like any other file: it can be read by whoever was able to make it, and
writing never goes through it, because a file is written by putting a new one in its place.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal, NoReturn

import msgspec

from swarm.globs import CACHES
from swarm.tools.base import ToolRefused

PASSED_OVER = CACHES | {".venv", ".tox", ".nox", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis"}
"""Folders that are not looked into unless somebody names them."""

_GIT = ".git"
_MOST_LINKS = 40  # on the way to one file, as Linux has it
_MOST_PATH_BYTES = 4096
_MOST_DEPTH = 100  # each level of a walk holds a folder open
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC  # a pipe would wait for its writer
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


_Missing = Literal["refused", "named", "made"]
"""What becomes of a folder on the way that is not there."""


class Unusable(ToolRefused):
    """A path cannot be used in this way. Nothing was read or written."""

    def __init__(self, path: str, why: str) -> None:
        self.path, self.why = path, why
        super().__init__(f"{printable(path)} {why}")


class NotThere(Unusable):
    """A path names nothing that is there."""

    def __init__(self, path: str, why: str = "is not there") -> None:
        super().__init__(path, why)


class Entry(msgspec.Struct, frozen=True):
    """Something in a folder."""

    name: str
    kind: int  # as `stat.S_IFMT` gives it
    size: int
    target: str = ""  # of a symlink

    @property
    def is_folder(self) -> bool:
        return self.kind == stat.S_IFDIR

    @property
    def is_file(self) -> bool:
        return self.kind == stat.S_IFREG


class Found(msgspec.Struct, frozen=True):
    """A file that was read."""

    path: str  # relative to the enclosure, every symlink followed
    content: bytes
    size: int  # of the whole; more than `content` where that was cut
    mode: int


class _Place(msgspec.Struct, frozen=True):
    """Where a path leads: a name in an open folder. The enclosure itself has no name."""

    folder: int
    names: tuple[str, ...]
    named: str  # the path as it was given

    @property
    def name(self) -> str:
        return self.names[-1] if self.names else "."

    @property
    def path(self) -> str:
        return "/".join(self.names) or "."


class Enclosure:
    """Reading and writing below `root`, which is trusted and has to be there. Paths are relative to it.

    Every method raises Unusable (NotThere where a path names nothing) for a path that leads out, into git's own folder, or
    to what is no ordinary file or folder. Nothing blocks: pipes and devices are not opened.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._roots = frozenset((_parts(str(self.root)), _parts(str(root.absolute()))))

    def read(self, path: str, most_bytes: int) -> Found:
        """Return the file's first `most_bytes` bytes, and how many it has."""
        with self._leading(path) as place:
            handle, found = self._open(place)
            with os.fdopen(handle, "rb") as file:
                content = file.read(most_bytes)
                return Found(place.path, content, max(found.st_size, len(content)), stat.S_IMODE(found.st_mode))

    def where(self, path: str) -> str:
        """Return the path with every symlink followed; neither what it names nor the folders above it need be there."""
        with self._leading(path, missing="named") as place:
            return place.path

    def entry(self, path: str, *, follow: bool = True) -> Entry:
        """Say what a path names; with `follow` off, a symlink at its end is what it is."""
        with self._leading(path, follow=follow) as place:
            return _entry(place.name, place.folder)

    def entries(self, path: str) -> list[Entry]:
        """Return what is in a folder, by name, without git's own folder."""
        with self._leading(path) as place:
            folder = self._enter(place.folder, place.name, place.named)
            try:
                return self._listed(folder)
            finally:
                os.close(folder)

    def walk(self, path: str) -> Iterator[Entry]:
        """Yield every ordinary file below a folder, named from the enclosure, in the order of names.

        Symlinks are not followed, and folders of PASSED_OVER not entered. A folder that cannot be read is passed over.
        """
        with self._leading(path) as place:
            folder = self._enter(place.folder, place.name, place.named)
            yield from self._walked(folder, "".join(f"{name}/" for name in place.names), 0)

    def write(self, path: str, content: bytes, *, mode: int | None = None) -> None:
        """Give a file this content, whole or not at all; folders above it are made.

        It keeps its mode, or gets `mode`. What else bears its name as a hard link stays as it was.
        """
        with self._leading(path, missing="made") as place:
            _writable(place)
            self._put(place, content, mode)

    def remove(self, path: str) -> None:
        """Remove a file; a symlink at the end of the path is not followed and refused."""
        with self._leading(path, follow=False) as place:
            _regular(os.stat(place.name, dir_fd=place.folder, follow_symlinks=False), place.named)
            os.unlink(place.name, dir_fd=place.folder)

    def remove_empty(self, path: str) -> None:
        """Remove a folder where nothing is in it; a symlink to one is left alone."""
        with suppress(Unusable), self._leading(path, follow=False) as place:
            os.rmdir(place.name, dir_fd=place.folder)

    @contextmanager
    def _leading(self, path: str, *, missing: _Missing = "refused", follow: bool = True) -> Generator[_Place]:
        """Open the folder that holds what `path` names, turning what the system refuses on the way into Unusable."""
        parts = self._checked(path)
        way = _Way(self.root, self._roots, path, missing=missing, follow=follow)
        try:
            way.go(parts)
            yield _Place(way.folder, (*way.above, *way.left), path)
        except FileNotFoundError:
            raise NotThere(path) from None
        except OSError as error:
            _refuse(path, error)
        finally:
            os.close(way.folder)

    def _checked(self, path: str) -> tuple[str, ...]:
        """The parts of a path from the enclosure on."""
        if not path or "\0" in path:
            raise Unusable(path or "an empty path", "is no path; name a file or folder of the project")
        try:
            size = len(os.fsencode(path))
        except UnicodeEncodeError:
            raise Unusable(path, "holds what no file's name can hold") from None
        if size > _MOST_PATH_BYTES:
            raise Unusable(f"{path[:60]}...", f"is too long for a path ({size:,} bytes)")
        parts = _behind(self._roots, path) if path.startswith("/") else _parts(path)
        if parts is None:
            raise Unusable(path, "leads out of the project; name a path relative to it")
        return parts

    def _open(self, place: _Place) -> tuple[int, os.stat_result]:
        """Open an ordinary file to be read. What it is is looked at before, because to open a device can do something."""
        _regular(os.stat(place.name, dir_fd=place.folder, follow_symlinks=False), place.named)
        handle = os.open(place.name, _FILE, dir_fd=place.folder)
        try:
            return handle, _regular(os.fstat(handle), place.named)
        except Unusable:
            os.close(handle)
            raise

    def _enter(self, folder: int, name: str, path: str) -> int:
        if not stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise Unusable(path, "is no folder")
        return os.open(name, _FOLDER, dir_fd=folder)

    def _listed(self, folder: int) -> list[Entry]:
        found: list[Entry] = []
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.lower() != _GIT:
                    with suppress(FileNotFoundError):  # removed since
                        found.append(_entry(entry.name, folder))
        return sorted(found, key=lambda entry: entry.name)

    def _walked(self, folder: int, above: str, depth: int) -> Iterator[Entry]:
        """Yield the files below an open folder, and close it."""
        try:
            for entry in self._listed(folder):
                if entry.is_file:
                    yield Entry(above + entry.name, entry.kind, entry.size)
                elif entry.is_folder and entry.name not in PASSED_OVER and depth < _MOST_DEPTH:
                    with suppress(OSError):  # swapped or removed since, or not ours to read
                        below = os.open(entry.name, _FOLDER, dir_fd=folder)
                        yield from self._walked(below, f"{above}{entry.name}/", depth + 1)
        finally:
            os.close(folder)

    def _put(self, place: _Place, content: bytes, mode: int | None) -> None:
        """Write a new file beside the place and give it the name: a symlink or hard link there is replaced, not written through."""
        part = f".swarm-{secrets.token_hex(8)}.part"
        handle = os.open(part, _NEW, 0o666, dir_fd=place.folder)
        try:
            with os.fdopen(handle, "wb") as file:
                kept = _mode_at(place) if mode is None else mode
                if kept is not None:
                    os.fchmod(handle, kept & 0o777)
                file.write(content)
            os.rename(part, place.name, src_dir_fd=place.folder, dst_dir_fd=place.folder)
        except BaseException:
            with suppress(OSError):
                os.unlink(part, dir_fd=place.folder)
            raise


class _Way:
    """The walk along one path, part by part: `folder` is open, and was reached by the names in `above`."""

    def __init__(
        self, root: Path, roots: frozenset[tuple[str, ...]], path: str, *, missing: _Missing, follow: bool
    ) -> None:
        self.above: list[str] = []
        self.left: list[str] = []  # what the path names in `folder`: one name, more where folders are missing, or none
        self._root, self._roots = root, roots
        self._path, self._missing, self._follow = path, missing, follow
        self._links = 0
        self.folder = os.open(root, _FOLDER)
        self._git = _identity(_GIT, self.folder)

    def go(self, parts: Iterable[str]) -> None:
        todo = deque(part for part in parts if part not in ("", "."))
        while todo:
            name = todo.popleft()
            if name == "..":
                self._up()
                continue
            found = self._look(name)
            if found is not None and stat.S_ISLNK(found.st_mode) and (todo or self._follow):
                self._link(name, todo)
            elif not todo:
                self.left = [name]
            elif found is None and self._missing != "made":
                self._end((name, *todo))
                return
            else:
                self._enter(name, found)
        if not self.left and self.above:  # it ended with `..`, or with a symlink to a folder
            *above, last = self.above
            self._again(above)
            self.left = [last]

    def _look(self, name: str) -> os.stat_result | None:
        """Return what bears a name in the open folder, None where nothing does."""
        try:
            found = os.stat(name, dir_fd=self.folder, follow_symlinks=False)
        except FileNotFoundError:
            found = None
        if name.lower() == _GIT or (found is not None and (found.st_dev, found.st_ino) == self._git):
            raise Unusable(self._path, "lies in git's own folder, which no tool opens")
        return found

    def _end(self, left: tuple[str, ...]) -> None:
        """End at a folder that is not there: what lies below it has a name and nothing else."""
        if self._missing == "refused":
            raise NotThere(self._path)
        if ".." in left or _GIT in map(str.lower, left):
            raise Unusable(self._path, "leads through a folder that is not there")
        self.left = list(left)

    def _enter(self, name: str, found: os.stat_result | None) -> None:
        if found is None:
            with suppress(FileExistsError):  # somebody was quicker
                os.mkdir(name, dir_fd=self.folder)
        elif not stat.S_ISDIR(found.st_mode):
            raise Unusable(self._path, f"lies below {printable('/'.join((*self.above, name)))}, which is no folder")
        self._move_to(os.open(name, _FOLDER, dir_fd=self.folder))
        self.above.append(name)

    def _up(self) -> None:
        """Go to the folder above by the names that lead there: `..` itself would follow a folder that was moved away."""
        if not self.above:
            raise Unusable(self._path, "leads out of the project")
        self._again(self.above[:-1])

    def _link(self, name: str, todo: deque[str]) -> None:
        self._links += 1
        if self._links > _MOST_LINKS:
            raise Unusable(self._path, "leads through too many symlinks, or in a circle")
        target = os.readlink(name, dir_fd=self.folder)
        parts = _behind(self._roots, target) if target.startswith("/") else _parts(target)
        if parts is None:
            raise Unusable(self._path, f"leads out of the project by the symlink {printable(name)}")
        if target.startswith("/"):
            self._again([])
        todo.extendleft(part for part in reversed(parts) if part != ".")

    def _again(self, above: list[str]) -> None:
        self._move_to(os.open(self._root, _FOLDER))
        for name in above:
            self._move_to(os.open(name, _FOLDER, dir_fd=self.folder))
        self.above = above

    def _move_to(self, folder: int) -> None:
        os.close(self.folder)
        self.folder = folder


def _parts(path: str) -> tuple[str, ...]:
    return tuple(part for part in path.split("/") if part)


def _behind(roots: frozenset[tuple[str, ...]], path: str) -> tuple[str, ...] | None:
    """The parts of an absolute path behind those of the enclosure; None where it is not below."""
    parts = _parts(path)
    return next((parts[len(root) :] for root in roots if parts[: len(root)] == root), None)


def _identity(name: str, folder: int) -> tuple[int, int] | None:
    with suppress(OSError):
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        return found.st_dev, found.st_ino
    return None


def printable(name: str) -> str:
    """Return a name as it can be shown and stored: bytes and characters that have no shape become `?`."""
    return "".join(char if char.isprintable() else "?" for char in name)


def _entry(name: str, folder: int) -> Entry:
    found = os.stat(name, dir_fd=folder, follow_symlinks=False)
    kind = stat.S_IFMT(found.st_mode)
    target = ""
    if kind == stat.S_IFLNK:
        with suppress(OSError):
            target = os.readlink(name, dir_fd=folder)
    return Entry(name, kind, found.st_size, target)


def _mode_at(place: _Place) -> int | None:
    try:
        return stat.S_IMODE(os.stat(place.name, dir_fd=place.folder, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return None


def _writable(place: _Place) -> None:
    """Refuse what no new file may take the place of."""
    if not place.names:
        raise Unusable(place.named, "is the project's folder")
    with suppress(FileNotFoundError):
        _regular(os.stat(place.name, dir_fd=place.folder, follow_symlinks=False), place.named)


def _regular(found: os.stat_result, path: str) -> os.stat_result:
    """Raises Unusable for what is no ordinary file."""
    if stat.S_ISREG(found.st_mode):
        return found
    if stat.S_ISDIR(found.st_mode):
        raise Unusable(path, "is a folder; use `list` for what is in it")
    if stat.S_ISLNK(found.st_mode):
        raise Unusable(path, "is a symlink")
    raise Unusable(path, "is no ordinary file (a pipe, socket or device)")


def _refuse(path: str, error: OSError) -> NoReturn:
    match error.errno:
        case errno.ENAMETOOLONG:
            raise Unusable(f"{path[:60]}...", "is too long for a file's name") from error
        case errno.ELOOP | errno.ENOTDIR:
            raise Unusable(path, "was changed while it was opened; try again") from error
        case errno.EISDIR | errno.ENOTEMPTY | errno.EEXIST:
            raise Unusable(path, "is a folder, or became one") from error
        case errno.ENXIO:
            raise Unusable(path, "is no ordinary file (a pipe, socket or device)") from error
        case _:
            raise Unusable(path, f"cannot be used ({error.strerror or error})") from error
