"""A sandbox for a test, or the test is skipped with the reason why there is none here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from swarm.tools.sandbox.box import Sandbox
from swarm.tools.sandbox.probe import SandboxMissing, probe


async def box_of(backend: str, *, hidden: Sequence[Path] = ()) -> Sandbox:
    try:
        return await probe(backend, hidden=hidden)
    except SandboxMissing as missing:
        pytest.skip(str(missing))
