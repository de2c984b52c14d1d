"""`swarm cache`: which answers may be given again, what that has saved; `swarm cache clear`: none from before is."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

import anyio
import msgspec

from events.log import Entry, NewEvent, open_log
from events.types.answer import ANSWERS, AnswersCleared
from events.views.accepted import AcceptedView
from events.views.answers import AnswersView
from events.views.base import fold
from events.views.follows import FollowsView
from events.views.results import ResultsView
from swarm.cache.prefetch import guessed_said
from swarm.cli.output import counted
from swarm.cli.recorded import decimal_usd, log_errors, require_log, settings_of
from swarm.engine.requests import person
from swarm.errors import dollars

if TYPE_CHECKING:
    from swarm.cli.output import Output

TURN_S = 10.0
_SAYS = {"exact": "the same", "canonical": "the same but for its wording", "near": "the same by its words"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action",
        nargs="?",
        choices=("stats", "clear"),
        default="stats",
        help="stats (the default): say what may be given again and what that has saved; clear: give nothing from before again",
    )
    parser.add_argument("--reason", metavar="TEXT", default="", help="why, for those who read the log; with clear")


def run(args: argparse.Namespace) -> int:
    output: Output = args.output
    url = settings_of(args).log
    require_log(url)
    with log_errors():
        if args.action == "clear":
            return anyio.run(_clear, url, args.reason, output)
        view = anyio.run(_view, url)
    if output.json:
        output.document("swarm.cache/1", _document(view))
    else:
        _tell(view, output)
    return 0


class _Caches(msgspec.Struct):
    """All that may be given again, folded together."""

    answers: AnswersView = msgspec.field(default_factory=AnswersView)
    results: ResultsView = msgspec.field(default_factory=ResultsView)
    accepted: AcceptedView = msgspec.field(default_factory=AcceptedView)
    follows: FollowsView = msgspec.field(default_factory=FollowsView)

    def apply(self, entry: Entry) -> None:
        self.answers.apply(entry)
        self.results.apply(entry)
        self.accepted.apply(entry)
        self.follows.apply(entry)


async def _view(url: str) -> _Caches:
    async with open_log(url, read_only=True) as log:
        return await fold(log, _Caches())


async def _clear(url: str, reason: str, output: Output) -> int:
    async with open_log(url) as log, log.turn(timeout=TURN_S):
        found = await fold(log, _Caches())
        known = len(found.answers.known) + len(found.results.known)
        if known:
            await log.append([NewEvent(event=AnswersCleared(by=person(), reason=reason), topic=ANSWERS)], durable=True)
    if output.json:
        output.document("swarm.cache/1", {"cleared": known})
    elif known:
        output.line(f"{_both(found)} will not be given again; the log still has them")
    else:
        output.note("there is no answer that would be given again")
    return 0


def _both(found: _Caches) -> str:
    answers, results = len(found.answers.known), len(found.results.known)
    named = [counted(answers, "answer")] if answers or not results else []
    return " and ".join([*named, f"{counted(results, 'result')} of tools"] if results else named)


def _tell(caches: _Caches, output: Output) -> None:
    view = caches.answers
    found = view.known.values()
    output.line(f"{counted(len(found), 'answer')} may be given again")
    wrong = sum(known.withdrawn or known.same.wrong > 0 for known in found)
    if wrong:
        output.line(
            f"{wrong:,} of them {'was' if wrong == 1 else 'were'} found wrong, and given only once that is outweighed"
        )
    if not view.saved:
        output.note("nothing was given again so far; `swarm why ID` says of each call what it was answered by")
    for how, saved in sorted(view.saved.items()):
        tokens = f"{saved.input_tokens + saved.output_tokens:,} tokens"
        output.line(
            f"{counted(saved.served, 'call')} answered where the question was {_SAYS.get(how, how)}: "
            f"{tokens} and {dollars(saved.cost_nanos)} saved"
        )
    told = caches.accepted.told
    if told.told:
        output.line(
            f"{counted(told.told, 'worker')} {'was' if told.told == 1 else 'were'} told of an accepted answer to a question one "
            f"word apart: {told.accepted:,} of the drafts accepted, {told.rejected:,} rejected"
        )
    _tell_results(caches.results, output)
    if said := guessed_said(caches.follows):
        output.line(said)


def _tell_results(view: ResultsView, output: Output) -> None:
    if view.known or view.again:
        output.line(f"{counted(len(view.known), 'result')} of tools may be given again")
    for tool, again in sorted(view.again.items()):
        asked = f", {again.confirmed:,} of them after asking whether they hold" if again.confirmed else ""
        output.line(
            f"{tool}: {counted(again.unasked + again.confirmed, 'result')} given again{asked}: "
            f"{again.duration_ms / 1000:,.1f} s of waiting saved"
        )


def _document(caches: _Caches) -> dict[str, Any]:
    view, results = caches.answers, caches.results
    return {
        "answers": len(view.known),
        "withdrawn": sum(known.withdrawn for known in view.known.values()),
        "served": {
            how: {
                "calls": saved.served,
                "input_tokens": saved.input_tokens,
                "output_tokens": saved.output_tokens,
                "saved_nanos": saved.cost_nanos,
                "saved_usd": decimal_usd(saved.cost_nanos),
            }
            for how, saved in sorted(view.saved.items())
        },
        "guessed": caches.follows.guessed,
        "guessed_right": caches.follows.hits,
        "suggested": msgspec.structs.asdict(caches.accepted.told),
        "results": len(results.known),
        "results_given": {tool: msgspec.structs.asdict(again) for tool, again in sorted(results.again.items())},
    }
