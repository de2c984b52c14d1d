"""Every view of a fixed log is as it was; where it is meant to be another, `python -m tests.tui.screens` writes it anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.recordings import record
from tests.tui.screens import FILES, SIZES, screens


@pytest.mark.parametrize("size", SIZES)
async def test_the_views_of_a_fixed_log_are_as_they_were(tmp_path: Path, size: tuple[int, int]) -> None:
    await record(tmp_path / "log.db")
    shown = await screens(tmp_path, size)
    assert shown == {name: (FILES / f"{name}.txt").read_text("utf-8").rstrip("\n") for name in shown}


@pytest.mark.parametrize("size", [(60, 20), (40, 10), (200, 60)])
async def test_every_view_draws_at_every_size(tmp_path: Path, size: tuple[int, int]) -> None:
    await record(tmp_path / "log.db")
    for name, text in (await screens(tmp_path, size)).items():
        assert len(text.splitlines()) == size[1], name
