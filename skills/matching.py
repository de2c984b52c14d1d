"""Which skills have to do with a task, and why. Plain functions of what is known of both; how texts are ranked is handed in."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cached_property

import msgspec

from skills.skill import Skill
from skills.words import spoken_words, stem

Rank = Callable[[str, Sequence[Mapping[str, str]]], Sequence[float]]
"""How well documents (`name`, `tags`, `description`) fit a query: 0 where nothing speaks for it, more is better."""

TAG_BOOST = 0.5
"""What each tag that task and skill share adds to the score, as a share of it."""

_WORDS_NEEDED = 2
_RARE_FROM, _RARE_SHARE = 3, 3  # a word tells where at most 3 skills, or a third of them, have it


class Explore(msgspec.Struct, frozen=True):
    """What a listing is drawn by that shows a skill which is seldom used: the same seed and the same uses draw the same."""

    seed: str
    used: Mapping[str, int] = {}  # by the names of skills how often each was


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """A skill with its score, and what speaks for it."""

    skill: Skill
    score: float
    words: tuple[str, ...] = ()  # of the task that the skill has, too
    tags: tuple[str, ...] = ()  # of the task
    fits: bool = False  # whether that is enough to give the task its text unasked
    explored: bool = False  # shown for being seldom used, not for its score
    named: bool = False  # asked for by its name

    @property
    def why(self) -> str:
        """What speaks for it, in words."""
        if self.named:
            return "named"
        tags = f"tag {', '.join(self.tags)}" if self.tags else ""
        words = f"words {', '.join(self.words)}" if self.words else ""
        return "; ".join(said for said in (tags, words) if said) or ("seldom used" if self.explored else "rank alone")


class Matches(msgspec.Struct, frozen=True):
    """What came of a search among `of` skills: those to be shown, the best first, and the names of all others."""

    shown: tuple[Match, ...]
    left_out: tuple[str, ...]
    of: int

    @property
    def fitting(self) -> tuple[Match, ...]:
        return tuple(each for each in self.shown if each.fits)

    def only(self, names: Collection[str]) -> Matches:
        """Those of them that have one of these names."""
        shown = tuple(each for each in self.shown if each.skill.name in names)
        left_out = tuple(name for name in self.left_out if name in names)
        return Matches(shown, left_out, len(shown) + len(left_out))

    @property
    def said(self) -> str:
        """The result in a sentence."""
        if not self.of:
            return "there are no skills"
        if not self.fitting:
            return f"no skill fits, of {self.of}: nothing is loaded"
        return f"{len(self.fitting)} of {self.of} skills fit: {', '.join(each.skill.name for each in self.fitting)}"


class _Marks(msgspec.Struct, frozen=True):
    """What a skill is known by, all words in the one form in which they are compared."""

    name: frozenset[str]
    tags: frozenset[str]  # each as a whole
    first: frozenset[str]  # the words of name and tags
    all: frozenset[str]


class Catalogue:
    """Skills as they are searched. What is worked out of them is worked out once, when it is first needed."""

    def __init__(self, skills: Sequence[Skill]) -> None:
        self.skills = tuple(skills)

    @cached_property
    def documents(self) -> tuple[Mapping[str, str], ...]:
        """The skills as a rank function has them."""
        return tuple(
            {"name": each.name.replace("-", " "), "tags": " ".join(each.tags), "description": each.description}
            for each in self.skills
        )

    @cached_property
    def marks(self) -> tuple[_Marks, ...]:
        return tuple(_marks(each) for each in self.skills)

    @cached_property
    def holders(self) -> Counter[str]:
        """How many skills each word is of."""
        return Counter(word for marks in self.marks for word in marks.all)


def _marks(skill: Skill) -> _Marks:
    name, tags = frozenset(spoken_words(skill.name)), frozenset(stem(tag) for tag in skill.tags)
    first = name | tags | frozenset(spoken_words(" ".join(skill.tags)))
    return _Marks(name, tags, first, first | frozenset(spoken_words(skill.description)))


def match(
    query: str,
    tags: Sequence[str],
    catalogue: Catalogue,
    rank: Rank,
    *,
    most: int = 10,
    explore: Explore | None = None,
) -> Matches:
    """Find the skills that have to do with a task. A tag lifts a skill and keeps none out.

    Where not all can be shown, `explore` gives the last place to a skill that is seldom used, so that none stays unseen for
    being unused; it takes the place of none that fits.
    """
    wanted = {stem(tag.lower()): tag for tag in tags}
    asked = {**wanted, **spoken_words(query)}
    scores = rank(" ".join((query, *tags)), catalogue.documents)
    found = [
        _judged(skill, score, marks, asked, wanted, catalogue)
        for skill, score, marks in zip(catalogue.skills, scores, catalogue.marks, strict=True)
    ]
    found.sort(key=lambda each: (not each.fits, -each.score, each.skill.name))
    shown = [each for each in found if each.fits or each.score > 0][:most]
    hidden = found[len(shown) :]
    if explore is not None and shown and hidden and most > 1 and not (len(shown) == most and shown[-1].fits):
        del shown[most - 1 :]
        drawn = _drawn(found[len(shown) :], explore)
        shown.append(msgspec.structs.replace(drawn, explored=True))
    names = {each.skill.name for each in shown}
    return Matches(tuple(shown), tuple(each.skill.name for each in found if each.skill.name not in names), len(found))


def _judged(
    skill: Skill, score: float, marks: _Marks, asked: Mapping[str, str], wanted: Mapping[str, str], catalogue: Catalogue
) -> Match:
    tags = tuple(sorted(wanted[tag] for tag in marks.tags & wanted.keys()))
    shared = marks.all & asked.keys()
    return Match(
        skill=skill,
        score=score * (1 + TAG_BOOST * len(tags)),
        words=tuple(word for form, word in asked.items() if form in shared),
        tags=tags,
        fits=bool(tags) or _speaks_enough(shared, marks, asked, catalogue),
    )


def _speaks_enough(shared: frozenset[str], marks: _Marks, asked: Mapping[str, str], catalogue: Catalogue) -> bool:
    """Whether a task names a skill, or shares two words with it that tell it from others, one of them a tag or of its name."""
    if marks.name and marks.name <= asked.keys():
        return True
    rare = max(_RARE_FROM, len(catalogue.skills) // _RARE_SHARE)
    telling = {word for word in shared if catalogue.holders[word] <= rare}
    return len(telling) >= _WORDS_NEEDED and bool(telling & marks.first)


def _drawn(hidden: Sequence[Match], explore: Explore) -> Match:
    """Draw one of those that are not shown: one that was used n times has 1 chance where an unused one has n + 1."""

    def key(each: Match) -> float:
        name = each.skill.name
        digest = hashlib.sha256(f"{explore.seed}\0{name}".encode("utf-8", "surrogatepass")).digest()
        chance = (int.from_bytes(digest[:8]) + 1) / (2**64 + 1)
        return float(
            chance ** (1 + explore.used.get(name, 0))
        )  # the highest key of u ** (1 / weight) is a weighted draw

    return max(hidden, key=key)
