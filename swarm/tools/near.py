"""What is near a path that is not there: names that a sentence can offer."""

from __future__ import annotations

from difflib import get_close_matches
from itertools import islice

from swarm.tools.enclosure import Enclosure, NotThere, Unusable, printable

_MOST_NAMES = 5_000  # looked at
_OFFERED = 3


def told(enclosure: Enclosure, error: NotThere) -> NotThere:
    """Return the error with what is near it: files of that name elsewhere, then files and folders named nearly so."""
    found = _near(enclosure, error.path)
    offered = f"near it: {', '.join(map(printable, found))}" if found else "see what is there with `list`"
    return NotThere(error.path, f"is not there; {offered}")


def _near(enclosure: Enclosure, path: str) -> list[str]:
    names = _names(enclosure)
    wanted = path.strip("/").removeprefix("./").lower()
    last = wanted.rpartition("/")[2]
    same = [name for name in names if name.rstrip("/").lower().rpartition("/")[2] == last]
    lower = {name.rstrip("/").lower(): name for name in names}
    close = [lower[name] for name in get_close_matches(wanted, lower, n=_OFFERED, cutoff=0.7)]
    ends = {name.rpartition("/")[2]: whole for name, whole in lower.items()}
    closest = [ends[name] for name in get_close_matches(last, ends, n=_OFFERED, cutoff=0.75)]
    return list(dict.fromkeys((*same, *close, *closest)))[:_OFFERED]


def _names(enclosure: Enclosure) -> list[str]:
    """The files of the project and the folders that they stand in, those with a slash behind them."""
    try:
        files = [entry.name for entry in islice(enclosure.walk("."), _MOST_NAMES)]
    except Unusable:
        return []
    folders = {name[: at + 1] for name in files for at, sign in enumerate(name) if sign == "/"}
    return sorted((*files, *folders))
