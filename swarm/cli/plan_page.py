"""A plan as people read it: a page of text, or a Mermaid diagram."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from swarm.cli.outline import Planned, Source
from swarm.cli.output import counted
from swarm.conditions import written
from swarm.errors import amount, dollars
from swarm.money.split import shares_of
from swarm.task import BUFFER, NORMAL, Budget, Check, Each, Limits, Task, TaskFile

MOST_MODELS = 4
_SHOWN = 60  # characters of a command or a text


def page(
    file: TaskFile, planned: Sequence[Planned], foreseen: Callable[[str], Iterable[tuple[str, str]]] = lambda _: ()
) -> Iterator[str]:
    """Yield the lines: levels with arrows, then task by task what it reads, does, is checked by and writes.

    `foreseen` says more of a task, by its id.
    """
    depth = max(one.level for one in planned)
    cap = f", capped at {_budget(file.budget)}" if file.budget else ""
    yield f"{file.name}: {counted(len(planned), 'task')} in {counted(depth, 'level')}{cap}"
    yield from (f"  split   {said}" for said in _splits(file.budget))
    for level in range(1, depth + 1):
        yield f"  {level}  {'   '.join(_arrowed(one.task) for one in planned if one.level == level)}"
    for one in sorted(planned, key=lambda one: one.level):
        yield ""
        title = f"  {one.task.title}" if one.task.title and one.task.title != one.task.id else ""
        yield f"{one.task.id}{title}"
        yield from (f"  {name:<7} {said}" for name, said in (*_facts(one, file.budget), *foreseen(one.task.id)))


def _arrowed(task: Task) -> str:
    needed = ", ".join(task.needs)
    several = " (each)" if task.each else ""
    return f"{needed} -> {task.id}{several}" if needed else f"{task.id}{several}"


def _facts(one: Planned, budget: Budget | None) -> Iterator[tuple[str, str]]:
    task = one.task
    if task.needs:
        yield "needs", ", ".join(task.needs)
    if task.when is not None:
        yield "when", written(task.when)
    if task.each is not None:
        yield "each", _each(task.each)
    for source in one.sources:
        yield "reads", _source(source)
    judge = "" if one.judged else " (its checks alone)"
    yield "does", f"{' -> '.join(one.roles)}{judge}; {one.complexity.level}, {one.complexity.type}"
    if one.complexity.factors:
        yield "why", "; ".join(one.complexity.factors)
    yield from (("agent", said) for said in one.team)
    yield from (("by", said) for said in _models(one))
    if one.tools:
        yield "tools", f"{', '.join(one.tools)}{'; with the network' if task.network else ''}"
        yield "changes", _CHANGES[one.changes]
    for check in task.checks:
        yield "checks", _check(check)
    for said in task.accept:
        yield "accept", _short(said)
    for output in task.written:
        yield "writes", f"{output.path} ({output.format})"
    yield "limits", _limits(task)
    if turn := _turn(task):
        yield "turn", turn
    if task.budget != budget:
        yield from (("split", said) for said in _splits(task.budget))


def _each(each: Each) -> str:
    if each.from_task is not None:
        field = "".join(f".{name}" for name in each.field)
        return f"item of the result of {each.from_task}{field}"
    if each.files:
        return f"file of {', '.join(each.files)}"
    return f"of {counted(len(each.items), 'item')}"


def _source(source: Source) -> str:
    if source.trouble:
        return f"{source.name}  ! {source.trouble}"
    parts = [source.name]
    if source.files:
        parts.append(counted(source.files, "file"))
    if source.size is not None:
        parts.append(f"{source.size:,} bytes")
    if source.load != "full":
        parts.append(f"load: {source.load}")
    if source.max_tokens is not None:
        parts.append(f"at most {source.max_tokens:,} tokens")
    return ", ".join(parts)


def _models(one: Planned) -> Iterator[str]:
    for role, arms in one.arms.items():
        if role == "validator" and not one.judged:
            continue
        models = list(dict.fromkeys(f"{arm.model} ({arm.tier})" for arm in arms))  # several agents may work on each
        more = f" and {len(models) - MOST_MODELS} more" if len(models) > MOST_MODELS else ""
        yield (
            f"{role}: {', '.join(models[:MOST_MODELS])}{more}" if arms else f"{role}: no model that is set up here may"
        )


def _check(check: Check) -> str:
    for gate in ("run", "contains", "not_contains", "regex", "file", "rubric"):
        value = getattr(check, gate)
        if value is not None:
            said = f"{gate} {_short(value)}"
            break
    else:
        said = f"diff_within {', '.join(check.diff_within)}" if check.diff_within else "JSON Schema"
    name = f"{check.name}: " if check.name else ""
    return f"{name}{said}{'' if check.required else ' (not required)'}"


def _limits(task: Task) -> str:
    parts = [counted(task.limits.attempts, "attempt")]
    if task.limits.time_s is not None:
        parts.append(f"{task.limits.time_s:g} s")
    if task.limits.turns is not None:
        parts.append(counted(task.limits.turns, "call"))
    if task.limits.words is not None:
        parts.append(counted(task.limits.words, "word"))
    if task.limits.answer_tokens is not None:
        parts.append(f"{task.limits.answer_tokens:,} tokens an answer")
    if task.limits.escalations != Limits().escalations:
        parts.append(counted(task.limits.escalations, "escalation"))
    if task.budget is not None:
        parts.append(_budget(task.budget))
    return ", ".join(parts)


_CHANGES = {
    "apply": "what tools change is taken over into your files once it is accepted",
    "ask": "what tools change is asked about once it is accepted; where nobody can be asked it waits for `swarm apply`",
    "keep": "what tools change waits for `swarm apply`",
}
_STARTS = {"planned": "whom the plan takes has the first try", "free": "a free model has the first try"}


def _turn(task: Task) -> str:
    """What the task says of who and what goes first; "" where nothing."""
    parts = [f"priority {task.priority} of 0 (first) to 9"] if task.priority != NORMAL else []
    parts += [_STARTS[task.start]] if task.start else []
    return ", ".join(parts)


def _budget(budget: Budget) -> str:
    parts = [dollars(budget.usd_nanos)] if budget.usd_nanos is not None else []
    parts += [f"{budget.tokens:,} tokens"] if budget.tokens is not None else []
    return " and ".join(parts)


def _splits(budget: Budget | None) -> Iterator[str]:
    """Yield the shares of a split budget, in each unit that it caps."""
    if budget is None or not budget.split:
        return
    for unit, whole in (("tokens", budget.tokens), ("nanos", budget.usd_nanos)):
        if whole is not None:
            shares = shares_of({name: each for name, each in budget.split.items() if name != BUFFER}, whole, unit)
            named = [f"{name} {amount(share, unit)}" for name, share in shares.items() if share]
            yield ", ".join([*named, f"{BUFFER} {amount(whole - sum(shares.values()), unit)}"])


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"


def mermaid(planned: Sequence[Planned]) -> Iterator[str]:
    """Yield the lines of a flowchart. Nothing in an id or a title can end its label or be taken for markup."""
    numbers = {one.task.id: number for number, one in enumerate(planned)}
    yield "flowchart TD"
    for one in planned:
        task = one.task
        title = f"<br/>{escaped(_short(task.title))}" if task.title and task.title != task.id else ""
        label = f'"{escaped(task.id)}{title}"'
        yield f"  t{numbers[task.id]}[[{label}]]" if task.each else f"  t{numbers[task.id]}[{label}]"
    for one in planned:
        condition = "" if one.task.when is None else f'|"{escaped(_short(written(one.task.when)))}"|'
        arrow = "-->" if one.task.when is None else "-.->"
        for need in one.task.needs:
            yield f"  t{numbers[need]} {arrow}{condition} t{numbers[one.task.id]}"


def escaped(text: str) -> str:
    """Return a text for a label in quotes: what is neither letter, digit nor plain sign becomes an entity (#35; is #)."""
    return re.sub(r"[^\w \-.,:()/+=!?]", lambda found: f"#{ord(found[0])};", text)
