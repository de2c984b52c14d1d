"""Where a path of a task lies: inside of the project's folder, or refused."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from swarm.errors import UsageError


class OutsideProject(UsageError):
    """A path that a task names cannot be used. Nothing was read or written there."""

    def __init__(self, path: str, why: str) -> None:
        self.path, self.why = path, why
        super().__init__(f"{path!r} {why}; name a file inside of the project")


def confined(root: Path, path: str) -> Path:
    """Return where `path`, which is relative to the folder `root`, lies once every symlink is followed.

    It need not exist. Raises OutsideProject where it is not below `root`, or lies in a .git folder.
    """
    if not path or "\0" in path or PurePosixPath(path).is_absolute():
        raise OutsideProject(path, "is no path relative to the project")
    top = root.resolve()
    try:
        place = (top / path).resolve()
    except (OSError, RuntimeError) as error:  # a circle of symlinks is a RuntimeError up to Python 3.12
        raise OutsideProject(path, "cannot be followed to its end") from error
    if place == top or not place.is_relative_to(top):
        raise OutsideProject(path, "leads out of the project" if place != top else "is the project itself")
    if ".git" in (part.lower() for part in place.relative_to(top).parts):
        raise OutsideProject(path, "lies in git's own folder")
    return place


def runs_folder(url: str) -> Path:
    """Where the runs of a log write what they say: log.db has log.runs beside it. Raises UsageError for a log in memory."""
    if url == "memory:":
        raise UsageError(
            "--detach and --watch need a log in a file, because the session runs in another process; name one"
        )
    path = Path(url).expanduser().absolute()
    return path.with_name(f"{path.stem}.runs")
