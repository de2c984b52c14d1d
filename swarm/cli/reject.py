"""`swarm reject ID WHY`: a person rejects the last draft of a task; the next attempt is told why."""

from __future__ import annotations

import argparse

import anyio

from swarm.cli.verdict import HELP, judge


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="ID", help=HELP)
    parser.add_argument("reason", metavar="WHY", help="what is wrong with it: the next attempt is told")


def run(args: argparse.Namespace) -> int:
    return anyio.run(judge, args, False)
