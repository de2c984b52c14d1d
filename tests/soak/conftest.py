"""What the suites compare with: the twelve tasks when nothing happens to them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.provider import provider_thread
from tests.soak.twelve_tasks import PLACES, Ends, Project, found_in
from tests.team import play


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Ends:
    """How they end when nobody disturbs them."""
    folder: Path = tmp_path_factory.mktemp("undisturbed")
    projects = [Project(folder, place, folder / "state" / "log.db") for place in PLACES]
    with provider_thread(play) as server:
        for project in projects:
            code, told = project.run_to_its_end(server, None)
            assert code == 0, told
    results = asyncio.run(found_in(folder / "state" / "log.db")).results
    return {project.place: (results[project.place], project.files()) for project in projects}
