"""Signed releases: whether somebody may be holding back newer ones, and whether their memory can be read."""

from dunebugger_updater import bundled
from dunebugger_updater.doctor.finding import Finding, Findings, fine, warning
from dunebugger_updater.model.settings import Component
from dunebugger_updater.wiring import House


async def look(house: House) -> Findings:
    """What is remembered of each component whose signatures are checked."""
    found: list[Finding] = []
    vouching = house.updates.vouching
    for component in house.settings.components:
        if component.repository and vouching.asks(component):
            found += await _component(house, component)
    if bundled.frozen() and not vouching.knows_itself():
        told = "this build trusts no key, so it cannot update itself"
        found.append(warning("updater.keys", told, "install a published build, whose releases are signed"))
    return found


async def _component(house: House, component: Component) -> Findings:
    name, clock = component.name, house.device.clock
    before, trouble = await house.updates.vouching.remembered(name)
    found: list[Finding] = []
    if trouble is not None:
        found.append(warning(f"{name}.trust", trouble, "nothing to do: it is written anew at the next update"))
    if before is None:
        return found
    if before.expires and before.expires <= clock.now() and clock.trusted() is None:
        told = f"the signed manifest of {name} {before.version} expired on {before.expires:%Y-%m-%d}"
        advice = f"somebody may be holding back newer releases: look at those of {component.repository} yourself"
        found.append(warning(f"{name}.expired", f"{told}, and nothing newer came", advice))
    else:
        found.append(
            fine(f"{name}.signed", f"{name} {before.version} came signed, with the sequence {before.sequence}")
        )
    return found
