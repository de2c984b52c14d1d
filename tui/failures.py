"""What a screen met that nobody foresaw: it is said in a sentence, and the screen lives on."""

from __future__ import annotations

from events.log import LogError
from tui.words import cut

_LONGEST = 120  # characters of what an error says


class Failures:
    """`met` has by the name of a view the last error that is a fault of the program; `told` is what stands above all views."""

    def __init__(self) -> None:
        self.met: dict[str, Exception] = {}
        self.told = ""

    def said(self, name: str, error: Exception) -> str:
        """The sentence for an error that a view of this name met while it read. What a log says of itself is its own."""
        if isinstance(error, LogError):
            return str(error)
        self.met[name] = error
        leaf = _leaf(error)
        what = cut(f"{type(leaf).__name__}: {leaf}", _LONGEST)
        return (
            f"this view could not be read: {what}; `swarm doctor` looks for what is wrong, "
            "and with --debug the traceback is shown on leaving"
        )

    def tell(self, name: str, error: Exception) -> None:
        """Say it above all views: there is no other place for it."""
        self.told = self.said(name, error)


def _leaf(error: BaseException) -> BaseException:
    """The first error in the groups that task groups make."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return error  # pyright: ignore[reportUnknownVariableType]
