"""The bench of shared requests: the same tasks are accepted with fewer calls and fewer tokens."""

from __future__ import annotations

from pathlib import Path

from bench import batch


async def test_tasks_that_share_a_request_take_fewer_tokens_and_a_missing_result_is_asked_for_alone(
    tmp_path: Path,
) -> None:
    found: dict[str, tuple[batch.Player, int]] = {}
    for name, (together, leaves_out) in {"alone": (0, 0), "shared": (6, 0), "missing": (6, 4)}.items():
        (tmp_path / name).mkdir()
        found[name] = await batch.done(together, leaves_out, 6, tmp_path / name, kinds=1)
    assert {accepted for _, accepted in found.values()} == {6}
    assert [player.calls for player, _ in found.values()] == [6, 1, 2]
    alone, shared, missing = (player.billed.tokens for player, _ in found.values())
    assert shared < missing and shared < alone
