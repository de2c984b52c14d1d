"""The gates that no model decides: a task's checks on a draft, the form of any draft, and what the next attempt is told."""

from __future__ import annotations

import json
import re
import sys
import warnings
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import msgspec
from anyio import to_thread

from events.types.task import CheckResult
from swarm.errors import UsageError
from swarm.globs import matches
from swarm.paths import OutsideProject, confined
from swarm.roles.answers import one_line
from swarm.roles.results import NotInForm, file_texts
from swarm.roles.schemas import check_schema, read_schema, require_jsonschema
from swarm.task import Check, Task
from swarm.text.fence import unfenced
from swarm.tools.command import NO_WRAP, CommandNotStarted, Wrap, run_command
from swarm.tools.sandbox.box import Sandbox
from swarm.tools.workcopy import WorkCopy, differing

MATCH_TIMEOUT_S = 10.0
"""How long one pattern or schema may take."""

_TOLD_LINES, _TOLD_LINE, _TOLD_CHARS = 20, 300, 6_000  # of a command's output; of one line; of all feedback
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_TRIES = re.compile(r"[*+?{(|]")  # a pattern without these has nothing to try twice


class Checked(CheckResult, frozen=True, kw_only=True):
    """How a check went, with what the next attempt may be told of it."""

    said: str = ""  # the last lines that a command printed

    @property
    def result(self) -> CheckResult:
        """The part that stands in an event."""
        return CheckResult(name=self.name, passed=self.passed, detail=self.detail, required=self.required)


class Named(msgspec.Struct, frozen=True):
    """One of several files that a draft is made of."""

    path: str
    text: str


class _World:
    """What the checks of one draft share: the draft, the work copy once one is needed, where the draft stands in it."""

    def __init__(
        self,
        draft: str,
        output: str | None,
        several: Mapping[str, Named],
        copy: Callable[[], Awaitable[WorkCopy]],
        redact: Callable[[str], str],
        wrap: Callable[[WorkCopy], Wrap],
    ) -> None:
        self.draft, self.wrap = draft, wrap
        self._output, self._several, self._copy, self._redact = output, several, copy, redact
        self._placed: tuple[WorkCopy, Mapping[str, str]] | None = None

    async def placed(self) -> tuple[WorkCopy, Mapping[str, str]]:
        """Return the work copy with the draft in it, and the variables that say where that stands."""
        if self._placed is None:
            copy = await self._copy()
            self._placed = copy, await to_thread.run_sync(self._place, copy)
        return self._placed

    def _place(self, copy: WorkCopy) -> Mapping[str, str]:
        variables = {"SWARM_OUTPUT": str(copy.write_draft(self._output, self.draft))}
        for name, file in self._several.items():
            variables[f"SWARM_OUTPUT_{name}"] = str(copy.write_draft(file.path, file.text))
        return variables

    def looked_at(self, check: Check) -> str:
        """Return the text that a check is about: the draft, or of one that is made of files the one that it names, or all."""
        if check.output is not None:
            return self._several[check.output].text
        if not self._several or check.schema is not None:
            return self.draft
        return "\n".join(file.text for file in self._several.values())

    def shown(self, text: str) -> str:
        """Return a text without secrets; what a terminal acts upon goes first, else a secret could hide behind it."""
        return self._redact(_plain(text))

    def shown_check(self, check: Check) -> Check:
        """Return a check to quote from: what it says is shortened after its secrets were taken out, not before."""
        texts = {field: getattr(check, field) for field in ("name", "run", "contains", "not_contains", "regex", "file")}
        return msgspec.structs.replace(check, **{field: self.shown(text) for field, text in texts.items() if text})


def needs_jsonschema(tasks: Iterable[Task]) -> bool:
    """Say whether a check of these tasks needs the package jsonschema."""
    return any(check.schema is not None for task in tasks for check in task.checks)


def require(checks: Iterable[Check], root: Path) -> None:
    """See before anything is called that the checks can be carried out; `root` is where schemas are read from.

    Raises UsageError: jsonschema is not installed, a schema cannot be used, a pattern is no regular expression.
    """
    for check in checks:
        if check.schema is not None:
            require_jsonschema()
            check_schema(read_schema(check.schema, root), name_of(check))
        elif check.regex is not None:
            try:
                with warnings.catch_warnings(action="ignore"):
                    re.compile(check.regex, _flags(check))
            except (re.error, RecursionError, OverflowError) as error:
                raise UsageError(f"the check {name_of(check)!r} is no regular expression: {error}; mend it") from error


async def run_checks(
    checks: Sequence[Check],
    *,
    draft: str,
    copy: Callable[[], Awaitable[WorkCopy]],
    root: Path,
    output: str | None,
    env: Mapping[str, str],
    redact: Callable[[str], str],
    several: Mapping[str, Named] | None = None,
    match_timeout_s: float = MATCH_TIMEOUT_S,
    box: Sandbox | None = None,
    network: bool = True,
) -> tuple[Checked, ...]:
    """Carry out the checks on a draft, in their order, and return how each went, without secrets; rubrics are left out.

    `copy` is awaited once the first check needs the work copy; the draft is then written to `output` in it, or the files
    that it is made of, `several`, to their paths. `root` is the project's folder, from which schemas are read. `env` is
    given to commands, which also find the path of the draft in SWARM_OUTPUT, and those of its files in SWARM_OUTPUT_NAME.
    They run in the sandbox `box` where there is one, with the network of this machine or with none.
    Raises UsageError where a draft cannot be placed or a schema cannot be used.
    """
    world = _World(draft, output, several or {}, copy, redact, partial(_wrapped, box, network))
    results: list[Checked] = []
    for check in (check for check in checks if check.rubric is None):
        wrong, said = await _wrong(check, world, root, env, match_timeout_s)
        results.append(
            Checked(
                name=one_line(name_of(world.shown_check(check))),
                passed=not wrong,
                detail=one_line(world.shown(wrong)),
                required=check.required,
                said=said if wrong else "",
            )
        )
    return tuple(results)


def feedback_of(results: Sequence[CheckResult], checks: Sequence[Check]) -> str:
    """Return what the next attempt is told: each check that did not pass, the required ones first, in at most 6,000 characters.

    `results` may hold more than `checks` gave, such as the form of the draft.
    """
    hints = {one_line(name_of(check)): check.feedback for check in checks if check.feedback}
    failed = sorted((result for result in results if not result.passed), key=lambda result: not result.required)
    parts: list[str] = []
    for result in failed:
        lines = [f"- {result.name}: {result.detail}" + ("" if result.required else " (not required)")]
        lines += [f"  {hint}" for hint in (hints.get(result.name),) if hint]
        if isinstance(result, Checked) and result.said not in result.detail:
            lines += ["  The last lines of its output:", *(f"    {line}" for line in result.said.split("\n"))]
        parts.append("\n".join(lines))
    share = _TOLD_CHARS // max(1, len(parts)) - 1  # less the line break behind it
    return "\n".join(_middle_cut(part, share) for part in parts)


def form_check(draft: str, finish: str, max_output_tokens: int, stopped: str = "") -> CheckResult:
    """Say whether a draft is one at all: not empty, not cut, not a refusal, without NUL characters.

    `stopped` is why the use of tools was ended for it.
    """
    wrong = ""
    if stopped:
        wrong = f"the use of tools was ended: {stopped}"
    elif finish == "refusal":
        wrong = "the model refused to answer"
    elif not draft.strip():
        wrong = "the answer is empty"
    elif finish == "length":
        wrong = f"the answer was cut at its limit of {max_output_tokens:,} tokens; a shorter one is needed"
    elif "\0" in draft:
        wrong = "the answer holds a NUL character, which no text file may"
    return CheckResult(name="form", passed=not wrong, detail=wrong)


def files_check(task: Task, draft: str) -> CheckResult:
    """Say whether a draft holds the files that its task writes, in their form."""
    try:
        file_texts(task, draft)
    except NotInForm as wrong:
        return CheckResult(name="form", passed=False, detail=str(wrong))
    return CheckResult(name="form", passed=True)


def words_check(task: Task, draft: str) -> CheckResult:
    """Say whether a draft, which has its task's form, keeps to the words that the task allows, over all of its files.

    A word is what stands between blanks, as `wc -w` counts.
    """
    texts = file_texts(task, draft).values() or (draft,)
    words, most = sum(len(text.split()) for text in texts), task.limits.words
    over = most is not None and words > most
    return CheckResult(
        name="words", passed=not over, detail=f"it has {words:,} words, and {most:,} are the most" if over else ""
    )


def name_of(check: Check) -> str:
    """Return what a check is called on screen: its name, else what it looks for."""
    if check.name:
        return check.name
    if check.rubric is not None:
        return one_line(check.rubric, 80)
    if check.diff_within:
        return f"diff_within {_quoted(' '.join(check.diff_within))}"
    for kind in ("contains", "not_contains", "regex", "file"):
        if (wanted := getattr(check, kind)) is not None:
            return f"{kind} {_quoted(wanted)}"
    if check.schema is not None:
        return f"schema {check.schema}" if isinstance(check.schema, str) else "schema"
    return one_line(check.run or "", 80)


async def _wrong(
    check: Check, world: _World, root: Path, env: Mapping[str, str], match_timeout_s: float
) -> tuple[str, str]:
    """Return what is wrong by one check, empty where nothing is, and the last lines that its command printed."""
    if check.run is not None:
        return await _run(check, check.run, world, env)
    if check.file is not None:
        copy, _ = await world.placed()
        return await to_thread.run_sync(_missing, copy, check.file), ""
    if check.diff_within:
        copy, _ = await world.placed()
        return _strayed(await differing(copy, root), check.diff_within), ""
    text = world.looked_at(check)
    if check.schema is not None:
        schema = await to_thread.run_sync(read_schema, check.schema, root)
        return await _tried({"schema": schema, "text": unfenced(text)}, match_timeout_s), ""
    if check.regex is not None:
        wrong = await _search(check, check.regex, text, match_timeout_s)
        return wrong and f"{wrong}: {_quoted(world.shown_check(check).regex)}", ""
    return _contains(check, world.shown_check(check), text), ""


def _strayed(changed: Sequence[str], globs: Sequence[str]) -> str:
    """Say which of the files that differ from the project's none of the globs names, empty where there is none."""
    allowed = [tuple(glob.split("/")) for glob in globs]
    stray = [name for name in changed if not any(matches(tuple(name.split("/")), glob) for glob in allowed)]
    if not stray:
        return ""
    more = f" and {len(stray) - 5} more" if len(stray) > 5 else ""
    return f"{', '.join(_quoted(name) for name in stray[:5])}{more} {'differs' if len(stray) == 1 else 'differ'} from the project's"


def _contains(check: Check, shown: Check, draft: str) -> str:
    wanted = check.contains if check.contains is not None else check.not_contains or ""
    held, sought = (draft.casefold(), wanted.casefold()) if check.ignore_case else (draft, wanted)
    at = held.find(sought)
    if check.contains is not None:
        return f"the result does not hold {_quoted(shown.contains)}" if at < 0 else ""
    return f"the result holds {_quoted(shown.not_contains)} in line {held.count(chr(10), 0, at) + 1}" if at >= 0 else ""


async def _search(check: Check, pattern: str, draft: str, timeout_s: float) -> str:
    if not _TRIES.search(pattern):
        return "" if re.search(pattern, draft, _flags(check)) else "nothing in it matches"
    return await _tried({"pattern": pattern, "flags": int(_flags(check)), "text": draft}, timeout_s)


def _flags(check: Check) -> re.RegexFlag:
    return re.MULTILINE | (re.IGNORECASE if check.ignore_case else re.NOFLAG)


async def _tried(order: Mapping[str, Any], timeout_s: float) -> str:
    """Have a child process try a pattern or a schema: in this one it could hold up everything, and nothing could end it."""
    told = json.dumps({**order, "seconds": int(timeout_s) + 2}).encode()
    try:
        with anyio.fail_after(timeout_s):
            done = await anyio.run_process([sys.executable, "-P", "-m", "swarm.roles.matcher"], input=told, check=False)
    except TimeoutError:
        return f"it could not be decided within {timeout_s:g} s; the check needs a simpler pattern"
    if done.returncode != 0:
        last = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        return f"it could not be decided: {last or f'exit code {done.returncode}'}"
    return str(json.loads(done.stdout))


def _missing(copy: WorkCopy, path: str) -> str:
    try:
        return "" if confined(copy.path, path).exists() else f"there is no {_quoted(path)}"
    except OutsideProject as error:
        return str(error)


async def _run(check: Check, command: str, world: _World, env: Mapping[str, str]) -> tuple[str, str]:
    copy, variables = await world.placed()
    env = {**env, **variables, "GIT_CEILING_DIRECTORIES": str(copy.path.parent)}
    try:
        outcome = await run_command(
            command, cwd=copy.path, env=env, timeout_s=check.timeout_s, temp=copy.temp, wrap=world.wrap(copy)
        )
    except CommandNotStarted as error:
        return f"it could not be started: {error.why}", ""
    said = _last_lines(world.shown(outcome.output))
    last = said.rpartition("\n")[2]
    return f"{outcome.how}: {last}" if outcome.how and last else outcome.how, said


def _wrapped(box: Sandbox | None, network: bool, copy: WorkCopy) -> Wrap:
    """What is put around the commands of checks: as a check is confirmed by a person, it may read what the project is."""
    return box.wrap(copy=copy.path, temp=copy.temp, readable=copy.readable, network=network) if box else NO_WRAP


def _last_lines(output: str) -> str:
    """Return the last lines that hold something, of those that were overwritten what stood there in the end."""
    lines = [line.rstrip().rpartition("\r")[2] for line in output.split("\n")]
    return "\n".join([line[:_TOLD_LINE] for line in lines if line.strip()][-_TOLD_LINES:])


def _plain(text: str) -> str:
    """Return a text without colours and other signs that a terminal would act upon."""
    return "".join(char if char.isprintable() or char in "\n\r\t" else "?" for char in _ESCAPES.sub("", text))


def _middle_cut(text: str, most: int) -> str:
    """Return a text of at most `most` characters: what failed stands at its head, why mostly at its end."""
    if len(text) <= most:
        return text
    head = most // 4
    return f"{text[:head]} ... {text[len(text) - most + head + 5 :]}"


def _quoted(text: str | None) -> str:
    return repr(one_line(text or "", 60))
