"""What git says of the project, asked without changing anything, and a repository for a copy that borrows its objects."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import anyio
import msgspec
from anyio import to_thread

from swarm.errors import UsageError

_PATIENCE_S = 120
_MOST_BORROWED = 10
_ASKED = ("objects", "index", "shallow", "info/exclude")


class Repository(msgspec.Struct, frozen=True, kw_only=True):
    """A git repository in whose working tree the project lies."""

    root: Path  # the project's folder
    whole: bool  # the project is the whole working tree, not a folder in it
    object_format: str
    objects: Path
    index: Path
    shallow: Path
    exclude: Path


async def find_repository(root: Path) -> Repository | None:
    """Return the repository that `root` lies in; None where there is none, or no git."""
    asked = [argument for path in _ASKED for argument in ("--git-path", path)]
    said = await _git(root, "rev-parse", "--is-inside-work-tree", "--show-object-format", *asked, "--show-cdup")
    lines = said.split("\n") if said is not None else []
    if len(lines) < 3 + len(_ASKED) or lines[0] != "true":
        return None
    objects, index, shallow, exclude = (root / line for line in lines[2 : 2 + len(_ASKED)])
    return Repository(
        root=root,
        whole=not lines[2 + len(_ASKED)],
        object_format=lines[1],
        objects=objects,
        index=index,
        shallow=shallow,
        exclude=exclude,
    )


async def files_of(root: Path) -> tuple[str, ...]:
    """Return the paths below `root` of the files that git tracks or would take, those of submodules too."""
    said = await _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    names: list[str] = []
    for name in dict.fromkeys((said or "").split("\0")):
        inner = root / name
        if name and (inner / ".git").exists() and not inner.is_symlink():  # a submodule, or a repository in this one
            names += [f"{name.rstrip('/')}/{below}" for below in await files_of(inner)]
        elif name:
            names.append(name)
    return tuple(names)


async def ignored_of(root: Path, names: Sequence[str]) -> frozenset[str]:
    """Return those of `names`, below `root`, that git would not take. They need not be there."""
    said = await _git(root, "check-ignore", "-z", "--stdin", "--no-index", told="\0".join(names))
    return frozenset((said or "").split("\0"))


def objects_of(repository: Repository) -> tuple[Path, ...]:
    """Return the folders in which a repository has its objects: its own, and those that it borrows some from itself."""
    found: list[Path] = []
    todo = [repository.objects]
    while todo and len(found) < _MOST_BORROWED:
        folder = todo.pop().resolve()
        if folder.is_dir() and folder not in found:
            found.append(folder)
            with suppress(OSError):
                lines = os.fsdecode((folder / "info" / "alternates").read_bytes()).split("\n")
                todo += [folder / line for line in lines if line and not line.startswith("#")]
    return tuple(found)


async def give_repository(source: Repository, copy: Path) -> None:
    """Make `copy` a repository with the history, the branches and the index of `source`, which stays as it is.

    Settings, remotes and hooks are not taken over. Raises UsageError where git cannot make one.
    """
    form = () if source.object_format == "sha1" else (f"--object-format={source.object_format}",)
    if await _git(copy, "init", "--quiet", "--template=", *form) is None:
        raise UsageError(f"git made no repository in {copy}; see whether `git init` works there")
    refs = await _git(source.root, "for-each-ref", "--format=%(objectname) %(refname)")
    branch = await _git(source.root, "symbolic-ref", "--quiet", "HEAD")
    commit = await _git(source.root, "rev-parse", "--quiet", "--verify", "HEAD")
    head = f"ref: {branch}" if branch else commit or ""
    await to_thread.run_sync(_write, source, copy / ".git", refs or "", head)


def _write(source: Repository, git: Path, refs: str, head: str) -> None:
    (git / "objects" / "info").mkdir(parents=True, exist_ok=True)
    (git / "info").mkdir(exist_ok=True)
    (git / "objects" / "info" / "alternates").write_bytes(os.fsencode(source.objects.resolve()) + b"\n")
    (git / "packed-refs").write_bytes(os.fsencode(refs + "\n") if refs else b"")
    if head:
        (git / "HEAD").write_bytes(os.fsencode(head.strip()) + b"\n")
    shared = sorted(source.index.parent.glob("sharedindex.*"))  # the other half of an index that is split
    for file, name in [
        (source.index, "index"),
        (source.shallow, "shallow"),
        (source.exclude, "info/exclude"),
        *((part, part.name) for part in shared),
    ]:
        if file.is_file():
            shutil.copy2(file, git / name)


async def _git(folder: Path, *arguments: str, told: str = "") -> str | None:
    """Return what git prints; None where it fails or is not installed. It takes no lock and starts no watcher."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}  # a hook's own
    environ |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_DEFAULT_REF_FORMAT": "files", "LC_ALL": "C"}
    argv = ["git", "-c", "core.fsmonitor=false", "-C", str(folder), *arguments]
    try:
        with anyio.fail_after(_PATIENCE_S):
            done = await anyio.run_process(argv, check=False, env=environ, input=os.fsencode(told))
    except FileNotFoundError:
        return None
    except TimeoutError as error:
        raise UsageError(
            f"git did not answer in {folder} within {_PATIENCE_S} s; see what `git status` does"
        ) from error
    return os.fsdecode(done.stdout).removesuffix("\n") if done.returncode == 0 else None
