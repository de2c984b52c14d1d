"""A sandbox as everything else knows it: what it is, what it cannot keep, and what it puts around a command."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from swarm.tools.command import Wrap
from swarm.tools.groups import Parent
from swarm.tools.sandbox.bubblewrap import bubblewrap_words
from swarm.tools.sandbox.fences import landlock_words
from swarm.tools.sandbox.places import find_places

Backend = Literal["bubblewrap", "landlock", "none"]

BACKENDS: tuple[Backend, ...] = ("bubblewrap", "landlock", "none")
"""From the one that keeps most to the one that keeps nothing."""

NOTHING_KEPT = ("files", "network", "unix sockets", "processes", "signals", "private /tmp", "devices")


class Sandbox(msgspec.Struct, frozen=True, kw_only=True):
    """What holds commands, as a preflight found it (`swarm.tools.sandbox.probe`)."""

    backend: Backend
    reason: str = ""  # why it is no better one
    missing: tuple[str, ...] = ()  # what it cannot keep
    version: str = ""
    hidden: tuple[Path, ...] = ()  # what no command may read, wherever it lies
    program: str = ""  # of bubblewrap
    more_namespaces: bool = False  # bubblewrap cannot forbid further ones
    counted: bool = False  # the system counts the processes of each command by themselves
    groups: tuple[Parent, ...] = ()

    def words(self, *, copy: Path, temp: Path, readable: Sequence[Path] = (), network: bool = False) -> tuple[str, ...]:
        """What is put before a command's own words, which then can write to `copy` and `temp` alone.

        `readable` is what it must be able to read among what is empty otherwise, home folders and /tmp. It starts in a
        folder that it can see, so in one of these. The environment is the starter's: it gives none that holds a key.
        """
        if self.backend == "none":
            return ()
        copy, temp = copy.resolve(), temp.resolve()
        places = find_places(os.environ, readable=readable, hidden=self.hidden)
        if self.backend == "landlock":
            return landlock_words(places, copy=copy, temp=temp, network=network)
        return tuple(
            bubblewrap_words(
                self.program, places, copy=copy, temp=temp, network=network, more_namespaces=self.more_namespaces
            )
        )

    def wrap(self, *, copy: Path, temp: Path, readable: Sequence[Path] = (), network: bool = False) -> Wrap:
        """The same for `run_command`. Caches go to `temp`, where the next command of the task finds them."""
        env = {"XDG_CACHE_HOME": f"{temp}/.cache"} if self.backend != "none" else {}
        if self.backend == "landlock":
            env["HOME"] = str(temp)  # the user's own cannot be read
        return Wrap(
            words=self.words(copy=copy, temp=temp, readable=readable, network=network),
            env=env,
            namespace=self.backend == "bubblewrap",
            counted=self.counted,
            groups=self.groups,
            folders=(copy, temp),
        )
