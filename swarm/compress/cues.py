"""Words by which a message tells what it is to a conversation. English; what has none of them is judged by the rest.

They are looked for in small letters alone, as `low` gives them: that takes a third of the time of a search in any.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Cue(NamedTuple):
    """A reason to keep a message, or to let it go."""

    reason: str
    points: int
    sign: re.Pattern[str]


def low(text: str) -> str:
    """A text as these words are looked for in it."""
    return text.lower()


def _any(words: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{words})\b")


_DAY = "(?:mon|tues|wednes|thurs|fri|satur|sun)days?"

LIMIT = Cue(
    "a limit",
    2,
    _any(
        "must|never|always|only|do not|don't|not allowed|no more than|no longer than|at most|at least|up to|without|within|until"
        "|required?|has to|have to|needs? to|may not|keep|leave|avoid|forbidden|except|in any case|by all means|not before"
        rf"|before|by {_DAY}"
    ),
)
DECISION = Cue(
    "a decision",
    2,
    _any(
        "decided?|decision|agreed|instead|then|let's|let us|go with|we(?:'ll| will)|use|choose|chosen|prefer|rather|approved|ship"
        "|from (?:now|today|next \\w+) on|either way|not now|no longer|replaces?|drop|skip|switch to"
    ),
)
OPEN = Cue(
    "something open",
    3,
    _any(
        "to-?do|still (?:open|to|missing|needed|unclear|waits?|fails?)|pending|waiting|waits? for|tonight|tomorrow|next (?:week|month|quarter|release|run)"
        "|afterwards|follow[- ]?up|remains?|remember to|deadlines?|due|not yet|expires?|has to be|have to be"
        rf"|on {_DAY}|by {_DAY}|next {_DAY}|(?:i'll|i will) (?:ask|send|build|write|call|tell|bring|need|let|come back)"
    ),
)
CAUSE = Cue(
    "a cause or a result",
    1,
    _any(
        "because|cause[sd]?|reason|turns? out|found|means|so that|therefore|due to|comes? from|results?|only|however|but|instead"
    ),
)
CHANGE = Cue(
    "a change that stays",
    3,
    re.compile(
        r"(?:^|[.:;!] |\bi(?:'ve| have)? |\bis |\bare |\bhas |\bhave |\bwas )(?:now )?(?:added|applied|booked|bought|cancelled|changed|committed|configured|created"
        r"|deleted|deployed|disabled|dropped|enabled|installed|made|merged|moved|paid|pushed|released|removed|renamed|replaced|reserved"
        r"|restarted|reverted|revoked|rolled|run|scheduled|sent|set|split|started|stopped|switched|turned|updated|uploaded|wrote|written)\b",
    ),
)
PLACE = _any("production|staging|live|prod|main|master|customers?")
"""Where a change matters."""

HEDGE = re.compile(
    r"\b(?:perhaps|maybe|might|could|would(?! have to)|hmm+|let me think|not sure|i wonder|alternatively|one way|another way|in theory|usually|may or may not"
    r"|on the other hand|at first sight|thinking)\b",
)
START = re.compile(
    r"(?:(?:i(?:'m| am)|now|still) )?(?!during|nothing|something|anything|everything|according|bring|string|king)\w{3,}ing\b"
    r"|let me (?:see|look|check|read|try)|i(?:'ll| will) (?:check|look|see|try|read|start|have a look|be back)|fetched|read|looked|checked|opened|listed",
)
"""With which an agent says what it is about to do, or has looked at."""

PASSED = _any(
    "passed|ok|done|success(?:ful(?:ly)?)?|up to date|no changes|0 (?:failed|errors?|failures?)|100 ?%|all checks"
)
TRANSIENT = _any(
    "time(?:d)? ?-?out|timeout|canceling|temporar\\w+|try again|retry(?:ing)?|connection reset|rate limit\\w*|429|50[234]"
)
SOLVED = _any(
    "fixed|solved|resolved|works(?: now)?|passes|granted|renewed|no longer|cleared|went through|mended|repaired"
)
ANEW = _any(
    "instead|rather|no longer|not any ?more|any more|scrap|forget|replaces?|replaced|from (?:now|today|next \\w+) on|changed my mind|on second thought|actually"
    "|right\\. then|leave .{1,40} out"
)
"""With which one says that something earlier holds no more."""

COURTESY = _any(
    "thanks?(?: you)?(?: (?:a lot|so much|very much))?|great|good(?: (?:work|job|point|idea|catch|news))?|ok(?:ay)?|perfect|fine|nice(?:ly)?|lovely|sure|yes|yep"
    "|right|got it|will do|on it|done|cool|awesome|fantastic|excellent|wonderful|brilliant|(?:that )?looks (?:good|right|fine)"
    "|sounds (?:good|fine|right)|go ahead|please(?: do)?|do (?:that|it|so)|makes sense|understood|no problem|you're welcome|welcome|of course|well done"
    "|agreed|indeed|enjoy|congratulations|hello|hi|hey|bye|good (?:morning|evening|night)|cheers|glad|happy to|my pleasure|(?:that )?works|noted|haha|wow"
    "|i remember|coffee|weekend|love it"
)
_MOST_LEFT = 4  # words that say something beside courtesy
_FILLER = frozenset(
    word
    for line in (
        "i i'll i'm you me we us it its it's this that these those there here a an the and or but so to of for in on at by with from as",
        "is are was were be been am do does did have has had will would can could shall should may might must not no what which who how",
        "when where very much lot too also just even quite really all any some now then let's let if my your our their his her see check",
        "look get go going one every again each more",
    )
    for word in line.split()
)
_WORD = re.compile(r"[^\W_][\w'’]*")  # noqa: RUF001 - an apostrophe of people, not of programs


def content(text: str) -> list[str]:
    """Return the words of a text that say something, in small letters."""
    found = (word.casefold().replace("’", "'") for word in _WORD.findall(text))  # noqa: RUF001
    return [word for word in found if word not in _FILLER]


def is_courtesy(text: str) -> bool:
    """Whether a short message holds nothing but agreement, thanks or praise."""
    text = low(text)
    return COURTESY.search(text) is not None and len(content(COURTESY.sub(" ", text))) <= _MOST_LEFT
