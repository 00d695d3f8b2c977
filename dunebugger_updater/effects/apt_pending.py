"""From what dpkg and apt told to what is pending: pure decisions about versions, security and why something waits."""

from collections.abc import Collection, Iterable, Mapping
from urllib.parse import quote

import msgspec

from dunebugger_updater.effects.apt_words import Archive, Here, Known, Record
from dunebugger_updater.model.packages import Pending

HELD = "held on this device; apt-mark unhold releases it"
PHASED = "given out in phases, and this device's turn has not come ({percent} % have it)"


def pending(here: Here, known: Mapping[str, Known], archives: Mapping[str, Archive]) -> tuple[Pending, ...]:
    """Answer what has a newer version that may come, before apt was asked what it would keep back."""
    found = (_pending(name, here, each, archives) for name, each in sorted(known.items()) if name in here.packages)
    return tuple(each for each in found if each is not None)


def _pending(name: str, here: Here, known: Known, archives: Mapping[str, Archive]) -> Pending | None:
    newer = known.newer
    phasing = known.phasing
    if not newer and phasing is not None:
        newer = (phasing,)  # to newer apts it is no candidate yet, but it is pending all the same
    if not newer:
        return None
    candidate = newer[0]
    secure = [each.version for each in newer if any(_secure(place, archives) for place in each.places)]
    kept = None
    if name in here.held:
        kept = HELD
    elif known.candidate != candidate.version and phasing is not None:
        kept = PHASED.format(percent=phasing.phased)
    return Pending(
        name=name,
        installed=here.packages[name].version,
        candidate=candidate.version,
        security=bool(secure),
        origins=origins(candidate.places, archives),
        held=name in here.held,
        kept_back=kept,
        security_version=secure[0] if secure and secure[0] != candidate.version else None,
    )


def _secure(place: str, archives: Mapping[str, Archive]) -> bool:
    return place in archives and archives[place].security


def origins(places: Iterable[str], archives: Mapping[str, Archive]) -> tuple[str, ...]:
    """Answer the archives' names, each once."""
    return tuple(dict.fromkeys(archives[place].name for place in places if place in archives))


def phased_words(known: Known, version: str) -> str | None:
    """Say that a version is given out in phases, when it is."""
    percent = next((each.phased for each in known.versions if each.version == version), None)
    return None if percent is None else PHASED.format(percent=percent)


def explained(
    waiting: Iterable[Pending],
    why: Mapping[str, str],
    records: Mapping[tuple[str, str], Record],
    links: Mapping[str, str],
    archives: Mapping[str, Archive],
) -> tuple[Pending, ...]:
    """Add why something is kept back, sizes, and where changes can be read."""
    publishers = {each.name: each.origin for each in archives.values()}

    def with_all(each: Pending) -> Pending:
        record = records.get((each.name, each.candidate))
        return msgspec.structs.replace(
            each,
            kept_back=each.kept_back or why.get(each.name),
            size=record.size if record else None,
            changelog=_changelog(record, [publishers.get(name, "") for name in each.origins], links),
        )

    return tuple(with_all(each) for each in waiting)


def _changelog(record: Record | None, publishers: Collection[str], links: Mapping[str, str]) -> str | None:
    """Fill in apt's own template for a publisher's changelogs, as apt-get changelog does."""
    template = next((links[each] for each in publishers if each in links), None)
    if record is None or template is None or not record.file.startswith("pool/"):
        return None
    folder = record.file.removeprefix("pool/").removeprefix("updates/").rpartition("/")[0]
    version = record.source_version.partition(":")[2] or record.source_version
    return template.replace("@CHANGEPATH@", quote(f"{folder}/{record.source}_{version}"))


def read_links(text: str) -> dict[str, str]:
    """Read ``apt-config dump Acquire::Changelogs::URI``: where each publisher's changelogs are."""
    found = {}
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        address = value.strip('";')
        if key.startswith("Acquire::Changelogs::URI::Origin::") and address.startswith(("http://", "https://")):
            found[key.rpartition("::")[2]] = address
    return found


def why_security_unknown(archives: Mapping[str, Archive]) -> str | None:
    """Say why security fixes cannot be told apart here; ``None`` when they can."""
    if any(each.security for each in archives.values()):
        return None
    publishers = sorted({each.origin or each.label for each in archives.values()} - {""})
    if not publishers:
        return "no package list was ever fetched here, or none says who publishes it"
    if "Debian" in publishers:
        return "no archive of Debian's security fixes is among this device's sources"
    return f"what {' and '.join(publishers[:3])} publish does not mark which updates are security fixes"
