"""What a path in a task file may be: a place inside of the project, named from the project's folder. Pure."""

from __future__ import annotations

import posixpath

from swarm.units import shortened

_RELATIVE = "write a path relative to the project's folder, without '..'"


class BadPath(ValueError):
    """A path cannot be used. `what` goes behind its name in a sentence, `hint` says what to do."""

    def __init__(self, what: str, hint: str) -> None:
        self.what, self.hint = what, hint
        super().__init__(f"{what}; {hint}")


def project_path(written: str) -> str:
    """Return a path or glob in its normal form. Raises BadPath where it does not stay inside of the project."""
    is_glob = any(sign in written for sign in "*?[")
    if written.startswith(("/", "~")):
        raise BadPath(f"is {shortened(written)}, a path outside of the project", _RELATIVE)
    leads_up = posixpath.normpath(written).split("/")[0] == ".."
    if ".." in written.split("/") and (is_glob or "{{" in written or leads_up):
        raise BadPath(f"is {shortened(written)}, which leads out of the project", _RELATIVE)
    return posixpath.normpath(written)


def output_path(written: str) -> str:
    """Return the path of a file that is written. Raises BadPath."""
    path = project_path(written)
    if path == "." or written.endswith("/"):
        raise BadPath("is a folder", "name the file that is written")
    if ".git" in path.lower().split("/"):
        raise BadPath("is inside of .git", "write to another folder")
    return path


def piece_of_path(value: str) -> str:
    """Return a value that is to stand in a path. Raises BadPath where it is empty, climbs, or is no name of a file."""
    if not value.strip():
        raise BadPath("is empty", "say what the path is to be made of")
    if ".." in value.split("/") or value.startswith(("/", "~")):
        raise BadPath(f"is {shortened(value)}, which leads elsewhere", "give names of files or folders")
    if not value.isprintable() or len(value) > 255:
        raise BadPath(f"is {shortened(value)}, which is no name of a file", "give a short name on one line")
    return value
