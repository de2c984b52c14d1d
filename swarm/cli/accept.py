"""`swarm accept ID`: a person accepts the last draft of a task, whatever was said of it before."""

from __future__ import annotations

import argparse

import anyio

from swarm.cli.verdict import HELP, judge


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="ID", nargs="?", help=f"{HELP}; default: the last session")
    parser.add_argument("reason", nargs="?", default="", metavar="WHY", help="for those who read the log")


def run(args: argparse.Namespace) -> int:
    return anyio.run(judge, args, True)
