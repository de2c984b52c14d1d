"""A file that a person names: it is new, whole, and for nobody else to read."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from tui.words import cut

Forms = Mapping[str, tuple[str, Callable[[], Awaitable[str]]]]
"""By the end of a file's name what is left there, in words, and what makes its text, which may raise NotSaved."""

_MODE = 0o600  # what models wrote is for nobody else
_LONGEST = 80  # characters of a path


class NotSaved(Exception):
    """Nothing was written; the message is for people, and says why."""


def at_once(make: Callable[[], str]) -> Callable[[], Awaitable[str]]:
    """What makes a text that nothing has to be waited for."""

    async def made() -> str:
        return make()

    return made


async def save(path: str, forms: Forms) -> str:
    """Write the form that the end of the name says to a new file that only its owner reads; return where it is, and its size.

    Raises NotSaved.
    """
    said = cut(path, _LONGEST)
    try:
        target = _free(path)  # before its text is made, which may take long
        if target.suffix not in forms:
            raise NotSaved(f"{said}: a name that ends in {' or '.join(forms)} is expected")
        text = await forms[target.suffix][1]()
        _write_new(target, text.encode())
    except FileExistsError as error:
        raise NotSaved(f"{said} is there already; give another name") from error
    except (OSError, RuntimeError, ValueError) as error:  # also the home of a user who is not, and half of a character
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise NotSaved(f"{said} cannot be written ({reason.lower()}); give another name") from error
    return f"{target} ({len(text.encode()):,} bytes)"


def _free(path: str) -> Path:
    """Raises FileExistsError where something stands there, RuntimeError for the home of a user who is not."""
    target = Path(path).expanduser().absolute()
    if os.path.lexists(target):
        raise FileExistsError
    return target


def _write_new(target: Path, content: bytes) -> None:
    """Whole or not at all. Raises OSError."""
    # exclusive: a file that came to be meanwhile is not written over, nor what a link leads to
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE), "wb") as file:
        try:
            file.write(content)
            file.flush()
        except BaseException:
            target.unlink()
            raise


def free_name(folder: Path, stem: str) -> str:
    """A name in the folder that no file has yet: the stem with .txt, or with a number behind it."""
    number, name = 1, f"{stem}.txt"
    while os.path.lexists(folder / name):
        number += 1
        name = f"{stem}-{number}.txt"
    return name
