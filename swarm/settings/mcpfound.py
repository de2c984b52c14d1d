"""The servers of tools (MCP) that are configured here: whose file they stand in, which of two with one name holds, which may start."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import msgspec

from swarm.settings.layers import up_to_root
from swarm.settings.load import Loaded, config_dir, data_dir, home_dir
from swarm.settings.mcpfile import McpFile, read_mcp_file
from swarm.settings.mcpserver import McpOrigin, McpServer

PROJECT_FILE, USER_FILE = ".mcp.json", "mcp.json"


class McpFound(msgspec.Struct, frozen=True, kw_only=True):
    """All servers, those before others of the same name that hold; and what is wrong with their files."""

    servers: tuple[McpServer, ...] = ()
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def state(self, server: McpServer, trusted: Collection[str]) -> str:
        """Why a server takes no part; empty where it does."""
        if server.of_project and server.digest not in trusted:
            return "not confirmed"
        first = next(each for each in self._usable(trusted) if each.name == server.name)
        if first is not server:
            return f"covered by {first.origin}"
        return "disabled" if server.disabled else ""

    def taking_part(self, trusted: Collection[str]) -> tuple[McpServer, ...]:
        """The servers that may be started; `trusted` are the digests that a person has confirmed."""
        return tuple(each for each in self.servers if not self.state(each, trusted))

    def unconfirmed(self, trusted: Collection[str]) -> tuple[McpServer, ...]:
        """Those of the project that wait for a person, without those that are switched off."""
        return tuple(
            each for each in self.servers if self.state(each, trusted) == "not confirmed" and not each.disabled
        )

    def told(self, trusted: Collection[str]) -> str:
        """What a person is told of servers that would take part, were they confirmed; empty where there is none."""
        names = [each.name for each in self.unconfirmed(trusted)]
        if not names:
            return ""
        said = f"{', '.join(names[:5])}{f' and {len(names) - 5} more' if len(names) > 5 else ''}"
        return (
            f"servers of tools of this project that nobody confirmed take no part: {said}; look at them with `swarm mcp list`, "
            "and confirm them with `swarm mcp trust`"
        )

    def _usable(self, trusted: Collection[str]) -> list[McpServer]:
        return [each for each in self.servers if not each.of_project or each.digest in trusted]


def find_mcp_servers(loaded: Loaded, root: Path, environ: Mapping[str, str]) -> McpFound:
    """Read what is configured for a run in the folder `root`: by the settings, the project's files, the user's file."""
    home = home_dir(environ).resolve()
    files: list[McpFile] = []
    for folder in up_to_root(root.resolve(), home):
        if (path := folder / PROJECT_FILE).is_file():  # a pipe would be waited for
            origin: McpOrigin = "user" if folder == home else "project"
            files.append(read_mcp_file(path, origin=origin, of_project=origin == "project"))
    if (path := config_dir(environ) / USER_FILE).is_file():
        files.append(read_mcp_file(path, origin="user", of_project=False))
    return McpFound(
        servers=(*loaded.mcp, *(server for file in files for server in file.servers)),
        problems=tuple(said for file in files for said in file.problems),
        warnings=tuple(said for file in files for said in file.warnings),
    )


def kept_folder(environ: Mapping[str, str]) -> Path:
    """Return where it is kept what servers offered the last time."""
    return data_dir(environ) / "mcp"
