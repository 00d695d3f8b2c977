"""The way back of packages: exact former versions from kept .debs, simulated first, and what was added purged again.

apt does it where it can, because it sees the whole.  Where it cannot (a package whose script failed is in its way),
dpkg puts the old files over the new ones.
"""

import contextlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from dunebugger_updater.effects import apt_debs, commands
from dunebugger_updater.effects.apt_runner import APT, DPKG, OLD_CONF, AptRunner, at, failure, room
from dunebugger_updater.effects.apt_sentences import sentence
from dunebugger_updater.effects.apt_unit import Ended
from dunebugger_updater.ports import EffectError, Report

_PLANNED = re.compile(r"(Inst|Remv|Purg) (\S+)(?: \[([^\]]*)\])?(?: \((\S+) )?")
_UNIT = re.compile(r"(/usr)?/lib/systemd/system/[A-Za-z0-9][A-Za-z0-9:_.-]*\.service")
_ASK_LIMIT = 30.0
_SIMULATION_LIMIT = 300.0
_CANNOT = "cannot put packages back"
_NO_CACHES = ("Dir::Cache::pkgcache=", "Dir::Cache::srcpkgcache=")
"""Else apt would keep what it made of no archive, instead of what it made of all."""
_OFFLINE = tuple(
    word
    for each in ("Dir::Etc::SourceList=/dev/null", "Dir::Etc::SourceParts=/dev/null", *_NO_CACHES)
    for word in ("-o", each)
)
"""Without any archive: else apt would fetch a version that one has as well, instead of taking the file.

Not --no-download: then apt does not even look at the files that it is given, and ends with "Pathname to install is not
absolute".
"""


async def put_back(
    runner: AptRunner, wanted: Mapping[str, str], added: Sequence[str], directory: Path, job: str, report: Report
) -> None:
    """Bring packages to these versions.  Those that have no .deb are left as they are, and told at the end."""
    if not await _is_back(runner, wanted, added):
        await runner.mend(job, report)
    if await _is_back(runner, wanted, added):
        return
    here = await runner.packages.installed()
    todo = {name: version for name, version in wanted.items() if not at(here, name, version)}
    files = {name: apt_debs.find(directory, name, version) for name, version in todo.items()}
    purged = [name for name in added if name in here]
    await _forget_crashes([*todo, *purged])
    ended, objection = await _by_apt(runner, todo, files, purged, job, report)
    if not await _is_back(runner, wanted, added):
        ended = await _by_dpkg(runner, files, purged, job, report) or ended
    if await _is_back(runner, wanted, added):
        return
    if gone := ", ".join(f"{name} {todo[name]}" for name, file in files.items() if file is None):
        raise EffectError(f"cannot put back {gone}: there is no .deb of it in {directory}")
    raise failure(_CANNOT, ended) if ended and ended.code != 0 else EffectError(objection or f"{_CANNOT}: dpkg refused")


async def _forget_crashes(names: Sequence[str]) -> None:
    """Have systemd forget how often the services of these packages crashed.

    Else it refuses to start them once more, and with that the former packages' scripts fail.
    """
    with contextlib.suppress(EffectError):  # it is worth a try, and the scripts say by themselves what fails
        told = (await commands.run(("dpkg", "-L", *names), limit=_ASK_LIMIT)).out.splitlines() if names else []
        if units := sorted({Path(line).name for line in told if _UNIT.fullmatch(line)}):
            await commands.run(("systemctl", "--no-ask-password", "reset-failed", "--", *units), limit=_ASK_LIMIT)


async def _is_back(runner: AptRunner, wanted: Mapping[str, str], added: Sequence[str]) -> bool:
    here = await runner.packages.installed()
    return all(at(here, name, version) for name, version in wanted.items()) and not any(name in here for name in added)


async def _by_apt(
    runner: AptRunner,
    todo: Mapping[str, str],
    files: Mapping[str, Path | None],
    purged: Sequence[str],
    job: str,
    report: Report,
) -> tuple[Ended | None, str | None]:
    """Let apt do it in one transaction, if it would do nothing else; answer how it ended, or why it was not asked."""
    words = (
        *(*OLD_CONF, *_OFFLINE, "--allow-downgrades", "--allow-change-held-packages", "--purge", "install"),
        *(str(file) for file in files.values() if file),
        *(f"{name}-" for name in purged),  # apt's word for "and remove this"; dpkg knows these names
    )
    done = await commands.run(("apt-get", "--simulate", *words), limit=_SIMULATION_LIMIT)
    if done.code != 0:
        return None, sentence(_CANNOT, done.out + done.err, room)
    if (more := unplanned(done.out, todo, purged)) is not None:
        return None, f"{_CANNOT}: apt would also change {more}"
    return await runner.run(job, (*APT, *words), report), None


def unplanned(simulated: str, todo: Mapping[str, str], purged: Sequence[str]) -> str | None:
    """What a simulated transaction would do besides; ``None`` when it does what it should and nothing else."""
    for line in simulated.splitlines():
        if (found := _PLANNED.match(line)) is None:
            continue
        verb, name, _, version = found.groups()
        if (todo.get(name) != version) if verb == "Inst" else (name not in purged):
            return line.strip()[:200]
    return None


async def _by_dpkg(
    runner: AptRunner, files: Mapping[str, Path | None], purged: Sequence[str], job: str, report: Report
) -> Ended | None:
    ended = None
    if here := [str(file) for file in files.values() if file]:
        ended = await runner.run(job, (*DPKG, "--force-downgrade", "--install", *here), report)
    if purged:
        ended = await runner.run(job, (*DPKG, "--purge", *purged), report)
    return ended
