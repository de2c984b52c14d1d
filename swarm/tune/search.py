"""The search: many values are tried on one half of the record, and the best of them is measured on the other."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from time import monotonic
from typing import TYPE_CHECKING

import msgspec

from swarm.tune.compare import Compared, Half
from swarm.tune.values import Space, Values
from swarm.whatif.estimate import LEAST_SAMPLE

if TYPE_CHECKING:
    import optuna

LEAST_GROUPS = int(2 * LEAST_SAMPLE)
"""So many tasks that rest on no other are needed in each half: the weights of a proposal leave about half of them."""

_FRONT = 5  # proposals of a front that are shown
_NEAR = 0.01  # a parameter whose change makes no more difference than this to the cost stays as it was


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How long to search, from where, and how much acceptance may be given up."""

    trials: int = 200
    seed: int = 0
    margin: float = 0.03  # of the share of accepted tasks
    seconds: float = 300.0


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """Values, with what they came to in the half that was searched and in the other."""

    values: Values
    searched: Compared
    measured: Compared | None


class Found(msgspec.Struct, frozen=True, kw_only=True):
    trials: int  # that were made
    best: Tried | None  # in the half that was searched
    front: tuple[Tried, ...]  # other exchanges of cost for acceptance, the cheapest first
    unknown: int = 0  # trials of which the record says too little
    lacking: tuple[str, ...] = ()  # arms of which it would have to say more, the most often needed first
    interrupted: bool = False
    out_of_time: bool = False


def search(
    first: Half, second: Half, space: Space, terms: Terms, *, told: Callable[[int], None] = lambda done: None
) -> Found:
    """Search the first half by two samplers and measure what they found on the second. The same record gives the same.

    Ctrl-C and the end of the time end the search with what it has; so does the last trial. `told` hears of each trial.
    """
    trials = _Trials(first, space, terms, told)
    interrupted = False
    try:
        trials.run()
    except KeyboardInterrupt:
        interrupted = True
    found = trials.found
    best = _best(first, found, terms.margin)
    tried = None if best is None else _tried(best, first, second)
    return Found(
        trials=trials.made,
        best=tried,
        front=tuple(_apart(each for values in _front(first, found) if (each := _tried(values, first, second)))),
        unknown=trials.unknown,
        lacking=tuple(sorted(trials.lacking, key=lambda arm: (-trials.lacking[arm], arm))),
        interrupted=interrupted,
        out_of_time=trials.made < terms.trials and not interrupted,
    )


class _Trials:
    def __init__(self, half: Half, space: Space, terms: Terms, told: Callable[[int], None]) -> None:
        self._half, self._space, self._terms, self._told = half, space, terms, told
        self._ends = monotonic() + terms.seconds
        self.found: list[Values] = []  # identified ones, in the order in which they were first tried
        self.made, self.unknown = 0, 0
        self.lacking: dict[str, int] = {}

    def run(self) -> None:
        """One half of the trials for the least cost at held acceptance, the other for the exchange of both."""
        import optuna  # of the extra `tune`

        samplers = optuna.samplers
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of parts of Optuna that are called experimental
                most = self._terms.trials - self._terms.trials // 2
                least = optuna.create_study(sampler=samplers.TPESampler(seed=self._terms.seed, multivariate=True))
                least.optimize(self._cost, n_trials=most, timeout=self._left())
                population = max(4, min(50, self._terms.trials // 8))
                genes = samplers.NSGAIISampler(seed=self._terms.seed, population_size=population)
                both = optuna.create_study(sampler=genes, directions=["minimize", "maximize"])
                both.optimize(self._exchange, n_trials=self._terms.trials // 2, timeout=self._left())
        finally:
            optuna.logging.set_verbosity(verbosity)

    def _left(self) -> float:
        return max(0.0, self._ends - monotonic())

    def _cost(self, trial: optuna.Trial) -> float:
        found = self._ask(trial)
        if found is not None:
            trial.set_constraint("acceptance is held", -self._terms.margin - found.accepted_change.low)
        return _WORST if found is None else found.cost.value

    def _exchange(self, trial: optuna.Trial) -> tuple[float, float]:
        found = self._ask(trial)
        return (_WORST, 0.0) if found is None else (found.cost.value, found.accepted.value)

    def _ask(self, trial: optuna.Trial) -> Compared | None:
        """What a trial comes to; None where nothing is known of it."""
        picked = {
            name: (None, *options)[trial.suggest_int(name, 0, len(options))]
            if name == "worth"  # whose neighbours are alike
            else _picked(trial, name, options)
            for name, options in self._space.options.items()
        }
        values = self._space.values(picked)
        found = self._half.under(values)
        trial.set_constraint("the sample is large enough", 1.0 if found is None else LEAST_SAMPLE - found.sample)
        trial.set_constraint("no arm is lacking", float(found is None or bool(found.needed)))
        if found is not None and found.identified and values not in self.found:
            self.found.append(values)
        self.unknown += found is None or not found.identified
        for arm in found.needed if found is not None else ():
            self.lacking[arm] = self.lacking.get(arm, 0) + 1
        self.made += 1
        self._told(self.made)
        return found


_WORST = 1e18  # nano-dollars: of values of which nothing is known


def _picked(trial: optuna.Trial, name: str, options: Sequence[object]) -> object:
    """One of the options, or none; a sampler knows them by their number."""
    return (None, *options)[trial.suggest_categorical(name, list(range(len(options) + 1)))]


def _best(half: Half, found: Sequence[Values], margin: float) -> Values | None:
    """The values that hold acceptance and save the most for certain, with no change among them that makes no difference."""

    def most(values: Values) -> tuple[float, int]:
        known = half.under(values)
        assert known is not None, "what was found is identified"
        return known.cost_change.high, values.changes

    good = [values for values in found if (known := half.under(values)) and known.holds(margin) and known.saves()]
    best = min(good, key=most, default=None)
    while best is not None and (simpler := _simpler(half, best, margin)) is not None:
        best = simpler
    return best


def _simpler(half: Half, values: Values, margin: float) -> Values | None:
    """The same values with one parameter as it was, where that is as good."""
    known = half.under(values)
    assert known is not None
    for name in values.__struct_fields__:
        left = values.without(name)
        if left == values or not left.changes:
            continue
        other = half.under(left)
        if other is not None and other.holds(margin) and other.saves():
            near = _NEAR * known.cost_recorded
            if other.cost_change.high <= known.cost_change.high + near:
                return left
    return None


def _front(half: Half, found: Sequence[Values]) -> list[Values]:
    """The values that no others beat in both cost and acceptance, some of them, evenly, the cheapest first."""
    known = [(compared, values) for values in found if (compared := half.under(values))]
    known.sort(key=lambda each: (each[0].cost.value, -each[0].accepted.value, each[1].changes))
    front: list[Values] = []
    highest = -1.0
    for compared, values in known:
        if compared.accepted.value > highest:
            highest = compared.accepted.value
            front.append(values)
    if len(front) <= _FRONT:
        return front
    return [front[round(place * (len(front) - 1) / (_FRONT - 1))] for place in range(_FRONT)]


def _apart(front: Iterable[Tried]) -> Iterator[Tried]:
    """Those that come to something else than the one before them."""
    before: Tried | None = None
    for each in front:
        if before is None or each.measured is None or each.measured != before.measured:
            yield each
        before = each


def _tried(values: Values, first: Half, second: Half) -> Tried | None:
    searched = first.under(values)
    return Tried(values=values, searched=searched, measured=second.under(values)) if searched is not None else None
