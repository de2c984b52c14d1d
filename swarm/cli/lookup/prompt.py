"""What an attempt was sent, for the screen: each request in the parts of which it was made, with the tokens of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from events.views.attempts import Call
from swarm.cli.lookup.tabs import Basis, call_name, call_title, gap, note, quoted, title
from swarm.cli.show_prompt import folded, share_of, stage_said, sum_of
from swarm.insight.requests import Piece, TakenApart, taken_apart
from tui.document import Document, Part, Rows
from tui.rows import Row
from tui.words import visible


async def prompt_tab(basis: Basis) -> Document:
    """Raises VocabularyBroken."""
    attempt = basis.attempt
    if attempt is None or not attempt.calls:
        return Document((note("nothing was sent yet; each request stands here, part by part"),))
    only = attempt.step, attempt.number
    sent = {one.sent.position: one for one in await taken_apart(basis.log, basis.story, basis.task, only=only)}
    names = {call.position: call_name(number) for number, call in enumerate(attempt.calls, 1)}
    parts: list[Part] = []
    for number, call in enumerate(attempt.calls, 1):
        parts.append(call_title(number, call))
        parts += [*_request(call, sent.get(call.position), names), gap()]
    return Document(tuple(parts))


def _request(call: Call, one: TakenApart | None, names: Mapping[int, str]) -> Iterator[Part]:
    if one is None:
        yield note(
            "  an earlier answer was given: nothing was sent" if call.state == "served" else "  nothing was sent"
        )
        return
    if not one.sent.messages:
        yield note("  some of its text is no longer kept")
        return
    before, shown = folded(one)
    yield note(f"  {sum_of(one, names.get(one.before, f'the call [{one.before}]'))}")
    yield Rows(tuple(_table(before, shown, one)))
    for piece in shown:
        yield title(f"  {_name(piece)}  {piece.tokens:,} tokens", tone="")
        yield quoted(piece.text)


def _table(before: Sequence[Piece], shown: Sequence[Piece], one: TakenApart) -> Iterator[Row]:
    """The parts with their tokens. What was said in the conversation before is one of them."""
    yield [(f"  {'TOKENS':>8} {'SHARE':>6} {'AGAIN':>8}  PART", "faint")]
    if before:
        said = sum(piece.tokens for piece in before)
        yield _row(said, said, one, f"said before, in {len(before)} parts")
    for piece in shown:
        stage = f"  ({stage_said(piece.stage)})" if piece.stage else ""
        yield _row(piece.tokens, piece.again, one, _name(piece) + visible(stage))
    yield _row(one.framing, 0, one, "framing")


def _row(tokens: int, again: int, one: TakenApart, name: str) -> Row:
    told = f"{again:,}" if one.before else ""
    return [(f"  {tokens:>8,} {share_of(tokens, one):>6} {told:>8}  ", ""), (name, "")]


def _name(piece: Piece) -> str:
    return visible(f"{piece.name} {piece.of}".rstrip())
