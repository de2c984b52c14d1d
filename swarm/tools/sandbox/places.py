"""What of the disk a command in the sandbox sees: all but people's folders, and of those what programs are run from.

Paths are plain strings here: it is asked for each command, and Path would take longer than bubblewrap does.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

_HOMES = ("/home", "/root")
_TEMPORARY = ("/tmp", "/var/tmp")
_RUNNING = "/run"  # where servers have their sockets: Docker's, D-Bus's, those of agents that hold keys
_OF_RUNNING = ("/run/current-system", "/run/wrappers")  # NixOS keeps its programs there

_PROGRAMS = (
    *(".asdf", ".bun/bin", ".cargo", ".deno/bin", ".dotnet", ".elan", ".ghcup", ".goenv", ".juliaup", ".local/bin"),
    *(".local/lib", ".local/pipx", ".local/share/mise", ".local/share/pipx", ".local/share/pnpm"),
    *(
        ".local/share/uv/python",
        ".local/share/uv/tools",
        ".nix-profile",
        ".nvm",
        ".opam",
        ".pyenv",
        ".rbenv",
        ".rustup",
    ),
    *(".sdkman", ".volta", "go", "anaconda3", "mambaforge", "miniconda3", "miniforge3"),
)
"""Where version managers and package managers put programs below a home folder; what is on PATH comes to it."""

_SECRET = (
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".local/share/pnpm/rc",
)  # below a home folder, among programs
_SECRET_NAMES = (
    ".netrc",
    ".npmrc",
    ".pypirc",
    ".git-credentials",
    ".envrc",
    ".git/config",
)  # in a folder that is shown
_SYSTEM_SECRETS = (
    *("/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/sudoers", "/etc/sudoers.d"),
    *("/etc/krb5.keytab", "/etc/ssl/private", "/etc/wireguard", "/etc/NetworkManager/system-connections"),
)
"""What root alone may read. A command that root started reads as root does."""


_SAMPLES = ("example", "sample", "template", "dist")  # an .env of these holds no key


class Places(msgspec.Struct, frozen=True, kw_only=True):
    """Folders and files by what becomes of them; each exists, by its real path. What is named nowhere can be read."""

    home: str  # the user's, which is empty in the sandbox and can be written to
    masked: tuple[str, ...]  # folders that are empty in it, the home folder among them
    temporary: tuple[str, ...]  # empty, and can be written to
    shown: tuple[str, ...]  # can be read although they lie in one that is empty
    hidden: tuple[str, ...]  # cannot be read although they lie in one that can

    @property
    def emptied(self) -> tuple[str, ...]:
        return (*self.masked, *self.temporary)


def find_places(environ: Mapping[str, str], *, readable: Sequence[Path] = (), hidden: Sequence[Path] = ()) -> Places:
    """Find them on this machine as it is now. `readable` are folders that a command needs, `hidden` what it may not see.

    A readable folder that holds a whole home folder is not shown; one that holds a readable one or Python is not hidden.
    """
    home = os.path.realpath(name) if (name := environ.get("HOME", "")).startswith("/") else ""
    masked = _outermost(_folders([*_HOMES, _RUNNING, home]))
    temporary = _outermost(_folders([*_TEMPORARY, tempfile.gettempdir()]))
    emptied = (*masked, *temporary)
    needed = [os.fspath(folder) for folder in readable]
    wanted = _real([*_programs(environ, home), *_OF_RUNNING, *needed])
    shown = _outermost([place for place in wanted if not any(within(each, place) for each in emptied)])
    kept = [*_real([*needed, sys.prefix, sys.base_prefix, "/usr"])]
    wished = [place for place in _real(map(os.fspath, hidden)) if not any(within(each, place) for each in kept)]
    secrets = [*_SYSTEM_SECRETS, *wished, *(f"{home}/{name}" for name in _SECRET), *_sockets()]
    secrets += [f"/etc/ssh/{name}" for name in _listed("/etc/ssh") if name.endswith("_key")]
    secrets += [secret for folder in dict.fromkeys((*needed, *shown)) for secret in _secrets_in(folder)]
    seen = [place for place in _real(secrets) if _seen(place, emptied, shown)]
    return Places(home=home, masked=masked, temporary=temporary, shown=shown, hidden=_outermost(seen))


def within(place: str, folder: str) -> bool:
    """Say whether a real path is that of a folder, or of something in it."""
    return place == folder or place.startswith(f"{folder}/") or folder == "/"


def _programs(environ: Mapping[str, str], home: str) -> Iterator[str]:
    """Where programs are run from: this Python, what is on PATH, what version managers keep."""
    yield from (sys.prefix, sys.base_prefix, sys.exec_prefix, sys.executable)
    for place in filter(os.path.isabs, environ.get("PATH", "").split(":")):
        yield place
        above, name = os.path.split(os.path.realpath(place))
        if name in ("bin", "sbin", "shims") and above not in (home, f"{home}/.local"):
            yield above  # its libraries
    yield from (f"{home}/{name}" for name in _PROGRAMS) if home else ()


def _secrets_in(folder: str) -> Iterator[str]:
    """The files of a project that tools keep keys in, where they stand at its top."""
    yield from (f"{folder}/{name}" for name in _SECRET_NAMES)
    for name in _listed(folder):
        if name == ".env" or (name.startswith(".env.") and name.rpartition(".")[2] not in _SAMPLES):
            yield f"{folder}/{name}"


def _sockets() -> Iterator[str]:
    """The sockets that somebody listens on by a name in the file system: no namespace of networks keeps anybody off them."""
    with suppress(OSError):
        for line in Path("/proc/net/unix").read_text(errors="replace").splitlines()[1:]:
            name = line.split(maxsplit=7)[7:]
            if name and name[0].startswith("/"):
                yield name[0]


def _seen(place: str, emptied: Sequence[str], shown: Sequence[str]) -> bool:
    return not any(within(place, each) for each in emptied) or any(within(place, each) for each in shown)


def _real(places: Iterable[str]) -> list[str]:
    """The real paths of those that exist, each once, an outer one before what is in it."""
    found = (os.path.realpath(place) for place in dict.fromkeys(places) if "\0" not in place and os.path.lexists(place))
    return sorted({place for place in found if os.path.exists(place)})  # noqa: PTH110


def _folders(places: Iterable[str]) -> list[str]:
    return [place for place in _real(places) if os.path.isdir(place) and place != "/"]  # noqa: PTH112


def _outermost(places: Sequence[str]) -> tuple[str, ...]:
    """Those that lie in none of the others."""
    return tuple(place for place in places if not any(place != each and within(place, each) for each in places))


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208
    except OSError:
        return []
