"""What can be known of the disk that a log lies on, or will lie on."""

from __future__ import annotations

from pathlib import Path


def network_kind(url: str | Path) -> str:
    """Return the type of the network file system that the log at `url` lies on, such as nfs4; empty where it is none."""
    from events.sqlite.filesystem import network_kind

    return network_kind(Path(url).expanduser())
