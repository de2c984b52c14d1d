"""Changing one key of the user's settings file, and leaving everything else in it as it stands."""

from __future__ import annotations

import os
import re
import tempfile
import tomllib
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

from swarm.errors import UsageError
from swarm.settings.tomlfile import KeyPath, dotted, keys_in, read_toml

_VALUE = re.compile(r"""(?P<before>[^=]*=\s*)(?P<value>"[^"\n]*"|'[^'\n]*'|[^\s#]+)(?P<after>\s*(?:#.*)?)""")


def set_key(path: Path, key: KeyPath, value: str | int) -> None:
    """Give a key of a table in the settings file a value; the file and its folder are made where they are missing.

    Raises UsageError with the line to write where that cannot be done without touching anything else, and where the file
    cannot be read or written.
    """
    old = read_toml(path) if path.exists() else None
    text = path.resolve().read_text("utf-8") if old else ""
    changed = with_key(text, key, value)
    if changed is None:
        raise UsageError(
            f"{path} cannot be changed without rewriting it; write `{dotted(key)} = {_written(value)}` into it yourself"
        )
    try:
        replace_file(path.resolve(), changed)  # what a link leads to, not the link
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror}); correct its permissions") from error


def with_key(text: str, key: KeyPath, value: str | int) -> str | None:
    """The text of a TOML file in which the key of a table has the value; None where no change of one line does that."""
    lines = text.splitlines(keepends=True)
    stands = {found: number - 1 for number, found in keys_in([line.rstrip("\r\n") for line in lines])}
    table, line = key[:-1], f"{key[-1]} = {_written(value)}\n"
    if key in stands:
        at = stands[key]
        lines[at] = _VALUE.sub(lambda found: f"{found['before']}{_written(value)}{found['after']}", lines[at], count=1)
    elif table in stands:
        at = stands[table]
        lines[at] = lines[at].rstrip("\r\n") + "\n"
        lines.insert(at + 1, line)
    elif beside := [at for found, at in stands.items() if found[: len(table)] == table]:
        lines.insert(min(beside), f"{dotted(table)}.{line}")
    else:
        gap = ["" if not text or text.endswith("\n") else "\n", "\n" if text.strip() else ""]
        lines += [*gap, f"[{dotted(table)}]\n", line]
    changed = "".join(lines)
    return changed if _parsed(changed) == _with(_parsed(text), key, value) else None


def _written(value: str | int) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return None


def _with(data: dict[str, Any] | None, key: KeyPath, value: str | int) -> dict[str, Any]:
    changed = deepcopy(data or {})
    inner = changed
    for part in key[:-1]:
        inner = inner.setdefault(part, {})
    inner[key[-1]] = value
    return changed


def replace_file(path: Path, text: str) -> None:
    """Put the text where the file stands, whole or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    new = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.chmod(mode)
        new.replace(path)
    except BaseException:
        with suppress(OSError):
            new.unlink()
        raise
