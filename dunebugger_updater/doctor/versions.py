"""The updater's own versions: is the one in use there, is any of them damaged, was a trial left over?"""

import shlex

from dunebugger_updater.doctor.finding import Finding, Findings, fine, problem, warning
from dunebugger_updater.model.trial import CURRENT, FACTORY, PROGRAM, SLOTS, TRIAL, trial, version_in
from dunebugger_updater.ports import Device
from dunebugger_updater.steps.itself import UNIT, in_use

_ANEW = "restart the service: it ends a trial that is over"


async def look(device: Device) -> Findings:
    """Nothing where the updater does not update itself."""
    home, files = device.itself.home, device.files
    if home is None:
        return ()
    found: list[Finding] = []
    used = await in_use(device, home)
    if used != FACTORY and not await files.exists(home / SLOTS / used / PROGRAM):
        words = f"cannot start the version in use: {home / CURRENT} leads to {used}, where no program is"
        commands = [f"rm {shlex.quote(str(home / CURRENT))}", f"systemctl restart {UNIT}"]
        found.append(problem("updater.current", words, "use the version that the package brought", commands))
    content = await files.read(home / TRIAL)
    there = trial(content)
    if content is not None and there is None:
        words = f"cannot read {home / TRIAL}: the version that the package brought is started"
        found.append(problem("updater.trial", words, _ANEW, [f"systemctl restart {UNIT}"]))
    elif there is not None and there.to != used:
        words = f"a trial of {version_in(there.to)} was left over: {used} is in use"
        found.append(warning("updater.trial", words, _ANEW, [f"systemctl restart {UNIT}"]))
    elif there is not None:
        found.append(fine("updater.trial", f"{version_in(there.to)} is on trial"))
    for name in await files.listing(home / SLOTS):
        slot = home / SLOTS / name
        if name[0] != "." and name != used and not await files.exists(slot / PROGRAM):
            words = f"cannot go back to {version_in(name)}: there is no program in {slot}"
            found.append(
                warning("updater.slots", words, "remove what is left of it", [f"rm -r {shlex.quote(str(slot))}"])
            )
    return found or (
        fine("updater.versions", f"{version_in(used)} is in use, and every version that is kept is whole"),
    )
