"""`swarm undo ID`: the files that tools changed for a task are as before again."""

from __future__ import annotations

import argparse

import anyio

from swarm.cli.changes import HELP, change


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="ID", nargs="?", help=HELP)


def run(args: argparse.Namespace) -> int:
    return anyio.run(change, args, "undone")
