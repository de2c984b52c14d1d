"""Running commands and Python code in the work copy, for models."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from anyio import to_thread

from swarm.messages import ToolSpec
from swarm.paths import OutsideProject, confined
from swarm.tools.base import Said, Tool, ToolRefused
from swarm.tools.command import KIBIBYTE, CommandNotStarted, Outcome, Wrap, run_command
from swarm.tools.limits import Limits
from swarm.tools.sandbox.box import Sandbox

OUTPUT_BYTES = 256 * KIBIBYTE
TIMEOUT_S = 120.0


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """What one use may take."""

    timeout_s: float = TIMEOUT_S  # a model may ask for less
    output_bytes: int = OUTPUT_BYTES  # that are kept of what it prints, its beginning and its end
    limits: Limits | None = None  # None: the usual ones


BOUNDS = Bounds()


def shell_tools(
    box: Sandbox,
    copy: Path,
    temp: Path,
    *,
    readable: Sequence[Path] = (),
    network: bool = False,
    bounds: Bounds = BOUNDS,
    env: Mapping[str, str] | None = None,
) -> tuple[Tool, Tool]:
    """Return `run` and `python`, which work in `copy` and write nowhere but there and in `temp`, as far as `box` keeps that.

    `readable` is what they must be able to read of the user's, `env` is given to what they start.
    """
    shell = _Shell(copy, temp, partial(box.wrap, copy=copy, temp=temp, readable=readable, network=network), bounds, env)
    where = "the network can be reached" if network else "no network"
    run = _spec("run", f"Run a shell command in the project; {where}.", "command", folder={"type": "string"})
    python = _spec("python", f"Run a Python script in the project; {where}.", "code")
    return (
        Tool(spec=run, effect="copy", use=shell.run, subject="command", tags=("shell", "bash", "test", "build")),
        Tool(spec=python, effect="copy", use=shell.python, subject="code", tags=("script", "compute", "calculate")),
    )


def _spec(name: str, description: str, required: str, **further: Mapping[str, Any]) -> ToolSpec:
    properties = {required: {"type": "string"}, **further, "timeout_s": {"type": "number", "exclusiveMinimum": 0}}
    schema = {"type": "object", "properties": properties, "required": [required], "additionalProperties": False}
    return ToolSpec(name, description, schema)


class _Shell:
    """Where commands run, and within which bounds."""

    def __init__(
        self, copy: Path, temp: Path, wrap: Callable[[], Wrap], bounds: Bounds, env: Mapping[str, str] | None
    ) -> None:
        self._copy, self._temp, self._wrap, self._bounds = copy, temp, wrap, bounds
        self._env = {**(env or {}), "GIT_CEILING_DIRECTORIES": str(copy.parent)}

    async def run(self, arguments: Mapping[str, Any]) -> Said:
        return await self._said(arguments["command"], self._folder(arguments.get("folder", ".")), arguments)

    async def python(self, arguments: Mapping[str, Any]) -> Said:
        script = await to_thread.run_sync(self._written, arguments["code"])
        try:
            return await self._said(shlex.join((sys.executable, "-I", str(script))), self._copy, arguments)
        finally:
            script.unlink(missing_ok=True)

    def _folder(self, named: str) -> Path:
        """The folder of the copy that a model names. Raises ToolRefused."""
        if named.strip("./") == "" and ".." not in named and not named.startswith("/"):
            return self._copy
        try:
            place = confined(self._copy, named)
        except OutsideProject as error:
            raise ToolRefused(str(error)) from error
        if not place.is_dir():
            raise ToolRefused(f"there is no folder {named[:80]!r} in the project")
        return place

    def _written(self, code: str) -> Path:
        """A new file with the code. An earlier command may have written to `temp`, so the name is one that it cannot know."""
        handle, name = tempfile.mkstemp(prefix="script-", suffix=".py", dir=self._temp)
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogatepass", newline="") as file:
            file.write(code)
        return Path(name)

    async def _said(self, command: str, folder: Path, arguments: Mapping[str, Any]) -> Said:
        bounds = self._bounds
        try:
            outcome = await run_command(
                command,
                cwd=folder,
                env=self._env,
                timeout_s=min(arguments.get("timeout_s", bounds.timeout_s), bounds.timeout_s),
                output_limit=bounds.output_bytes,
                temp=self._temp,
                wrap=await to_thread.run_sync(self._wrap),
                limits=bounds.limits,
            )
        except CommandNotStarted as error:
            raise ToolRefused(str(error)) from error
        return _told(outcome)


def _told(outcome: Outcome) -> Said:
    """What a model is told: the output as it came, and how it ended where that is not just well."""
    how = outcome.how or ("" if outcome.output.strip() else "it printed nothing")
    gap = "\n" if how and outcome.output and not outcome.output.endswith("\n") else ""
    return Said(
        text=outcome.output + gap + (f"[{how}]" if how else ""),
        failed=outcome.exit_code != 0,
        exit_code=outcome.exit_code,
        cut=outcome.cut,
    )
