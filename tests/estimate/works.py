"""Histories and bases for estimates, with the shortest arguments."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from events.views.history import Doer, Done, HistoryView, rounded_size
from events.views.inputs import InputsView
from events.views.trails import TrailsView
from swarm.engine.prepare import prepare
from swarm.estimate.estimate import Basis, Estimate, estimate
from swarm.plan import Plan
from swarm.settings.load import ModelConfig
from swarm.taskfile.read import parse_task_file
from tests.running import a_plan

NOW = 1_795_255_200_000_000  # 2026-11-21 10:00:00 UTC


def knowing(answers: Mapping[tuple[str, str, str], list[int]], **verdicts: tuple[int, int]) -> HistoryView:
    """A history: sizes of answers by role, model and type; and by model accepted and rejected drafts for writing."""
    view = HistoryView()
    for (role, model, type_), sizes in answers.items():
        done = view.done.setdefault(Doer(role, model, type_), Done({}))
        for size in sizes:
            done.answers[rounded_size(size)] = done.answers.get(rounded_size(size), 0) + 1
    for model, (accepted, rejected) in verdicts.items():
        done = view.done.setdefault(Doer("worker", model, "writing"), Done({}))
        done.accepted, done.rejected = accepted, rejected
    return view


def basis(
    root: Path,
    *models: ModelConfig,
    history: HistoryView | None = None,
    inputs: InputsView | None = None,
    **more: Any,
) -> Basis:
    plan = a_plan({"one": "http://127.0.0.1:9/v1"}, *models, **more)
    return Basis(
        plan=plan,
        history=history or HistoryView(),
        trails=TrailsView(),
        inputs=inputs or InputsView(),
        root=root,
        redact=lambda text: text,
        now=NOW,
    )


def estimated(text: str, known: Basis) -> Estimate:
    return estimate(
        prepare(parse_task_file(text, known.root / "t.yaml"), known.root, known.redact, known.plan)[0], known
    )


def planned(text: str, known: Basis) -> Plan:
    """The plan with the caps of the file."""
    return prepare(parse_task_file(text, known.root / "t.yaml"), known.root, known.redact, known.plan)[1]
