"""The log in numbers: appending, reading back, growing; each beside what it is built on or compared with, in the same run.

python -m bench.events [--quick] [--json] [--rounds N] [--most N] [--folder DIR]

Medians of interleaved rounds, as ratios within a round. Bars: docs/explanation/measurements.md. The whole of it fills a log of ten million
events (4.5 GB in `--folder`, some ten minutes); `--quick` ends at a million and takes two. The rows beside the `eventsourcing`
package need it installed: pip install 'pheroswarm[bench]'.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tempfile
from pathlib import Path

import anyio

from bench import appends, growth, replay
from bench.options import at_least, parser_of, to_its_end
from bench.table import Figure, show

SIZES = (growth.SMALL, 100_000, 1_000_000, 10_000_000)
QUICK = 1_000_000


async def measure(folder: Path, *, rounds: int, most: int) -> list[Figure]:
    appended = await appends.measure(folder, rounds)
    replayed = await replay.measure(folder, rounds, min(most, QUICK))
    sizes = [size for size in SIZES if size <= most]
    grown = await growth.measure(folder, sizes, rounds)
    resumes = await growth.measure_resume(folder, rounds)
    return [*appends.figures(appended), *replay.figures(replayed), *growth.figures(grown, resumes)]


def main() -> None:
    parser = parser_of(__doc__, "3 rounds, and logs of a million events at the most")
    parser.add_argument(
        "--most",
        type=at_least(SIZES[1]),
        metavar="N",
        help=f"events of the longest log, {SIZES[1]:,} or more ({SIZES[-1]:,}; with --quick {QUICK:,})",
    )
    args = parser.parse_args()
    rounds = args.rounds or (3 if args.quick else 7)
    most = args.most or (QUICK if args.quick else SIZES[-1])
    if importlib.util.find_spec("eventsourcing") is None:
        sys.stderr.write("the rows of eventsourcing are left out: install it with `pip install 'pheroswarm[bench]'`\n")
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        free, needed = shutil.disk_usage(folder).free, 3 * most * growth.BYTES_AN_EVENT
        if free < needed:
            parser.error(f"{folder} has {free >> 20:,} MB free and {needed >> 20:,} are needed; name another --folder")
        found = anyio.run(lambda: measure(Path(folder), rounds=rounds, most=most))
    show(f"the log, medians of {rounds} interleaved rounds", found, as_json=args.json)


if __name__ == "__main__":
    to_its_end(main)
