"""What tests of the embedded model share: the small model itself, pulled once, and the end of a process that is not ours."""

from __future__ import annotations

import os
import select
import sys
from importlib.util import find_spec
from pathlib import Path

import anyio
import pytest

from swarm.models.catalogue import find_model, pulled_path
from swarm.models.pull import PullFailed, pull
from swarm.settings.load import data_dir

needs_engine = pytest.mark.skipif(find_spec("xllamacpp") is None, reason="xllamacpp is not installed (extra `local`)")


def small_model(factory: pytest.TempPathFactory) -> Path:
    """Return SmolLM2's file: the user's own, else one that is pulled into a folder that all test runs share, or skip."""
    model = find_model("smollm2-135m")
    run = factory.getbasetemp().parent if "PYTEST_XDIST_WORKER" in os.environ else factory.getbasetemp()
    own = pulled_path(model, data_dir(os.environ) / "models")
    try:
        return own or anyio.run(_pull, run.parent / "swarm-models")
    except PullFailed as error:
        pytest.skip(f"SmolLM2 could not be pulled: {error}")


async def _pull(folder: Path) -> Path:
    return await pull(find_model("smollm2-135m"), folder, say=lambda _: None, progress=lambda _, __, ___: None)


def wait_for_end(pid: int, *, seconds: float = 20.0) -> bool:
    """Wait until the process `pid`, which need not be a child of ours, has ended; False where it still runs then."""
    if sys.platform == "linux":
        try:
            process = os.pidfd_open(pid)
        except ProcessLookupError:
            return True
        try:
            return bool(select.select([process], [], [], seconds)[0])
        finally:
            os.close(process)
    else:
        queue = select.kqueue()
        event = select.kevent(pid, select.KQ_FILTER_PROC, select.KQ_EV_ADD, select.KQ_NOTE_EXIT)
        try:
            return bool(queue.control([event], 1, seconds))
        except ProcessLookupError:
            return True
        finally:
            queue.close()
