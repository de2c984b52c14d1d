"""The bench of prompts: that its labels name sections, and that tasks which nothing was chosen by are given what they need."""

from __future__ import annotations

from bench import prompts
from swarm.agents.modules import modules_of, troubles_of
from swarm.text.count import count


def test_every_label_is_a_section_and_half_of_the_tasks_are_for_judging_alone() -> None:
    titles = {module.title for module in modules_of(prompts.house())}
    assert all(set(each.needs) <= titles and each.needs for each in prompts.labelled())
    assert troubles_of(prompts.house()) == [] and len(titles) == len(modules_of(prompts.house()))
    assert 18 <= len(prompts.held_out()) <= 22 and len(prompts.labelled()) == 40


def test_tasks_are_given_what_they_need_in_less_than_half_of_the_tokens() -> None:
    judged = prompts.held_out()
    assert prompts.recall(prompts.ours, judged) >= prompts.RECALL > prompts.recall(prompts.head, judged)
    assert max(count(prompts.ours(each)) for each in judged) <= prompts.MOST_TOKENS
