"""Every error that a user can meet: the class makes the sentence, the exit code stands on it.

SwarmError
├── UsageError               2   a file, a setting or an option is wrong; nothing was spent
├── BudgetExceeded           3   a call was refused because it would pass a cap
│   └── ShareExceeded        3   the same of a share of a split budget
├── NoModelAvailable         4   no allowed model can take the call
├── ConfirmationNeeded       5   a person has to say yes and nobody can be asked
├── ProviderError            1   one try of one call failed, with its cause (never leaves calls.py)
├── OwnerLost                1   another process took the session over
└── SessionBusy              2   the session has a living owner
"""

from __future__ import annotations

from enum import StrEnum
from typing import cast


class SwarmError(Exception):
    """The root of everything that is the user's to know. `exit_code` is what the command line ends with."""

    exit_code = 1


class UsageError(SwarmError):
    """A file, a setting or an option is wrong. Nothing was called or spent."""

    exit_code = 2


class BudgetExceeded(SwarmError):
    """A call was refused because it would pass a cap. Nothing was sent or spent.

    `unit` is "tokens" or "nanos" (billionths of a US dollar); the amounts are in that unit. `set_by` is the person who
    recorded the cap, "" where it is from the settings or the task file; `held` is what of it is for the hand-over of its task.
    """

    exit_code = 3
    share = 0  # of a share of a split budget: what of the cap is its own, the rest flowed to it
    whole = 0  # that budget

    def __init__(
        self,
        *,
        scope: str,
        unit: str,
        used: int,
        reserved: int,
        cap: int,
        needed: int,
        set_by: str = "",
        held: int = 0,
    ) -> None:
        self.scope, self.unit, self.used, self.reserved, self.cap, self.needed = (
            scope,
            unit,
            used,
            reserved,
            cap,
            needed,
        )
        self.set_by, self.held = set_by, held
        left = max(0, cap - used - reserved)
        recorded = f" (set by {set_by})" if set_by else ""
        kept = f" ({amount(min(left, held), unit)} of that for the hand-over)" if held and left else ""
        super().__init__(
            f"the budget of {scope} has {amount(left, unit)} of {amount(cap, unit)}{recorded} left{kept} and the next call "
            f"needs {amount(needed, unit)}; raise the cap and go on with `swarm resume --raise AMOUNT`, or split the task"
        )

    def _retell(self, refusal: BudgetExceeded, said: str) -> None:
        """Be that refusal, with all that it says (whose share it is, too, where the budget is split), in other words."""
        vars(self).update({**vars(refusal), **vars(self)})
        SwarmError.__init__(self, said)


class CapBroken(BudgetExceeded):
    """A provider counted more than was reserved, and that took a scope over its cap: no call is made in it, not even a free one.

    `over` is what all overruns in the scope came to, `call` the last of them.
    """

    def __init__(self, refusal: BudgetExceeded, *, over: int, call: int) -> None:
        unit, scope = refusal.unit, refusal.scope
        self.over, self.call = over, call
        self._retell(
            refusal,
            f"the budget of {scope} was broken: a provider counted {amount(over, unit)} more than was reserved (the last time "
            f"for call {call}, see `swarm why {call}`), so that {amount(refusal.used, unit)} are spent where "
            f"{amount(refusal.cap, unit)} are allowed; no call is made any more, not even a free one, until "
            f"`swarm budget raise {scope} AMOUNT` allows more",
        )


class ShareExceeded(BudgetExceeded):
    """A call was refused because it would pass what its share of a split budget, and what flowed to it, allow."""

    def __init__(self, refusal: BudgetExceeded, *, name: str, share: int, whole: int) -> None:
        self.name, self.share, self.whole = name, share, whole
        split, unit = scope_above(refusal.scope), refusal.unit
        left, flowed = max(0, refusal.cap - refusal.used - refusal.reserved), refusal.cap - share
        came = f", and {amount(flowed, unit)} flowed to it" if flowed > 0 else ", of which some flowed to others"
        self._retell(
            refusal,
            f"the split of {split} gives {name} {amount(share, unit)}{came if flowed else ''}; "
            f"{amount(left, unit)} are left of that and the next call needs {amount(refusal.needed, unit)}; raise the cap "
            f"of {split} and go on with `swarm resume --raise AMOUNT`, or give {name} a larger share",
        )


def scope_above(scope: str) -> str:
    """The scope whose budget is split, above that of one who shares in it.

    >>> scope_above("s4/build/worker"), scope_above("s4/*/worker"), scope_above("s4/build/worker/maker")
    ('s4/build', 's4', 's4/build')
    """
    session, task, *_ = scope.split("/")
    return session if task == "*" else f"{session}/{task}"


class RaiseNeeded(BudgetExceeded):
    """A cap is reached at which a person is to be asked whether it is raised, and nobody can be asked. Nothing was spent."""

    exit_code = 5

    def __init__(self, refusal: BudgetExceeded) -> None:
        self._retell(refusal, f"{refusal}; its budget says `on_exceed: ask`, and nobody can be asked here")


OTHER_TIER = "its tier "
"""How a reason begins that leaves a model out for its tier."""


class NoModelAvailable(SwarmError):
    """No allowed model can take the call. `reasons` says of each model why, `back` when the first is asked again that cools down."""

    exit_code = 4

    def __init__(self, *, role: str, reasons: dict[str, str], back: str = "") -> None:
        self.role, self.reasons, self.back = role, reasons, back
        said = "; ".join(f"{model}: {why}" for model, why in reasons.items()) or "no model is configured"
        later = (
            f"go on with `swarm resume` at {back} or later, when the first of them is asked again; or " if back else ""
        )
        others = (
            "let one of these tiers in with `tiers`, or set a key such as OPENROUTER_API_KEY for others"
            if reasons and all(why.startswith(OTHER_TIER) for why in reasons.values())
            else "set a key such as OPENROUTER_API_KEY, name a server with `--endpoint URL`, or run on the embedded model with "
            "`--local`"
        )
        super().__init__(f"no model can take the {role}'s call ({said}); {later}{others}")


class ConfirmationNeeded(SwarmError):
    """A person has to say yes, and there is no terminal to ask on. `remedy` is what to type instead."""

    exit_code = 5

    def __init__(self, question: str, *, remedy: str) -> None:
        self.question, self.remedy = question, remedy
        ends = question.endswith((".", "?", "!"))
        super().__init__(
            f"{question} Nobody can be asked here; {remedy}"
            if ends
            else f"{question} (nobody can be asked here; {remedy})"
        )


class OwnerLost(SwarmError):
    """Another process took the session over; this one has written nothing since."""

    def __init__(self, *, session: str, owner: str) -> None:
        self.session, self.owner = session, owner
        super().__init__(
            f"session {session} was taken over by {owner}; this process has stopped and wrote nothing more"
        )


class SessionBusy(SwarmError):
    """The session has an owner that lives."""

    exit_code = 2

    def __init__(self, *, session: str, owner: str) -> None:
        self.session, self.owner = session, owner
        super().__init__(
            f"session {session} is being run by {owner}; look at it with `swarm watch {session}`, or take it over "
            f"with `swarm resume {session} --take-over`"
        )


class Failure(StrEnum):
    """What a failed try means for the next one."""

    WAIT = "wait"  # the same model may answer later: 429, 5xx, time-out, a broken connection
    STOP = "stop"  # the same model will not answer this: key, quota, bad request, refusal
    SWITCH = "switch"  # the model is out for a while: ask another


class ProviderError(SwarmError):
    """One try of one call failed.

    `sent` is False only where nothing can have reached the provider (the name did not resolve, the connection was refused),
    `charged` is False where the provider surely bills nothing (nothing sent, or refused before an answer began).
    `retry_after_s` is the provider's own wish in seconds, None where it had none. `used_up` says that the account has no quota
    or credit left.
    """

    def __init__(
        self,
        message: str,
        *,
        failure: Failure,
        sent: bool,
        charged: bool,
        status: int | None = None,
        retry_after_s: float | None = None,
        used_up: bool = False,
    ) -> None:
        self.failure, self.sent, self.charged = failure, sent, charged
        self.status, self.retry_after_s, self.used_up = status, retry_after_s, used_up
        super().__init__(message)


def gravest(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error of a task group that says most: the loss of the session, then what we know, then anything."""
    leaves: list[BaseException] = []

    def gather(error: BaseException) -> None:
        if isinstance(error, BaseExceptionGroup):
            for inner in cast("BaseExceptionGroup[BaseException]", error).exceptions:
                gather(inner)
        else:
            leaves.append(error)

    gather(group)
    for kind in (OwnerLost, SwarmError, Exception):
        for leaf in leaves:
            if isinstance(leaf, kind):
                return leaf
    return leaves[0]


def amount(value: int, unit: str) -> str:
    """Write an amount for people: nano-dollars as dollars, tokens with separators."""
    if unit == "nanos":
        return dollars(value)
    return f"{value:,} tokens"


def dollars(nanos: int) -> str:
    """Write nano-dollars as US dollars: two places from a cent up, else as many as the amount has.

    >>> dollars(500_000_000), dollars(1_250_000), dollars(0)
    ('$0.50', '$0.00125', '$0')
    """
    if nanos == 0:
        return "$0"
    sign, nanos = ("-", -nanos) if nanos < 0 else ("", nanos)
    whole, part = divmod(nanos, 1_000_000_000)
    digits = f"{part:09d}".rstrip("0").ljust(2, "0")
    if whole or part >= 10_000_000:
        digits = f"{part:09d}"[:4].rstrip("0").ljust(2, "0")
    return f"{sign}${whole:,}.{digits}"
