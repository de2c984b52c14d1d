"""Which agents take part in a role of a task, and why. A plain function of what is known of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from swarm.agents.profile import PLAIN, Agent, shipped
from swarm.errors import UsageError

MOST_TOGETHER = 4
"""Agents that match equally well and take part together; each is a candidate of its own on each model."""


class Matched(msgspec.Struct, frozen=True, kw_only=True):
    """The agents that may fill a role, and why it is they: `named`, `tag docs`, `type docs`, or nothing for the plain one."""

    agents: tuple[Agent, ...]
    why: str = ""


class UnknownAgent(UsageError):
    """A task names an agent that there is not."""

    def __init__(self, name: str, *, where: str, known: Sequence[str]) -> None:
        from difflib import get_close_matches  # only an error needs it

        near = get_close_matches(name, known, n=1)
        guess = f"did you mean {near[0]!r}?" if near else "`swarm agents list` shows those that there are"
        super().__init__(f"{where} names the agent {name!r}, which is not known; {guess}")


def known_agents(own: Sequence[Agent]) -> dict[str, Agent]:
    """The agents by their names: those that were found, of two with one name the first, and behind them those that ship."""
    found: dict[str, Agent] = {}
    for agent in (*own, *shipped().values(), *PLAIN.values()):
        found.setdefault(agent.name, agent)
    return found


def match(
    known: Mapping[str, Agent],
    *,
    role: str,
    type_: str,
    tags: Sequence[str] = (),
    named: Sequence[str] = (),
    where: str = "the task",
) -> Matched:
    """Who may fill the role of a task of that type with those tags. Raises UnknownAgent for a name that is not `known`.

    Whoever is named takes part, and nobody else. Else a worker is sought: an agent takes part that shares a tag with the
    task, or takes its type; more shared tags come before fewer, then whoever takes the type, then your own before those that
    ship, then, of those that take the type, whoever takes fewer. Several are equally good only where all of that is equal.
    Where nobody fits, and for the other roles, it is the plain agent of the role.
    """
    for name in named:
        if name not in known:
            raise UnknownAgent(name, where=where, known=tuple(known))
    if named:
        return Matched(agents=tuple(known[name] for name in named), why="named")
    fitting = {agent.name: _fit(agent, type_, tags) for agent in known.values()} if role == "worker" else {}
    best = max(fitting.values(), default=_NONE)
    if best[:2] == _NONE[:2]:
        return Matched(agents=(known[PLAIN[role].name],))
    chosen = [known[name] for name, fit in fitting.items() if fit == best]
    shared = [tag for tag in tags if tag in chosen[0].tags]
    why = f"tag {', '.join(shared)}" if shared else f"type {type_}"
    return Matched(agents=tuple(chosen[:MOST_TOGETHER]), why=why)


_Fit = tuple[int, bool, bool, int]
_NONE: _Fit = (0, False, False, 0)


def _fit(agent: Agent, type_: str, tags: Sequence[str]) -> _Fit:
    """How well an agent fits, to be compared: shared tags, whether it takes the type, whether it is yours, how few types."""
    shared, takes = len(set(agent.tags) & set(tags)), type_ in agent.types
    own = shipped().get(agent.name) is not agent
    return shared, takes, own, -len(agent.types) if takes else 0
