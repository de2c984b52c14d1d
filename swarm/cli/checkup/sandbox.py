"""What holds the commands of models: tried, as a session tries it."""

from __future__ import annotations

import sys

from swarm.cli.checkup.finding import Finding
from swarm.tools.sandbox.box import Sandbox
from swarm.tools.sandbox.probe import SandboxMissing, probe

_REMEDY = "pip install 'pheroswarm[sandbox]', or install bubblewrap by your system's package manager"
_UBUNTU = "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0  # lets programs of users make namespaces"


async def look_at_sandbox(wanted: str) -> Finding:
    """Run a command in the sandbox that settings want, and say which one it was."""
    try:
        return sandbox_finding(await probe(wanted))
    except SandboxMissing as missing:
        return Finding(name="sandbox", state="fail", said=str(missing), remedy=_remedy_for(missing.why))


def sandbox_finding(box: Sandbox) -> Finding:
    """What a sandbox means for commands."""
    why = f" ({box.reason})" if box.reason else ""
    if box.backend == "none":
        said = f"nothing holds commands of models, which are asked about each time{why}"
        wanted = box.reason == "none is wanted"
        return Finding(name="sandbox", state="warn", said=said, remedy="" if wanted else _remedy_for(box.reason))
    kept = f"; it cannot keep: {', '.join(box.missing)}" if box.missing else ""
    said = f"{box.backend} {box.version} holds commands{kept}{why}"
    if box.backend == "landlock":
        return Finding(name="sandbox", state="warn", said=said, remedy=_remedy_for(box.reason) if box.reason else "")
    return Finding(name="sandbox", said=said)


def _remedy_for(reason: str) -> str:
    """What to type: where bubblewrap is there and may not make namespaces, installing it again does not help."""
    if sys.platform != "linux":
        return "start swarm on Linux, in a container or a virtual machine, to have one"
    return _REMEDY if "is not installed" in reason else _UBUNTU if "Permission denied" in reason else ""
