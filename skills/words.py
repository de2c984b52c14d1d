"""The words of a text by which a skill is found, and which of a description tell most."""

from __future__ import annotations

import re

MOST_TELLING = 8
"""Tags that a description gives."""

_WORD = re.compile(r"[^\W_]+(?:[+#]+(?!\w))?")
_TELLING = re.compile(
    r"(?<![\w.])("
    r"[A-Z][A-Z0-9]{1,9}s?(?![\w-])"  # SQL, PDFs
    r"|\.[a-z][a-z0-9]{1,5}\b"  # .docx
    r"|[A-Za-z]+[+#]{1,2}(?!\w)"  # C++, C#
    r"|[A-Z]?[a-z]+[A-Z]\w*"  # GitHub, camelCase
    r"|`[^`\s]{2,30}`"
    r")"
)
_IN_ANY_TEXT = (
    "a about all also an and any are as at be been but by can do does each else for from get gets give given has have help "
    "helps how i if in into is it its just make me more my need needs new no not of on one or other our out please should so "
    "some such than that the their them then there these they this to up us use used user users uses using via want was we "
    "what when where whether which while who will with without work working would you your"
)
_PLURAL = re.compile(r"(?<=[A-Z0-9])s\Z")
_COMMON = frozenset(_IN_ANY_TEXT.split())


def spoken_words(text: str) -> dict[str, str]:
    """The words of a text in their order, small; by the one form that singular, plural and the endings of verbs have.

    >>> spoken_words("Debugging the failing tests")
    {'debug': 'debugging', 'fail': 'failing', 'test': 'tests'}
    """
    found: dict[str, str] = {}
    for word in _WORD.findall(text.lower()):
        if word not in _COMMON and not ("a" <= word <= "z" and len(word) == 1):
            found.setdefault(stem(word), word)
    return found


def telling_words(description: str) -> list[str]:
    """What stands out in a description: abbreviations, endings of files, names with capitals inside, code.

    >>> telling_words("Extracts text from PDFs and .docx files, on GitHub, too.")
    ['pdf', 'docx', 'github']
    """
    found = [_PLURAL.sub("", match).strip("`.").lower() for match in _TELLING.findall(description)]
    return list(dict.fromkeys(word for word in found if word and word not in _COMMON))[:MOST_TELLING]


def stem(word: str) -> str:
    """A word without the ending that its plural or its other forms as a verb have."""
    if len(word) < 4 or not word.isascii():
        return word
    if word.endswith("ies") and len(word) > 4:
        return f"{word[:-3]}y"
    if word.endswith("s") and word[-2] not in "sui":
        word = word[:-1]
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word.removesuffix(ending)
            return word[:-1] if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "ls" else word
    return word[:-1] if word.endswith("e") and len(word) > 4 else word
