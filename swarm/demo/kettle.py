"""A kitchen timer for the terminal."""

import sys
import time


def seconds(text):
    """Read "90", "2m" or "1m30" as seconds."""
    if "m" in text:
        minutes, _ = text.split("m")
        return int(minutes) * 60
    return int(text)


def wait(text, sleep=time.sleep):
    """Wait for as long as the text says, then ring the bell."""
    sleep(seconds(text))
    sys.stdout.write("\a")


if __name__ == "__main__":
    wait(sys.argv[1])
