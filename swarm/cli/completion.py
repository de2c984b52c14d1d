"""`swarm completion bash|zsh|fish`: prints the script with which a shell completes commands, options and sessions."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import anyio

from swarm.errors import SwarmError, UsageError

if TYPE_CHECKING:
    from swarm.cli.output import Output

_NEWEST = 20  # sessions that are offered
_SHELLS = ("bash", "zsh", "fish")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        'bash:  eval "$(swarm completion bash)"      in ~/.bashrc\n'
        'zsh:   eval "$(swarm completion zsh)"       in ~/.zshrc, behind compinit\n'
        "fish:  swarm completion fish > ~/.config/fish/completions/swarm.fish"
    )
    parser.add_argument("shell", nargs="?", choices=_SHELLS, help="the shell that the script is for")
    parser.add_argument("--sessions", action="store_true", help="print what a script offers for a session instead")


def run(args: argparse.Namespace) -> int:
    output: Output = args.output
    if args.sessions:
        for name in _sessions(args):
            output.line(name)
        return 0
    if args.shell is None:
        raise UsageError(f"swarm completion: name the shell: {', '.join(_SHELLS)}; see `swarm completion --help`")
    from swarm.cli.grammar import spoken_commands
    from swarm.cli.shells import SHELLS

    script = SHELLS[args.shell](spoken_commands())
    if output.json:
        output.document("swarm.completion/1", {"shell": args.shell, "script": script})
    else:
        output.line(script.rstrip("\n"))
    return 0


def _sessions(args: argparse.Namespace) -> list[str]:
    """The newest sessions of the log, without reading it; none where it cannot be read: a shell asks at each tab."""
    from swarm.cli.recorded import settings_of

    try:
        last = anyio.run(_last, settings_of(args).log)
    except SwarmError:
        return []
    return [f"s{number}" for number in range(last, max(0, last - _NEWEST), -1)]


async def _last(url: str) -> int:
    from swarm.cli.recorded import recorded

    async with recorded(url) as log:
        entry = await log.last("sessions")
        return entry.session if entry is not None else 0
