"""Lengths of time, as people write them."""


def seconds(text: str) -> int:
    """Read "90", "2m" or "1m30" as seconds."""
    if "m" not in text:
        return int(text)
    minutes, rest = text.split("m")
    return int(minutes) * 60 + int(rest)
