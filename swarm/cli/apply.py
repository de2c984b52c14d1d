"""`swarm apply ID`: what tools changed for an accepted task is taken over into the user's files."""

from __future__ import annotations

import argparse

import anyio

from swarm.cli.changes import HELP, change


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="ID", nargs="?", help=HELP)


def run(args: argparse.Namespace) -> int:
    return anyio.run(change, args, "applied")
