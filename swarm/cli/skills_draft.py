"""`swarm skills gaps --draft N [NAME]`: a model drafts a skill for a gap. It is checked, shown, and written when a person says yes."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import anyio

from events.log import open_log
from skills.lint import lint
from skills.lock import SkillError
from skills.reading import MOST_NAME, usable_name
from skills.skill import Finding
from skills.template import require_free, require_name, write_new
from swarm.cli.hints import to_type
from swarm.cli.output import Declined
from swarm.cli.recorded import log_errors
from swarm.cli.running import carry_out, refuse_paid
from swarm.cli.secrets import secrets_of
from swarm.cli.skills_list import findings_told
from swarm.cli.skills_models import roster_for
from swarm.cli.skills_show import SkillTrouble
from swarm.errors import SwarmError, UsageError, dollars
from swarm.insight.gaps import Gap
from swarm.library import FOLDERS
from swarm.plan import is_capped, plan_of
from swarm.prompts.skill import skill_prompt
from swarm.roster import is_other_log
from swarm.session import Result, run_file
from swarm.settings.load import config_dir, load_settings
from swarm.task import Check, Task, TaskFile, parse_budget, with_budget

if TYPE_CHECKING:
    from swarm.cli.output import Output
    from swarm.engine.faces import Faces

_TASK = "draft-skill"


class DraftUnfit(SwarmError):
    """What the model wrote is no skill."""

    def __init__(self, session: str, log: str | None) -> None:
        show = to_type("show", f"{session}/{_TASK}", log=log)
        super().__init__(
            f"the draft is no skill yet, and nothing was written; {show} has it: mend it by hand, or try again"
        )


def draft(gap: Gap, gaps: Sequence[Gap], args: argparse.Namespace, output: Output) -> int:
    """Have a skill drafted for a gap. Raises SkillTrouble before a model is asked where it could not be written."""
    name, folder = _name(gap, args.words), Path(args.into or FOLDERS[0])
    try:
        require_name(name)
        require_free(folder, name)
    except SkillError as error:
        raise SkillTrouble(str(error)) from error
    output.note(f"{name}: for gap {gap.number}, {', '.join(gap.words)}")
    return anyio.run(_draft, drafting(name, gap, gaps, args.budget), name, folder, args, output)


def drafting(name: str, gap: Gap, gaps: Sequence[Gap], budget: str | None) -> TaskFile:
    """The task that has the skill written. Its form is checked, so that a faulty one is mended before anybody sees it."""
    of = {case.task for case in gap.cases}
    faults = [case.text for each in gaps if each.kind == "faults" for case in each.cases if case.task in of]
    samples = [case.text for case in gap.cases] if gap.kind == "tasks" else []
    prompt = skill_prompt(name, words=gap.words, samples=samples, faults=faults)
    head = rf"\A(```\w*\n)?---\nname: *{name}\ndescription: *\S[^\n]*\n"
    told = (
        f"The file begins with the line `---`, then `name: {name}`, then `description: ` and a text on the same line."
    )
    checks = (
        Check(regex=head, name="front matter", feedback=told),
        Check(regex=r"\n---\n+\S", name="text", feedback="Below the second line `---` stands the text of the skill."),
    )
    task = Task(id=_TASK, prompt=prompt, title=f"Draft the skill {name}", checks=checks, skills=())
    file = TaskFile(path="", name=_TASK, tasks=(task,))
    try:
        return with_budget(file, parse_budget(budget)) if budget else file
    except ValueError as error:
        raise UsageError(f"--budget: {error}") from error


async def _draft(file: TaskFile, name: str, folder: Path, args: argparse.Namespace, output: Output) -> int:
    result, code = await _run(file, args, output)
    (task,) = result.tasks
    if code or task.text is None:
        raise DraftFailed(result, task.reason, args.log, code)
    text = unfenced(task.text)
    findings = _linted(name, text)
    cost = f"{result.session}: {result.tokens:,} tokens, {dollars(result.cost_nanos)}"
    output.note(cost)
    for finding in findings:
        output.problem(finding.show(), "red" if finding.is_error else "yellow")
    if any(finding.is_error for finding in findings):
        raise DraftUnfit(result.session, args.log)
    if not output.json:
        output.line(text.rstrip("\n"))
    path = folder / name / "SKILL.md"
    if not args.yes and not output.confirm(f"Write this to {path}?", remedy="say `--yes`, which writes it"):
        raise Declined(
            "The draft was not written", remedy=f"{to_type('show', f'{result.session}/{_TASK}', log=args.log)} has it"
        )
    try:
        write_new(folder, name, text)
    except SkillError as error:
        raise SkillTrouble(str(error)) from error
    if output.json:
        written = {"path": str(path), "session": result.session, "text": text, "findings": findings_told(findings)}
        output.document("swarm.skills.draft/1", {**written, "total_nanos": result.cost_nanos, "tokens": result.tokens})
    _say_what_next(name, folder, output)
    return 0


class DraftFailed(SwarmError):
    """No draft came of it; the exit code is that of the run."""

    def __init__(self, result: Result, reason: str, log: str | None, code: int) -> None:
        self.exit_code = code or 1
        why = to_type("why", f"{result.session}/{_TASK}", log=log)
        super().__init__(
            f"no skill was drafted: {reason or 'it was interrupted'}; {why} says more, and nothing was written"
        )


async def _run(file: TaskFile, args: argparse.Namespace, output: Output) -> tuple[Result, int]:
    """A run like any other: in the user's log, under its caps."""
    loaded = load_settings(Path.cwd(), environ=os.environ, flags={"log": args.log} if args.log else {})
    own_cap = is_capped(file)
    roster = refuse_paid(
        await roster_for(args, loaded, output), own_cap, is_other_log(loaded, Path.cwd(), os.environ), output
    )
    plan = plan_of(loaded, roster, confirmed=args.yes or own_cap, type_="direct", schedule="")
    with log_errors():
        async with open_log(loaded.settings.log) as log:

            async def session(faces: Faces) -> Result:
                return await run_file(
                    log,
                    file,
                    plan,
                    root=Path.cwd(),
                    environ=os.environ,
                    faces=faces,
                    secrets=secrets_of(loaded.settings),
                    type_="direct",
                    say=output.note,
                )

            return await carry_out(args, output, session)


def unfenced(text: str) -> str:
    """The file that was answered, without a code fence around it."""
    lines = text.strip().split("\n")
    if lines[0].startswith("```") and lines[-1].strip() == "```":
        lines = lines[1:-1]
    return "\n".join(lines).strip("\n") + "\n"


def _linted(name: str, text: str) -> tuple[Finding, ...]:
    """What is wrong with the draft, by the specification."""
    with tempfile.TemporaryDirectory() as place:
        return lint(write_new(Path(place), name, text).parent)


def _name(gap: Gap, words: Sequence[str]) -> str:
    if len(words) > 1:
        raise UsageError("name one skill to draft: `swarm skills gaps --draft 1 sql-review`")
    return words[0] if words else usable_name("-".join(gap.words[:2]))[:MOST_NAME].strip("-") or f"gap-{gap.number}"


def _say_what_next(name: str, folder: Path, output: Output) -> None:
    output.note(f"written to {folder / name}; see that it says what you mean, and measure it on work of yours")
    if folder.resolve().is_relative_to(config_dir(os.environ).resolve()):
        output.note("it lies among your own skills, so tasks that it fits are told of it from now on")
    else:
        output.note(f"it is used once you confirm it: `swarm skills trust {quote(str(folder))}`")
