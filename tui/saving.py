"""What is seen, left in a file: the person names it, and no file is written over."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from tui.words import cut

Forms = Mapping[str, tuple[str, Callable[[], str]]]
"""By the end of a file's name what is left there, in words, and what makes its text."""

_MODE = 0o600  # what models wrote is for nobody else
_LONGEST = 80  # characters of a path


class NotSaved(Exception):
    """Nothing was written; the message is for people, and says why."""


def save(path: str, forms: Forms) -> str:
    """Write the form that the end of the name says to a new file that only its owner reads; return what was done.

    Raises NotSaved.
    """
    target, said = Path(path).expanduser(), cut(path, _LONGEST)
    if target.suffix not in forms:
        raise NotSaved(f"{said}: a name that ends in {' or '.join(forms)} is expected")
    text = forms[target.suffix][1]()
    try:
        # exclusive: a file that came to be meanwhile is not written over, nor what a link leads to
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE), "w", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise NotSaved(f"{said} is there already; give another name") from error
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise NotSaved(f"{said} cannot be written ({reason}); give another name") from error
    return f"{target} ({len(text.encode()):,} bytes)"


def free_name(folder: Path, stem: str) -> str:
    """A name in the folder that no file has yet: the stem with .txt, or with a number behind it."""
    number, name = 1, f"{stem}.txt"
    while os.path.lexists(folder / name):
        number += 1
        name = f"{stem}-{number}.txt"
    return name


class SaveScreen(ModalScreen[str]):
    """Asks for the name of the file. It stays until one was written, or somebody turns away; then it gives what was done."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss('')", show=False),
        Binding("ctrl+c", "app.quit", show=False, priority=True),
    ]

    def __init__(self, name: str, forms: Forms) -> None:
        super().__init__()
        self._name, self._forms = name, forms
        self._trouble = Static(id="unsaid", markup=False)

    def compose(self) -> ComposeResult:
        told = "\n".join(f"{end:<5}  {what}" for end, (what, _) in self._forms.items())
        with Vertical(id="save") as box:
            box.border_title = Content("Save")
            yield Static(Content(told), classes="note", markup=False)
            yield self._trouble
            yield Static("enter saves, never over another file  esc leaves it", classes="note", markup=False)
            yield Input(self._name, id="file", compact=True)

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        if not (name := submitted.value.strip()):
            return
        try:
            self.dismiss(save(name, self._forms))
        except NotSaved as problem:
            self._trouble.update(Content(f"✘ {problem}"))
            self._trouble.add_class("-shown")
