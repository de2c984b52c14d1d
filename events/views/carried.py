"""What a log carries on of the events that an archive took: the sums of views, in a form that stays readable for ever.

The form is JSON with named fields, of the views' own structs where these are plain sums: like the fields of an event, a field
of theirs is added with a default and never renamed. Archived sessions are summed: their own scopes, their tasks and their
numbers go with them, days, models, roles, tiers, agents and trails stay exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from events.scopes import SHARED, session_of
from events.trails import EVERYWHERE, Offset, Overlap, Surprise, Trail, Trails, model_of
from events.views.cost import Cost, CostView, Payer
from events.views.estimates import EstimatesView, Held, Run
from events.views.history import Doer, Done, HistoryView
from events.views.inputs import Inputs, InputsView
from events.views.money import MoneyView, Reservation, ScopeState
from events.views.overruns import OverrunsView
from events.views.schedules import SchedulesView
from events.views.sizes import Kind, Sizes, SizesView
from events.views.trails import Excluded, TrailsView
from events.views.verdicts import Drafts, Judged, VerdictsView


class _Money(msgspec.Struct):
    scopes: dict[str, ScopeState]
    open: list[Reservation] = []
    unknown: list[Reservation] = []


class _Paid(msgspec.Struct, frozen=True):
    payer: Payer
    cost: Cost
    open: dict[int, int] = {}  # by position what is reserved for calls that are not over
    unknown: dict[int, int] = {}


class _Trail(msgspec.Struct, frozen=True):
    context: str
    arm: str
    trail: Trail


class _Trails(msgspec.Struct):
    trails: list[_Trail]
    offsets: dict[str, Offset] = {}
    surprises: dict[str, Surprise] = {}
    overlap: Overlap = msgspec.field(default_factory=Overlap)
    excluded: list[Excluded] = []
    known: int = 0
    judges: dict[str, Judged] = {}
    types: dict[str, Drafts] = {}


class _Work(msgspec.Struct, frozen=True):
    doer: Doer
    done: Done


class _History(msgspec.Struct):
    work: list[_Work]
    plans: dict[str, dict[int, int]]


class _OfKind(msgspec.Struct, frozen=True):
    kind: Kind
    sizes: Sizes


class _Estimates(msgspec.Struct):
    months: dict[str, Held]
    guesses: dict[str, Held]
    runs: dict[int, Run]
    reserved: dict[int, int]


class Form(Protocol):
    """How one view is carried on."""

    def write(self, view: Any) -> str: ...

    def read(self, text: str) -> Any:
        """The view again. Raises msgspec.DecodeError."""
        ...


class _MoneyForm:
    def write(self, view: MoneyView) -> str:
        scopes = {name: state for name, state in view.scopes.items() if session_of(name) == SHARED}
        kept = _Money(scopes, [*map(_widened, view.open.values())], [*map(_widened, view.unknown.values())])
        return _text(kept)

    def read(self, text: str) -> MoneyView:
        kept = msgspec.json.decode(text, type=_Money)
        return MoneyView(
            scopes=kept.scopes,
            open={held.position: _read(held) for held in kept.open},
            unknown={held.position: _read(held) for held in kept.unknown},
        )


class _CostForm:
    def write(self, view: CostView) -> str:
        sums: dict[Payer, _Paid] = {}
        for payer, cost in view.costs.items():
            paid = sums.setdefault(_summed(payer), _Paid(_summed(payer), Cost(), {}, {}))
            paid.cost.add(cost)
        for position, (payer, nanos) in view._open.items():  # pyright: ignore[reportPrivateUsage]  # carried on whole
            sums[_summed(payer)].open[position] = nanos
        for position, (payer, nanos) in view._unknown.items():  # pyright: ignore[reportPrivateUsage]
            sums[_summed(payer)].unknown[position] = nanos
        return _text(list(sums.values()))

    def read(self, text: str) -> CostView:
        paid = msgspec.json.decode(text, type=list[_Paid])
        return CostView(
            costs={each.payer: each.cost for each in paid},
            _open={position: (each.payer, nanos) for each in paid for position, nanos in each.open.items()},
            _unknown={position: (each.payer, nanos) for each in paid for position, nanos in each.unknown.items()},
        )


class _TrailsForm:
    def write(self, view: TrailsView) -> str:
        learned = view.learned
        rows = [_Trail(context, arm, trail) for (context, arm), trail in learned.rows.items()]
        known = view._known  # pyright: ignore[reportPrivateUsage]  # carried on whole
        return _text(
            _Trails(
                rows,
                learned.offsets,
                learned.surprises,
                learned.overlap,
                view.excluded,
                known,
                view.verdicts.judges,
                view.verdicts.types,
            )
        )

    def read(self, text: str) -> TrailsView:
        if text.startswith("["):  # once there were trails alone, those of all contexts by arm
            alone = msgspec.json.decode(text, type=list[_Trail])
            kept = _Trails([_Trail(each.context, _everywhere(each), each.trail) for each in alone])
        else:
            kept = msgspec.json.decode(text, type=_Trails)
        rows: dict[tuple[str, str], Trail] = {}
        for each in kept.trails:
            place = each.context, each.arm
            rows[place] = each.trail.beside(rows[place]) if place in rows else each.trail
        learned = Trails(rows, kept.offsets, kept.surprises, kept.overlap)
        verdicts = VerdictsView(judges=kept.judges, types=kept.types)
        return TrailsView(learned=learned, verdicts=verdicts, excluded=kept.excluded, _known=kept.known)


def _everywhere(trail: _Trail) -> str:
    return model_of(trail.arm) if trail.context == EVERYWHERE else trail.arm


class _HistoryForm:
    def write(self, view: HistoryView) -> str:
        return _text(_History([_Work(doer, done) for doer, done in view.done.items()], view.plans))

    def read(self, text: str) -> HistoryView:
        kept = msgspec.json.decode(text, type=_History)
        return HistoryView(done={each.doer: each.done for each in kept.work}, plans=kept.plans)


class _SizesForm:
    def write(self, view: SizesView) -> str:
        return _text([_OfKind(kind, sizes) for kind, sizes in view.kinds.items()])

    def read(self, text: str) -> SizesView:
        return SizesView(kinds={each.kind: each.sizes for each in msgspec.json.decode(text, type=list[_OfKind])})


class _EstimatesForm:
    def write(self, view: EstimatesView) -> str:
        runs, reserved = view._runs, view._reserved  # pyright: ignore[reportPrivateUsage]  # carried on whole
        return _text(_Estimates(view.months, view.guesses, runs, reserved))

    def read(self, text: str) -> EstimatesView:
        kept = msgspec.json.decode(text, type=_Estimates)
        return EstimatesView(months=kept.months, guesses=kept.guesses, _runs=kept.runs, _reserved=kept.reserved)


class _OverrunsForm:
    def write(self, view: OverrunsView) -> str:
        return _text(view)

    def read(self, text: str) -> OverrunsView:
        return msgspec.json.decode(text, type=OverrunsView)


class _SchedulesForm:
    """Whole: a schedule goes on, whatever of it is in an archive, and its last firings name sessions that are there."""

    def write(self, view: SchedulesView) -> str:
        return _text(view)

    def read(self, text: str) -> SchedulesView:
        return msgspec.json.decode(text, type=SchedulesView)


class _InputsForm:
    def write(self, view: InputsView) -> str:
        return _text(view.models)

    def read(self, text: str) -> InputsView:
        return InputsView(models=msgspec.json.decode(text, type=dict[str, Inputs]))


FORMS: Mapping[str, tuple[type, Form]] = {
    "money": (MoneyView, _MoneyForm()),
    "cost": (CostView, _CostForm()),
    "trails": (TrailsView, _TrailsForm()),
    "history": (HistoryView, _HistoryForm()),
    "estimates": (EstimatesView, _EstimatesForm()),
    "overruns": (OverrunsView, _OverrunsForm()),
    "sizes": (SizesView, _SizesForm()),
    "inputs": (InputsView, _InputsForm()),
    "schedules": (SchedulesView, _SchedulesForm()),
}
"""By the name under which a view is carried on. What is not among them begins anew: sessions and tasks are in the archive."""


def name_of(view: object) -> str:
    """The name under which the view is carried on; empty: it is not."""
    return next((name for name, (kind, _) in FORMS.items() if type(view) is kind), "")


def _widened(held: Reservation) -> Reservation:
    scopes, path = (tuple(each for each in names if session_of(each) == SHARED) for names in (held.scopes, held.path))
    return msgspec.structs.replace(held, scopes=scopes, path=path)


def _read(held: Reservation) -> Reservation:
    return held if held.path else msgspec.structs.replace(held, path=held.scopes)  # once only what was named was kept


def _summed(payer: Payer) -> Payer:
    return msgspec.structs.replace(payer, session=0, task="")


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
