"""`swarm skills eval`: the cases of skills, each done with the skill and without it, and what that says of the skill."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import msgspec

from events.log import open_log
from skills.evals import Case, read_cases
from skills.library import Library
from skills.lock import SkillError
from skills.skill import Skill
from swarm.cli.recorded import log_errors
from swarm.cli.running import carry_out, refuse_paid
from swarm.cli.secrets import secrets_of
from swarm.cli.skills_models import roster_for
from swarm.cli.skills_show import SkillTrouble
from swarm.cli.skills_stats import count_document, difference_told, gain_document, share_told
from swarm.connect import Roster
from swarm.errors import UsageError, dollars
from swarm.evaluation import Bench, Outcome, Trial, Worth, run_case, scripted_roster, worth
from swarm.insight.difference import METHOD
from swarm.library import library_here
from swarm.plan import plan_of
from swarm.session import Result
from swarm.settings.load import Loaded, load_settings
from swarm.task import Budget, parse_budget

if TYPE_CHECKING:
    from swarm.cli.output import Output
    from swarm.engine.faces import Faces

_MACHINERY = (
    "the good answers of the cases were given with the skill and the bad ones without: this tests the cases and the program, "
    "and says nothing of the skill"
)


class _Stopped(Exception):
    """No further case is done; the exit code says why."""

    def __init__(self, code: int, why: str) -> None:
        self.code, self.why = code, why


def act(args: argparse.Namespace, output: Output) -> int:
    if args.scripted and args.script:
        raise UsageError("--scripted plays the answers of the cases, --script those of a file; name one of them")
    if (args.scripted or args.script) and (args.local or args.model or args.endpoint):
        raise UsageError("a script asks no model; leave --local, --model and --endpoint out")
    if args.script:
        if not Path(args.script).is_file():
            raise UsageError(f"--script {args.script}: there is no such file")
        args.script = str(Path(args.script).absolute())
    library = library_here(Path.cwd(), os.environ)
    return anyio.run(_act, args, output, chosen_cases(library, args.words))


def chosen_cases(library: Library, names: Sequence[str]) -> list[tuple[Skill, Mapping[str, Case]]]:
    """The skills with their cases: those named, or all that have some and may be used. Raises SkillTrouble."""
    try:
        skills = [library.get(name) for name in dict.fromkeys(names)] if names else list(library.skills)
        found = [(skill, read_cases(library, skill)) for skill in skills]
    except SkillError as error:
        raise SkillTrouble(str(error)) from error
    for skill, cases in found:
        if names and not cases:
            raise SkillTrouble(f"the skill {skill.name!r} has no cases; write some to {skill.folder}/evals/cases.yaml")
    if not any(cases for _, cases in found):
        raise SkillTrouble("no skill here has cases; write some to evals/cases.yaml beside a SKILL.md")
    return [(skill, cases) for skill, cases in found if cases]


async def _act(args: argparse.Namespace, output: Output, chosen: Sequence[tuple[Skill, Mapping[str, Case]]]) -> int:
    url = args.log or "memory:"  # what is measured is no work of the user's, from which anything is to be learnt
    loaded = load_settings(Path.cwd(), environ=os.environ, flags={"log": url})
    left = _budget(args.budget)
    roster = await _roster(args, loaded, left is not None, output)
    plan = plan_of(loaded, roster, confirmed=args.yes or left is not None, type_="file")
    quiet = argparse.Namespace(**{**vars(args), "progress": "none"})

    async def carried_out(session: Callable[[Faces], Awaitable[Result]]) -> Result:
        result, code = await carry_out(quiet, output, session)
        if result.interrupted:
            raise _Stopped(code, "interrupted")
        return result

    trials: list[Trial] = []
    stopped: _Stopped | None = None
    with log_errors():
        async with open_log(loaded.settings.log) as log:
            bench = Bench(
                log=log,
                plan=plan,
                environ=os.environ,
                secrets=secrets_of(loaded.settings),
                carry_out=carried_out,
            )
            try:
                await _run(bench, chosen, trials, left, args.scripted, output)
            except _Stopped as why:
                stopped = why
    return _told(chosen, trials, stopped, args, output)


async def _roster(args: argparse.Namespace, loaded: Loaded, capped: bool, output: Output) -> Roster:
    if args.scripted or args.script:
        return scripted_roster(args.script or os.devnull)
    return refuse_paid(await roster_for(args, loaded, output), capped, True, output)


async def _run(
    bench: Bench,
    chosen: Sequence[tuple[Skill, Mapping[str, Case]]],
    trials: list[Trial],
    budget: Budget | None,
    scripted: bool,
    output: Output,
) -> None:
    """Do all cases, one run after the other, as long as the budget of them all has something left. Raises _Stopped."""
    spent: list[Outcome] = []

    async def once(skill: Skill, name: str, case: Case, told: bool) -> Outcome:
        left = _left(budget, spent)
        with tempfile.TemporaryDirectory(prefix="swarm-eval-", ignore_cleanup_errors=True) as place:
            outcome = await run_case(
                bench, skill, name, case, told=told, place=Path(place), budget=left, scripted=scripted
            )
        spent.append(outcome)
        if outcome.at_cap:
            raise _Stopped(3, f"{skill.name}/{name} costs more than is left of a budget; give more with `--budget`")
        return outcome

    for skill, cases in chosen:
        for name, case in cases.items():
            with_it, without = await once(skill, name, case, True), await once(skill, name, case, False)
            trials.append(Trial(skill=skill.name, case=name, with_it=with_it, without=without))
            output.note(f"{skill.name}/{name}: with it {_word(with_it)}, without {_word(without)}", "dim")


def _budget(text: str | None) -> Budget | None:
    try:
        return parse_budget(text) if text else None
    except ValueError as error:
        raise UsageError(f"--budget: {error}") from error


def _left(budget: Budget | None, spent: Sequence[Outcome]) -> Budget | None:
    """What the next run may take of the budget of them all. Raises _Stopped where nothing is left."""
    if budget is None:
        return None
    used_tokens, used_nanos = sum(each.tokens for each in spent), sum(each.cost_nanos for each in spent)
    tokens = None if budget.tokens is None else budget.tokens - used_tokens
    nanos = None if budget.usd_nanos is None else budget.usd_nanos - used_nanos
    if (tokens is not None and tokens <= 0) or (nanos is not None and nanos < 0):
        raise _Stopped(3, f"--budget is used up: {used_tokens:,} tokens, {dollars(used_nanos)}")
    return msgspec.structs.replace(budget, tokens=tokens, usd_nanos=nanos)


def _word(outcome: Outcome) -> str:
    return {True: "passed", False: "failed", None: "no verdict"}[outcome.passed]


def _told(
    chosen: Sequence[tuple[Skill, Mapping[str, Case]]],
    trials: Sequence[Trial],
    stopped: _Stopped | None,
    args: argparse.Namespace,
    output: Output,
) -> int:
    """Write what came of it; return the exit code."""
    worths = [worth(skill.name, trials) for skill, _ in chosen]
    code = stopped.code if stopped else int(not all(each.helps for each in worths))
    if output.json:
        document = {
            "scripted": args.scripted,
            "method": METHOD,
            "stopped": stopped.why if stopped else None,
        }
        rows = {
            "skills": [_worth_document(each) for each in worths],
            "cases": [_case_document(each) for each in trials],
        }
        output.document("swarm.skills.eval/1", {**document, **rows})
    else:
        _tell(trials, worths, output)
    for said in _notes(trials, worths, stopped):
        output.note(said, "yellow")
    if args.scripted:
        output.note(_MACHINERY)
    return code


def _tell(trials: Sequence[Trial], worths: Sequence[Worth], output: Output) -> None:
    if trials:
        header = ["SKILL", "CASE", "WITH IT", "WITHOUT", "TOKENS WITH IT", "WITHOUT"]
        rows = [[each.skill, each.case, _word(each.with_it), _word(each.without), *_tokens(each)] for each in trials]
        output.table(header, rows)
        output.line()
    for each in worths:
        if each.gain is not None:
            count = each.with_it.total
            more = (each.tokens_with - each.tokens_without) // count
            tokens = f"{abs(more):,} tokens {'more' if more >= 0 else 'fewer'} a case"
            passed = f"{share_told(each.with_it)} passed with it, {share_told(each.without)} without"
            output.line(f"{each.skill}: {passed}: {difference_told(each.gain)}; {tokens}")


def _tokens(trial: Trial) -> list[str]:
    return [f"{trial.with_it.tokens:,}", f"{trial.without.tokens:,}"]


def _notes(trials: Sequence[Trial], worths: Sequence[Worth], stopped: _Stopped | None) -> Iterator[str]:
    """What a person has to know of the numbers."""
    if stopped is not None:
        yield f"stopped before all cases were done: {stopped.why}"
    for trial in trials:
        for way, outcome in (("with it", trial.with_it), ("without", trial.without)):
            if outcome.passed is None:
                yield f"{trial.skill}/{trial.case} {way}: no verdict, so it is in no sum: {outcome.reason}"
        if trial.with_it.passed is not None and not trial.with_it.told:
            yield f"{trial.skill}/{trial.case}: the text of the skill had no room and was not told, so this is no test of it"
    for each in worths if stopped is None else ():
        if not each.with_it.total:
            yield f"{each.skill}: no case came to a verdict both with it and without"
        elif not each.helps:
            yield f"{each.skill} does not help here: {share_told(each.with_it)} with it, {share_told(each.without)} without"


def _worth_document(each: Worth) -> dict[str, Any]:
    return {
        "skill": each.skill,
        "with": {**count_document(each.with_it), "tokens": each.tokens_with},
        "without": {**count_document(each.without), "tokens": each.tokens_without},
        "difference": gain_document(each.gain),
        "helps": each.helps,
    }


def _case_document(trial: Trial) -> dict[str, Any]:
    ways = {"with": trial.with_it, "without": trial.without}
    return {
        "skill": trial.skill,
        "case": trial.case,
        **{way: msgspec.structs.asdict(outcome) for way, outcome in ways.items()},
    }
