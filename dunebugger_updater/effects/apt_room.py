"""How many bytes a change of packages takes: what apt itself does not look at before it unpacks."""

from collections.abc import Mapping

from dunebugger_updater.effects import commands
from dunebugger_updater.ports import EffectError
from dunebugger_updater.ports.packages import Room

_LIMIT = 120.0
_KIB = 1024


async def room_for(wanted: Mapping[str, str]) -> Room:
    """Ask the lists about these versions, and dpkg about what they replace."""
    if not wanted:
        return Room(0, 0)
    exact = [f"{name}={version}" for name, version in sorted(wanted.items())]
    new = await commands.run(("apt-cache", "show", *exact), limit=_LIMIT)
    if new.code != 0:
        raise EffectError(f"cannot tell how large the packages are: {new.last_words}")
    old = await commands.run(("dpkg-query", "--show", "--showformat=${Package} ${Installed-Size}\\n"), limit=_LIMIT)
    return added_up(new.out, old.out)


def added_up(shown: str, installed: str) -> Room:
    """Add up paragraphs of ``apt-cache show`` against what is installed."""
    before: dict[str, int] = {}
    for line in installed.splitlines():
        name, _, size = line.partition(" ")
        before[name] = max(before.get(name, 0), _number(size))
    download = growth = largest = 0
    seen: set[tuple[str, str, str]] = set()
    for paragraph in shown.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line and line[0] != " ")
        key = (fields.get("Package", ""), fields.get("Version", ""), fields.get("Architecture", ""))
        if not key[0] or key in seen:
            continue  # the same version in two archives is one file
        seen.add(key)
        kib = _number(fields.get("Installed-Size", ""))
        download += _number(fields.get("Size", ""))
        growth += kib - before.get(key[0], 0)
        largest = max(largest, kib)
    # While a package is unpacked, its old files are still there.
    return Room(download, (max(growth, 0) + largest) * _KIB)


def _number(text: str) -> int:
    return int(text) if text.strip().isdecimal() else 0
