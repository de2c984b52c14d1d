"""A provider that plays the whole team: it plans, drafts and judges as the request's own words ask it to."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests import forked
from tests.provider import Answer, Seen

PLAN = {
    "options": [{"option": "at once", "pros": "quick", "cons": "none"}],
    "approach": "Write it in one go.",
    "steps": [{"title": "write it", "instruction": "Write the text."}],
}
PASS = {"verdict": "pass", "score": 0.9, "reason": "It does what was asked."}
FAIL = {"verdict": "fail", "score": 0.1, "reason": "It lacks the colour."}


def role_of(body: Mapping[str, Any]) -> str:
    system = body["messages"][0]["content"]
    return "explorer" if "explorer" in system[:60] else "validator" if "validator" in system[:60] else "worker"


def play(body: dict[str, Any]) -> Answer:
    """Answer as the role that is asked: a plan, a draft that depends on the brief alone, a pass."""
    match role_of(body):
        case "explorer":
            return Answer(json.dumps(PLAN))
        case "validator":
            return Answer(json.dumps(PASS))
        case _:
            brief = body["messages"][-1]["content"]
            return Answer(f"A draft, number {hashlib.sha256(brief.encode()).hexdigest()[:8]}, as it was asked for.")


def asked_more_than_once(requests: Sequence[Seen]) -> dict[str, int]:
    """Requests that came more than once, by their last message."""
    seen = Counter(json.dumps(request.body["messages"]) for request in requests)
    return {json.loads(messages)[-1]["content"]: count for messages, count in seen.items() if count > 1}


def swarm(
    *words: str, home: Path, cwd: Path, env: Mapping[str, str] | None = None, timeout: float = 50
) -> subprocess.CompletedProcess[str]:
    """Run the command as a process of its own, with nothing in its environment but HOME, PATH and no discovery."""
    return forked.run(
        ["-m", "swarm.cli.main", *words],
        cwd=cwd,
        env={
            "HOME": str(home),
            "PATH": "/usr/bin:/bin",
            "PYTHONPATH": str(Path(__file__).parents[1]),
            "SWARM_DISCOVER": "false",
            **(env or {}),
        },
        timeout=timeout,
    )
