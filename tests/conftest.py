"""What every test can have: the asyncio backend, and random cases by their seeds, more of them in the long form."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

from tests import forked

LONG_CASE_S = 600
"""A case of the long form may take this long: other work may be on the machine for hours."""

ORDINARY, LONG = 40, 1_000
"""So many examples has a property test that names no number; with `--hypothesis-profile long` the second."""

settings.register_profile("ordinary", max_examples=ORDINARY, deadline=None)  # a time says how busy the machine is
settings.register_profile("long", max_examples=LONG, deadline=None)
settings.load_profile("ordinary")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--first-seed",
        type=int,
        default=0,
        metavar="N",
        help="seed of the first random case of the suites in tests/soak: N runs the case again that failed as [N]",
    )


def is_long(config: pytest.Config) -> bool:
    """Whether the suites run in full: `pytest -m soak`."""
    return "soak" in str(config.getoption("-m"))


def pytest_configure(config: pytest.Config) -> None:
    """Whatever listens on the machine of the tests, none but the tests that start a server find one."""
    os.environ["SWARM_DISCOVER"] = "false"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test marked `cases(reduced, full)` runs once for each `seed` of so many."""
    marker = metafunc.definition.get_closest_marker("cases")
    if marker is None:
        return
    reduced, full = marker.args
    first = int(metafunc.config.getoption("--first-seed") or 0)
    count = full if is_long(metafunc.config) else reduced
    metafunc.parametrize("seed", range(first, first + count))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if is_long(config):
        for item in items:
            item.add_marker(pytest.mark.timeout(LONG_CASE_S))


def pytest_sessionfinish() -> None:
    forked.close()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
