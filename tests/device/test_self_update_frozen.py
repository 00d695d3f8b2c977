"""The frozen program updates itself, and the launcher brings the old one back from whatever lies in a slot."""

import time
from collections.abc import Iterator

import pytest
from device.bed import place
from device.bed.device import Device
from device.bed.frozen import Frozen
from device.bed.selves import HOME, LIB, NAME, UNIT, Selves, Versions, versions

from dunebugger_updater.model.trial import Trial, written

pytestmark = [pytest.mark.device, pytest.mark.timeout(900)]

WITHIN = 240


@pytest.fixture(scope="module")
def published(frozen: Frozen) -> Iterator[Versions]:
    with versions(frozen) as made:
        yield made


@pytest.fixture
def selves(device: Device, published: Versions) -> Selves:
    return Selves(device, published)


BAD = {
    "empty": ": >dunebugger-updater",
    "cut to its first half": "truncate -s $(($(stat -c %s dunebugger-updater) / 2)) dunebugger-updater",
    "cut in its first page": "truncate -s 2000 dunebugger-updater",
    "not executable": "chmod 644 dunebugger-updater",
    "for another machine": r"printf '\363\000' | dd of=dunebugger-updater bs=1 seek=18 conv=notrunc status=none",
    "without its libraries": "rm -r _internal/libpython*",
    "without its code": "rm -r _internal",
    "damaged code": "dd if=/dev/urandom of=dunebugger-updater bs=4096 seek=1 count=6 conv=notrunc status=none",
}
"""What is done to a good copy, by a shell in its folder."""


def put_on_trial(selves: Selves, slot: str, script: str) -> None:
    """Have a spoiled copy of the factory's program started next, with no self-test before it."""
    made = f"mkdir -p {HOME}/slots && cp -r {LIB}/factory/. {HOME}/slots/{slot} && cd {HOME}/slots/{slot} && {script}"
    selves.device.exec("/bin/sh", "-c", made)
    selves.device.write(f"{HOME}/trial", written(Trial(slot, "factory", "mark")).decode())
    selves.device.exec("ln", "-sfn", f"{HOME}/slots/{slot}", f"{HOME}/current")


@pytest.mark.req("RM-006")
def test_the_launcher_brings_the_old_program_back_from_whatever_lies_in_the_new_slot(selves: Selves) -> None:
    device, lasted = selves.device, {}
    for number, (name, script) in enumerate(BAD.items()):
        put_on_trial(selves, f"9.0.{number}-bad", script)
        device.run("systemctl", "restart", UNIT, limit=WITHIN)
        began = time.monotonic()
        place.wait_for(lambda: selves.in_use == "factory", WITHIN, f"{name}: still in use")
        selves.wait_for("1.0.0", WITHIN)
        lasted[name] = time.monotonic() - began
        assert lasted[name] < WITHIN, name
        place.wait_for(selves.no_trial, 20, f"{name}: the trial is still there")
        assert f"9.0.{number}-bad" in selves.journal()
        device.exec("rm", "-rf", f"{HOME}/slots/9.0.{number}-bad")
    print({name: round(seconds) for name, seconds in lasted.items()})  # noqa: T201  (the figure is the point)


@pytest.mark.req("RM-052")
def test_the_frozen_program_updates_itself_and_runs_well_before_it_counts(selves: Selves) -> None:
    selves.offer("1.1.0")
    told = selves.update()
    assert told["outcome"] == "updated", selves.journal()
    assert (selves.version, selves.no_trial()) == ("1.1.0", True)
    slot = f"{HOME}/slots/{selves.in_use}"
    pid = selves.device.show(UNIT, "MainPID")
    assert selves.device.exec("readlink", f"/proc/{pid}/exe") == f"{slot}/{NAME}"
    assert told["to"] == "1.1.0"
