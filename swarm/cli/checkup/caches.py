"""Whether the log's caches say what its events say, and how they are made anew."""

from __future__ import annotations

from pathlib import Path

from events.caches import CacheReport, check_caches, rebuild_caches
from events.log import LogError
from swarm.cli.checkup.finding import Finding
from swarm.cli.output import counted

_NAME = "caches"
_MOST = 3  # wrong ones that are named


async def look_at_caches(path: Path) -> Finding:
    """Compare them with a fold of all events, which is read in full."""
    try:
        report = await check_caches(path)
    except LogError as error:
        return Finding(name=_NAME, state="fail", said=str(error))
    finding = caches_finding(report)
    if not finding.remedy:
        return finding

    async def mend() -> str:
        await rebuild_caches(path)
        left = await check_caches(path)
        if left.wrong:
            raise OSError(f"{left.wrong[0].what} is wrong again; the disk may be damaged")
        return f"{counted(len(left.caches), 'cache')} made from the events, and right"

    return Finding(name=_NAME, said=finding.said, state=finding.state, remedy=finding.remedy, mend=mend)


def caches_finding(report: CacheReport) -> Finding:
    """What a comparison came to. A wrong one is never believed, so amounts are right and only slower to tell."""
    right = sum(cache.state == "right" for cache in report.caches)
    if report.wrong:
        named = "; ".join(f"{cache.what}: {cache.reason}" for cache in report.wrong[:_MOST])
        more = f" and {len(report.wrong) - _MOST} more" if len(report.wrong) > _MOST else ""
        said = f"{counted(len(report.wrong), 'cache')} not believed: {named}{more}"
        return Finding(name=_NAME, state="fail", said=said, remedy="swarm doctor --fix makes them anew")
    if report.missing:
        said = f"{counted(len(report.missing), 'cache')} missing, which is only slower"
        return Finding(name=_NAME, state="warn", said=said, remedy="swarm doctor --fix makes them anew")
    said = f"{counted(right, 'cache')}, each says what the events say" if right else "none yet, the log is short"
    return Finding(name=_NAME, said=said)
