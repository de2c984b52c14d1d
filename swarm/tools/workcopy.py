"""The work copy: the project as it is now, in a private folder, for the commands that judge a draft.

In a git repository the copy holds the files that git tracks or would take (not the ignored ones), and a repository of its
own that borrows the user's objects: history, branches and index are there for `git diff`, and nothing that a command
does to them reaches the user. `git worktree add` would be shorter, but it writes into the user's repository: an entry in
its list of worktrees that a crash leaves behind, and it runs the user's hooks.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import AsyncGenerator, Collection, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import NoReturn

import anyio
import msgspec
from anyio import to_thread

from swarm.errors import UsageError
from swarm.paths import confined
from swarm.tools.deliver import file_bytes
from swarm.tools.repository import Repository, files_of, find_repository, give_repository, ignored_of, objects_of

MOST_BYTES = 500 * (1 << 20)
MOST_FILES = 50_000

_PREFIX = "swarm-copy-"
_PART = re.compile(r"\.swarm-[\w-]{12,16}\.part")  # what a delivery writes before it takes its place
_SLICE = 256  # files copied in a thread before a cancellation is looked at
_REMOVAL_S = 30
_UNCOPIED = frozenset((".git", "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"))  # of a plain folder


class CopyTooLarge(UsageError):
    """The project is more than a work copy may hold. Nothing was copied."""

    def __init__(self, *, root: Path, limit: str, largest: str) -> None:
        self.root, self.largest = root, largest
        super().__init__(
            f"the checks need a copy of {root}, and that has more than {limit}, most of it in {largest!r}; start in the "
            "folder that the task is about, or make it a git repository whose .gitignore names what no check needs"
        )


class WorkCopy(msgspec.Struct, frozen=True):
    """A copy of the project that is there until its context ends."""

    path: Path  # the copy of the project's folder
    temp: Path  # private, for what commands write to TMPDIR
    readable: tuple[
        Path, ...
    ] = ()  # of the user's, what the copy may lead to: the project, the objects that its git borrows

    def write_draft(self, path: str | None, text: str) -> Path:
        """Write a draft to its output path in the copy, as delivery would, and return where it stands.

        A draft without an output path gets a new file outside of the project's copy. Raises UsageError for a path that
        leads out of the project or cannot be written.
        """
        place = Path(tempfile.mkdtemp(dir=self.temp)) / "draft" if path is None else confined(self.path, path)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            mode = stat.S_IMODE(place.stat().st_mode) if place.exists() else None
            place.unlink(missing_ok=True)  # it may be read-only, and need not be one that stands in two places
            place.write_bytes(file_bytes(text))
            if mode is not None:
                place.chmod(mode)
        except OSError as error:
            raise UsageError(
                f"a draft cannot be written to {path!r}: {error.strerror or error}; name another output path"
            ) from error
        return place


@asynccontextmanager
async def open_work_copy(
    root: Path,
    *,
    max_bytes: int = MOST_BYTES,
    max_files: int = MOST_FILES,
    folder: Path | None = None,
    without: Collection[str] = (),
) -> AsyncGenerator[WorkCopy]:
    """Copy the project at `root` to a new folder that is its owner's alone, and remove it at the end.

    What stands at the paths of `without` is not in it, and is not opened: a process that opens and closes the file of an
    embedded log lets go of its locks. `folder` is where it is made; None is the temporary folder. What a killed process left there is removed first.
    Raises UsageError (CopyTooLarge) where the project cannot be copied.
    """
    root = await to_thread.run_sync(root.resolve)
    holder, lock = await to_thread.run_sync(_hold, root, folder)
    try:
        copy = WorkCopy(holder / "project", holder / "tmp")
        copy.path.mkdir()
        copy.temp.mkdir()
        borrowed = await _fill(copy.path, root, max_bytes, max_files, frozenset(without))
        yield msgspec.structs.replace(copy, readable=(root, *borrowed))
    finally:
        with anyio.move_on_after(_REMOVAL_S, shield=True):
            await to_thread.run_sync(_remove, holder, abandon_on_cancel=True)
        os.close(lock)


def _temporary(root: Path) -> Path:
    for candidate in (tempfile.gettempdir(), "/var/tmp", "/tmp"):
        place = Path(candidate).resolve()
        if place.is_dir() and os.access(place, os.W_OK) and not place.is_relative_to(root):
            return place
    raise UsageError(f"the checks need a copy of {root} in a folder outside of it; set TMPDIR to one")


def _hold(root: Path, folder: Path | None) -> tuple[Path, int]:
    """Make a folder for one copy; while the returned lock is open, no other process removes it."""
    folder = _temporary(root) if folder is None else folder
    _sweep(folder)
    while True:
        holder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=folder))
        lock = None
        try:
            lock = os.open(holder / "lock", os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(lock).st_nlink:
                return holder, lock
        except (FileNotFoundError, BlockingIOError):
            pass  # another process, sweeping, was quicker than the lock
        if lock is not None:
            os.close(lock)


def sweep(root: Path) -> None:
    """Remove what killed processes left of copies, where one of the project at `root` would be made."""
    with suppress(UsageError):  # there is no such place, and so no copy
        _sweep(_temporary(root.resolve()))


def left_copies(root: Path) -> list[Path]:
    """What `sweep` would remove. Nothing is changed."""
    try:
        return list(_left(_temporary(root.resolve())))
    except UsageError:
        return []


def _sweep(folder: Path) -> None:
    """Remove the copies of processes that are gone."""
    for holder in _holders(folder):
        if not (holder / "lock").exists():
            with suppress(OSError):
                holder.rmdir()  # the last step of a removal; one that is being made is made again
    for holder in _left(folder):
        _remove(holder)


def _left(folder: Path) -> Iterator[Path]:
    """Yield the copies whose locks nobody holds. While one is looked at we hold it ourselves."""
    for holder in _holders(folder):
        with suppress(OSError):
            lock = os.open(holder / "lock", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                yield holder
            finally:
                os.close(lock)


def _holders(folder: Path) -> Iterator[Path]:
    """Yield the folders of copies that are ours."""
    for holder in folder.glob(f"{_PREFIX}*"):
        with suppress(OSError):
            found = holder.lstat()
            if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid():
                yield holder


def _remove(holder: Path) -> None:
    """Delete a copy, its lock last; what cannot be deleted now is left for the next sweep."""
    parts = (holder / "project", holder / "tmp")
    for _ in range(3):  # a process that outlived its command may still be writing
        for part in parts:
            shutil.rmtree(part, ignore_errors=True)
        if not any(part.exists() for part in parts):
            shutil.rmtree(holder, ignore_errors=True)
            return
        for folder, folders, _ in os.walk(holder):
            for name in folders:
                with suppress(OSError):
                    if not (Path(folder) / name).is_symlink():
                        (Path(folder) / name).chmod(0o700)  # else it keeps what is in it


async def differing(
    copy: WorkCopy, root: Path, *, max_bytes: int = MOST_BYTES, max_files: int = MOST_FILES
) -> list[str]:
    """Return the paths of files that are not the same in the copy and in the project as it is now, sorted.

    What the project's git ignores does not count, nor do the caches that a copy leaves out. Raises CopyTooLarge.
    """
    root = await to_thread.run_sync(root.resolve)
    repository, names = await _found(root, max_bytes, max_files)
    changed = await to_thread.run_sync(_changed, root, copy.path, names)
    added = [name for name in changed if name not in set(names)]
    ignored = await ignored_of(root, added) if repository and added else frozenset[str]()
    return sorted(name for name in changed if name not in ignored)


def _changed(root: Path, tree: Path, names: Iterable[str]) -> list[str]:
    known, there = _files(root, names), _files(tree, walk(tree))
    return [name for name in known | there if name not in known & there or not _same(root, tree, name)]


def _files(folder: Path, names: Iterable[str]) -> frozenset[str]:
    """Return those of `names` that are what a copy is made of: files and symlinks."""
    found: set[str] = set()
    for name in names:
        with suppress(FileNotFoundError):
            mode = (folder / name).lstat().st_mode
            if stat.S_ISREG(mode) or stat.S_ISLNK(mode):
                found.add(name)
    return frozenset(found)


def _same(root: Path, tree: Path, name: str) -> bool:
    one, other = root / name, tree / name
    try:
        if one.is_symlink() or other.is_symlink():
            return (
                one.is_symlink() and other.is_symlink() and _retargeted(one.readlink(), root, tree) == other.readlink()
            )
        with one.open("rb") as first, other.open("rb") as second:
            if os.fstat(first.fileno()).st_size != os.fstat(second.fileno()).st_size:
                return False
            return all(piece == second.read(1 << 20) for piece in iter(partial(first.read, 1 << 20), b""))
    except OSError:  # it went away, or cannot be read: nobody can say that it is the same
        return False


async def _fill(tree: Path, root: Path, max_bytes: int, max_files: int, without: frozenset[str]) -> tuple[Path, ...]:
    """Make the copy, and return the folders of objects that its repository borrows."""
    try:
        repository, found = await _found(root, max_bytes, max_files, without)
        for start in range(0, len(found), _SLICE):
            await to_thread.run_sync(_copy, root, tree, found[start : start + _SLICE])
        if repository and repository.whole:
            await give_repository(repository, tree)
            return await to_thread.run_sync(objects_of, repository)
        return ()
    except OSError as error:
        raise UsageError(
            f"the checks need a copy of {root}, which cannot be made: {error.strerror or error} ({error.filename}); mend "
            "that, let .gitignore name the file, or set TMPDIR to a folder with more room"
        ) from error


async def _found(
    root: Path, max_bytes: int, max_files: int, without: frozenset[str] = frozenset()
) -> tuple[Repository | None, list[str]]:
    """What a copy of the project holds: the repository whose files they are, if there is one, and their paths."""
    listed: Iterable[str]
    repository = await find_repository(root)
    names = await files_of(root) if repository else ()
    if repository and (names or repository.whole):
        listed = names
    else:
        repository, listed = None, walk(root)  # a folder that a repository around it ignores is a plain one, too
    listed = (name for name in listed if name not in without)
    found = await to_thread.run_sync(partial(_measured, root, listed, max_bytes=max_bytes, max_files=max_files))
    return repository, found


async def tree_of(root: Path, *, without: Collection[str] = ()) -> str:
    """The project's state in one line: how many files, and a digest (SHA-256) of their paths, kinds and contents.

    `without` names files that do not count; nor does what is being delivered at that moment. Raises UsageError
    (CopyTooLarge) where the project cannot be copied.
    """
    root = await to_thread.run_sync(root.resolve)
    try:
        _, found = await _found(root, MOST_BYTES, MOST_FILES)
        names = sorted(name for name in set(found).difference(without) if not _PART.fullmatch(Path(name).name))
        number, digest = await to_thread.run_sync(_digest_of, root, names)
        return f"{number} file{'s' if number != 1 else ''}, {digest}"
    except OSError as error:
        raise UsageError(f"{root} cannot be read: {error.strerror or error} ({error.filename}); mend that") from error


def _digest_of(root: Path, names: Iterable[str]) -> tuple[int, str]:
    """How many files there are, and the digest of them."""
    whole, number = hashlib.sha256(), 0
    for name in names:
        with suppress(FileNotFoundError):  # deleted since it was listed
            mode = (root / name).lstat().st_mode
            if stat.S_ISLNK(mode):
                kind, content = "link", os.fsencode((root / name).readlink())
            elif stat.S_ISREG(mode):
                with (root / name).open("rb") as file:
                    content = hashlib.file_digest(file, "sha256").digest()
                kind = "program" if mode & stat.S_IXUSR else "file"
            else:
                continue  # a folder is what is in it
            whole.update(b"\0".join((os.fsencode(name), kind.encode(), content)) + b"\n")
            number += 1
    return number, whole.hexdigest()


def walk(root: Path) -> Iterator[str]:
    """Yield the path of everything below `root`, folders too, a folder before what is in it."""
    for folder, folders, files in os.walk(root, onerror=_raise):
        folders[:] = sorted(one for one in folders if one not in _UNCOPIED)
        beneath = os.path.relpath(folder, root)
        for name in (*folders, *sorted(files)):
            yield name if beneath == "." else f"{beneath}/{name}"


def _raise(error: OSError) -> NoReturn:
    raise error


def _measured(root: Path, names: Iterable[str], *, max_bytes: int, max_files: int) -> list[str]:
    """Return those of `names` that are there, not reached through a symlink. Raises CopyTooLarge."""
    found: list[str] = []
    real: dict[str, bool] = {"": True}
    by_folder: dict[str, list[int]] = {}
    total = 0
    for name in names:
        if not _is_real(root, name.rpartition("/")[0], real):
            continue
        try:
            size = (root / name).lstat().st_size
        except FileNotFoundError:
            continue  # deleted, but still in the index
        found.append(name)
        total += size
        entry = by_folder.setdefault(name.partition("/")[0], [0, 0])
        entry[0], entry[1] = entry[0] + size, entry[1] + 1
        if total > max_bytes or len(found) > max_files:
            which = 0 if total > max_bytes else 1
            raise CopyTooLarge(
                root=root,
                limit=f"{max_bytes / (1 << 20):,.0f} MiB" if which == 0 else f"{max_files:,} files",
                largest=max(by_folder, key=lambda top: by_folder[top][which]),
            )
    return found


def _is_real(root: Path, folder: str, known: dict[str, bool]) -> bool:
    """Say whether a folder and all those above it, up to `root`, are folders and no symlinks to some."""
    if folder not in known:
        above = _is_real(root, folder.rpartition("/")[0], known)
        known[folder] = above and not (root / folder).is_symlink() and (root / folder).is_dir()
    return known[folder]


def _copy(root: Path, tree: Path, names: Iterable[str]) -> None:
    made: set[Path] = set()
    for name in names:
        source, target = root / name, tree / name
        if target.parent not in made:
            target.parent.mkdir(parents=True, exist_ok=True)
            made.add(target.parent)
        with suppress(FileNotFoundError):  # deleted since it was listed
            mode = source.lstat().st_mode
            if stat.S_ISLNK(mode):
                target.symlink_to(_retargeted(source.readlink(), root, tree))
            elif stat.S_ISDIR(mode):
                target.mkdir(exist_ok=True)
            elif stat.S_ISREG(mode):
                _copy_file(source, target)


def _retargeted(target: Path, root: Path, tree: Path) -> Path:
    """Where a symlink of the copy points: one that names the project by its full path would lead back to the user's."""
    return tree / target.relative_to(root) if target.is_relative_to(root) else target


def _copy_file(source: Path, target: Path) -> None:
    """Copy content, mode and time of change; file systems that can share blocks between files are let to."""
    handle = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb", buffering=0) as old, target.open("xb", buffering=0) as new:
        if not _copied_by_kernel(old.fileno(), new.fileno()):
            shutil.copyfileobj(old, new, 1 << 20)
        found = os.fstat(old.fileno())
        os.fchmod(new.fileno(), stat.S_IMODE(found.st_mode) & 0o777)
        os.utime(new.fileno(), ns=(found.st_atime_ns, found.st_mtime_ns))


def _copied_by_kernel(old: int, new: int) -> bool:
    copy_range = getattr(os, "copy_file_range", None)  # Linux only
    if copy_range is None:
        return False
    try:
        while copy_range(old, new, 1 << 30):
            pass
    except OSError:
        if os.lseek(new, 0, os.SEEK_CUR):
            raise  # in the middle: the disk is full
        return False
    return True
