"""The canonical form of a question: what people vary without meaning another thing is taken out, and nothing else.

Case, spacing, a greeting, courtesy, the stop at the end, contractions. Code, quotes, paths, names with dots or capitals in them
and numbers stay as they are, and so does everything behind the first paragraph: there stands what the question is about.
"""

from __future__ import annotations

import re

from swarm.cache.parts import WORD, Part, parts_of

_HEADING = "# Task\n"
_APOSTROPHES = str.maketrans(dict.fromkeys("\u2019\u2018\u02bc", "'"))
_SHORT_FOR = frozenset(["us", "it", "who", "aids", "pin", "ram", "cat"])
"""Words that in capitals are another thing."""

_NAMED = (
    "may march august will china turkey polish apple go rust swift mark bill pole amazon oracle windows word access teams slack "
    "meta safari shell reading nice job"
)
_NAMES = frozenset(_NAMED.split())
"""Words that with a capital are another thing, but where a sentence begins."""

_IS_AFTER = "what who where how when why that there it here"
_CONTRACTED = {
    "can't": "can not",
    "cannot": "can not",
    "won't": "will not",
    "shan't": "shall not",
    "i'd": "i would",
    "let's": "let us",
} | {f"{word}'s": f"{word} is" for word in _IS_AFTER.split()}
_ENDINGS = {"n't": " not", "'re": " are", "'ve": " have", "'ll": " will", "'m": " am"}
_GREETING = re.compile(
    r"(?:hi|hello|hey|greetings|good (?:morning|afternoon|evening|day))"
    r"(?:(?: (?:there|all|everyone|folks|team|friend))?\s*[,!.:;-]+(?!\s*world\b)\s*| there\s+"
    r"|\s+(?=(?:can|could|would|will|please|what|how|why|when|where|who|which|is|are|do|does|i)\b))"
)
_FOR_US = (
    r"(?:explain|tell|give|list|show|write|describe|summari[sz]e|help|provide|translate|generate|suggest|recommend|draft|define"
    r"|compare)\b"
)
_COURTESY = re.compile(
    r"(?:(?:please|kindly)\b,?\s*"
    r"|(?:can|could|would|will) you (?:please|kindly) (?=\w)"
    rf"|could you (?=\w)|(?:can|would|will) you (?={_FOR_US})"
    r"|i (?:want|need|would like|would love) you to "
    r"|i was wondering if you could "
    r"|(?:tell|let) me (?:know )?(?=(?:what|how|why|when|where|who|which)\b))"
)
_THANKED = r"(?:(?:many )?thanks(?: a lot| so much| very much)?(?: in advance)?|thank you(?: so much| very much)?(?: in advance)?)"
_THANKS = re.compile(
    rf"(?:\s*[,.;!?-]+\s*(?:{_THANKED}|please|cheers|if you (?:can|could|do not mind|would))"
    rf"|(?<!\bsay)(?<!\bsays)(?<!\bsaying)(?<!\bspell)(?<!\bword)(?<!\bphrase)(?<!\bwrite)(?<!\btranslate)(?<!\bpronounce)(?<!\bmeans)"
    rf"(?<!\bfor)(?<!\bof)(?<!\bto)(?<!\band)(?<!\bor)(?<!\ba)(?<!\bthe)(?<!\bnot)(?<!\bthan)(?<!\blike)"
    rf"\s+(?:{_THANKED}|please))[\s.!]*$"
)
"""Behind a word such as `say` it is what the question is about."""


def canonical(text: str) -> str:
    """The canonical form of a question.

    >>> canonical("Hi there! Could you please tell me what's the boiling point of water, thanks")
    'what is the boiling point of water'
    >>> canonical("Rename `Foo` in src/A.py to  'Bar'!")
    "rename `Foo` in src/A.py to 'Bar'"
    """
    heading, text = (_HEADING, text[len(_HEADING) :]) if text.startswith(_HEADING) else ("", text)
    first, gap, rest = text.strip().partition("\n\n")
    if "\n" in first or first.startswith(("```", "<<<")):
        return f"{heading}{first}{gap}{rest}"
    return f"{heading}{_of_prose(first)}{gap}{rest}"


def first_paragraph(form: str) -> tuple[str, str]:
    """The question of a canonical form, and what it is about: two that are compared word by word have the same behind it."""
    first, _, rest = form.removeprefix(_HEADING).partition("\n\n")
    return first, rest


def _of_prose(text: str) -> str:
    parts = parts_of(text.translate(_APOSTROPHES))
    shouted = not any(part.text != part.text.upper() for part in parts if part.kind == WORD)
    said = "".join(_said(part, number == 0 or shouted) for number, part in enumerate(parts))
    said = said.strip()
    while (bare := _bare(said)) != said:
        said = bare
    return said


def _said(part: Part, any_case: bool) -> str:
    """A part as it is compared. Only words are changed, and spaces."""
    if part.kind != WORD:
        return " " if part.text.isspace() else part.text
    word = part.text.lower()
    if not any_case and _is_told_by_case(part.text, word):
        return part.text
    if word in _CONTRACTED:
        return _CONTRACTED[word]
    for ending, meant in _ENDINGS.items():
        if word.endswith(ending) and len(word) > len(ending):
            return word[: -len(ending)] + meant
    return word


def _is_told_by_case(text: str, word: str) -> bool:
    """Whether a word would be another one without its capitals; a letter is one by itself, as in `vitamin C`."""
    if len(word) == 1:
        return word != "i"
    return (word in _SHORT_FOR and text.isupper()) or (word in _NAMES and text != word)


def _bare(said: str) -> str:
    """The text without one layer of courtesy around it; never nothing."""
    found = _GREETING.match(said) or _COURTESY.match(said)
    if found is not None and found.end() < len(said):
        return said[found.end() :]
    thanks = _THANKS.search(said)
    if thanks is not None and thanks.start() > 0:
        return said[: thanks.start()]
    bare = re.sub(r"(?:\s*[?.…]|(?<=[^\W\d])!|(?<=[\"'`])!)+$", "", said)
    return bare or said
