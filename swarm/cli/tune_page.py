"""What `swarm tune` shows: a diff of settings with what it would come to, for a person and for a program."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from swarm.cli.output import counted
from swarm.errors import dollars
from swarm.settings.keys import WORTHS
from swarm.settings.load import config_dir
from swarm.task import Limits
from swarm.tune.search import Terms, Tried
from swarm.tune.tune import Tuned
from swarm.tune.values import NAMES, Values

if TYPE_CHECKING:
    from swarm.cli.output import Output
    from swarm.settings.load import ChoiceSettings
    from swarm.tune.compare import Compared
    from swarm.whatif.estimate import Interval

_SHOWN = 5  # arms that a person is told of; a program gets all
_IN_SETTINGS = ("policy", "worth", "start")


class Change(NamedTuple):
    """A parameter with its value now and as it is proposed, as files have them."""

    name: str
    key: str
    old: str
    new: str

    @property
    def in_settings(self) -> bool:
        """Whether it stands in the user's settings; else in task files."""
        return self.name in _IN_SETTINGS


def changes(values: Values, tuned: Tuned, now: ChoiceSettings) -> list[Change]:
    """What is to be written otherwise; what your settings say already is left out."""
    recorded = tuned.space.recorded
    old: dict[str, object] = {
        "policy": now.policy,
        "worth": now.worth,
        "start": now.start,
        "tiers": recorded.tiers,
        "attempts": recorded.attempts,
        "escalations": Limits().escalations,
    }
    pairs = [(name, old[name], getattr(values, name)) for name in values.__struct_fields__]
    return [
        Change(name, NAMES[name], _written(name, before), _written(name, after))
        for name, before, after in pairs
        if after is not None and after != before
    ]


def _written(name: str, value: Any) -> str:
    if name == "worth":
        named = next((word for word, worth in WORTHS.items() if worth == value), None)
        return f'"{named}"' if named else f"{value:g}"
    if name == "tiers":
        return f"[{', '.join(value)}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def tell(tuned: Tuned, terms: Terms, now: ChoiceSettings, output: Output) -> None:
    found = tuned.found
    output.line(f"{counted(tuned.sessions, 'finished session')}, {counted(tuned.tasks, 'task')}", "bold")
    if found is not None:
        output.line(
            f"{counted(found.trials, 'trial')} on {counted(tuned.searched, 'task')}; what follows is measured on the other "
            f"{tuned.measured:,}, which were not searched"
        )
    if found is not None and (found.interrupted or found.out_of_time):
        how = "Ctrl-C" if found.interrupted else "the end of --time"
        output.line(f"the search was ended by {how} after {found.trials:,} of {terms.trials:,} trials", "yellow")
    if tuned.kind == "proposed" and found is not None and found.best is not None and found.best.measured is not None:
        _tell_proposal(found.best, found.best.measured, tuned, now, output)
    else:
        more = f"; about {counted(tuned.more, 'task')} more would do" if tuned.more else ""
        output.line(f"{_heading(tuned)}: {tuned.why}{more}")
    if found is not None and len(found.front) > 1:
        _tell_front(found.front, tuned, now, output)
    if found is not None and found.lacking:
        listed = ", ".join(found.lacking[:_SHOWN]) + (" ..." if len(found.lacking) > _SHOWN else "")
        output.line(
            f"{counted(found.unknown, 'trial')} would need what the record lacks, such as work of {listed}", "dim"
        )
    for name, why in tuned.space.left_out.items():
        output.line(f"not searched: {name}: {why}", "dim")


def _heading(tuned: Tuned) -> str:
    return "too little is recorded" if tuned.kind == "too little" else "nothing better was found"


def _tell_proposal(best: Tried, measured: Compared, tuned: Tuned, now: ChoiceSettings, output: Output) -> None:
    output.table(["", "RECORDED", "PROPOSED", "95 % INTERVAL", "CHANGE", "95 % INTERVAL"], list(_rows(measured)))
    output.line(
        f"effective sample size {measured.sample:.1f} of {counted(measured.groups, 'independent group')} of tasks; "
        "nothing was changed, the lines are yours to write"
    )
    found = changes(best.values, tuned, now)
    if not found:
        output.line("your settings say so already: most of what is recorded was made under others")
    for line in _diff(found):
        output.line(line, "red" if line.startswith("-") else "green" if line.startswith("+") else "")


def _rows(measured: Compared) -> Iterator[Sequence[str]]:
    cost, accepted = measured.cost, measured.accepted
    yield (
        "cost an accepted task",
        _usd(measured.cost_recorded),
        _usd(cost.value),
        f"{_usd(cost.low)} to {_usd(cost.high)}",
        _signed_usd(measured.cost_change.value),
        f"{_signed_usd(measured.cost_change.low)} to {_signed_usd(measured.cost_change.high)}",
    )
    points = [100 * each for each in _ends(measured.accepted_change)]
    yield (
        "accepted tasks",
        _share(measured.accepted_recorded),
        _share(accepted.value),
        f"{_share(accepted.low)} to {_share(accepted.high)}",
        f"{points[0]:+.1f} points",
        f"{points[1]:+.1f} to {points[2]:+.1f}",
    )


def _diff(found: Sequence[Change]) -> Iterator[str]:
    """The lines to change, by file."""
    if settings := [each for each in found if each.in_settings]:
        yield f"{config_dir(os.environ) / 'config.toml'}:"
        yield "  [choice]"
        for each in settings:
            yield f"- {each.key.rpartition('.')[2]} = {each.old}"
            yield f"+ {each.key.rpartition('.')[2]} = {each.new}"
    if tasks := [each for each in found if not each.in_settings]:
        yield "your task files:"
        yield "  defaults:"
        yield from (f"-   {_of_task(each.key, each.old)}" for each in tasks)
        yield from (f"+   {_of_task(each.key, each.new)}" for each in tasks)


def _of_task(key: str, value: str) -> str:
    above, _, name = key.rpartition(".")
    return f"{above}: {{{name}: {value}}}" if above else f"{name}: {value}"


def _tell_front(front: Sequence[Tried], tuned: Tuned, now: ChoiceSettings, output: Output) -> None:
    """Other exchanges, as the half has them that was not searched."""
    output.line("cost against acceptance, each the best of its kind where it was searched:", "dim")
    rows = [
        (
            _usd(each.measured.cost.value),
            f"{_usd(each.measured.cost.low)} to {_usd(each.measured.cost.high)}",
            _share(each.measured.accepted.value),
            f"{_share(each.measured.accepted.low)} to {_share(each.measured.accepted.high)}",
            ", ".join(f"{one.key} = {one.new}" for one in changes(each.values, tuned, now)) or "as your settings are",
        )
        for each in front
        if each.measured is not None and each.measured.identified
    ]
    output.table(["COST", "95 % INTERVAL", "ACCEPTED", "95 % INTERVAL", "WITH"], rows)


def document(tuned: Tuned, terms: Terms, now: ChoiceSettings) -> dict[str, Any]:
    found = tuned.found
    best = found.best if found is not None else None
    return {
        "kind": tuned.kind.replace(" ", "_"),
        "why": tuned.why,
        "more_tasks": tuned.more or None,
        "sessions": tuned.sessions,
        "tasks": tuned.tasks,
        "searched_tasks": tuned.searched,
        "measured_tasks": tuned.measured,
        "trials": found.trials if found is not None else 0,
        "unknown_trials": found.unknown if found is not None else 0,
        "lacking": list(found.lacking) if found is not None else [],
        "seed": terms.seed,
        "margin": terms.margin,
        "interrupted": found is not None and found.interrupted,
        "out_of_time": found is not None and found.out_of_time,
        "proposal": _tried(best, tuned, now) if best is not None and tuned.kind == "proposed" else None,
        "unconfirmed": _tried(best, tuned, now) if best is not None and tuned.kind != "proposed" else None,
        "front": [_tried(each, tuned, now) for each in found.front] if found is not None else [],
        "searched": sorted(NAMES[name] for name in tuned.space.options),
        "not_searched": tuned.space.left_out,
    }


def _tried(tried: Tried, tuned: Tuned, now: ChoiceSettings) -> dict[str, Any]:
    return {
        "changes": [
            {"key": each.key, "file": "settings" if each.in_settings else "task", "old": each.old, "new": each.new}
            for each in changes(tried.values, tuned, now)
        ],
        "measured": None if tried.measured is None else msgspec.to_builtins(tried.measured),
        "searched": msgspec.to_builtins(tried.searched),
    }


def _ends(interval: Interval) -> tuple[float, float, float]:
    return interval.value, interval.low, interval.high


def _usd(nanos: float) -> str:
    """An estimate in dollars, with four digits that count."""
    whole = round(nanos)
    return dollars(round(whole, min(0, 4 - len(str(abs(whole))))))


def _signed_usd(nanos: float) -> str:
    return f"{'-' if nanos < 0 else '+'}{_usd(abs(nanos))}"


def _share(share: float) -> str:
    return f"{100 * share:.1f} %"
