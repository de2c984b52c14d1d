"""What a server is given of our environment: the variables that its configuration names, and the little that every program needs."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from swarm.redact import Secrets
from swarm.settings.mcpserver import VARIABLE, McpServer, wrong_url
from swarm.tools.mcp.errors import ServerUnready

_KEPT = re.compile(r"PATH|HOME|USER|LOGNAME|LANG|LANGUAGE|LC_[A-Z]+|TZ|TMPDIR")
_SECRET_HEADER = re.compile(r"auth|cookie|key|token|secret|pass", re.IGNORECASE)


def filled(server: McpServer, environ: Mapping[str, str]) -> McpServer:
    """Return the server with the variables of its values filled in. Raises ServerUnready."""
    missing = sorted({name for text in _written(server) for name in _missing(text, environ)})
    if missing:
        raise ServerUnready(
            f"it needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not set; export it, or give it a value in "
            f"{server.place or 'its configuration'} with ${{{missing[0]}:-VALUE}}"
        )

    def fill(text: str) -> str:
        return VARIABLE.sub(lambda found: environ.get(found[1]) or (found[2] or ""), text)

    ready = msgspec.structs.replace(
        server,
        command=fill(server.command),
        args=tuple(map(fill, server.args)),
        env={name: fill(value) for name, value in server.env.items()},
        cwd=fill(server.cwd),
        url=fill(server.url),
        headers={name: fill(value) for name, value in server.headers.items()},
    )
    if ready.url and (wrong := wrong_url(ready.url)):
        raise ServerUnready(wrong)
    if any(not value.isprintable() for value in ready.headers.values()):
        raise ServerUnready("the value of a header has characters that no header can have")
    return ready


def environment(server: McpServer, environ: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a server that is filled in."""
    return {name: value for name, value in environ.items() if _KEPT.fullmatch(name)} | dict(server.env)


def secrets_of(server: McpServer) -> Secrets:
    """What of a server that is filled in no text may hold: what its environment and its headers say under names of secrets."""
    values = dict(server.env) | {"MCP_SERVER": server.url}  # a URL may have a password in it
    headers = {name: value for name, value in server.headers.items() if _SECRET_HEADER.search(name)}
    words = {f"{name}_VALUE": value.split(" ")[-1] for name, value in headers.items()}  # without the scheme before it
    return Secrets.from_environ(values | headers | words, extra_names=[*headers, *words])


def shown_of(server: McpServer) -> str:
    """What a server is, on one line, as it is written: variables by their names, without secrets that somebody wrote there."""
    written = msgspec.structs.replace(server, env=_literal(server.env), headers=_literal(server.headers))
    return secrets_of(written).redact(server.shown)


def _literal(values: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if not VARIABLE.search(value)}


def _written(server: McpServer) -> tuple[str, ...]:
    return (server.command, *server.args, *server.env.values(), server.cwd, server.url, *server.headers.values())


def _missing(text: str, environ: Mapping[str, str]) -> list[str]:
    return [found[1] for found in VARIABLE.finditer(text) if not environ.get(found[1]) and found[2] is None]
