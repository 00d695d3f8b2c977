"""What pip-audit's answer means.  It passes over packages that its service does not know, and calls that a success."""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def pins(lock: str) -> dict[str, str]:
    """Name and version of everything in a lock file."""
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in PIN.findall(lock)}


def verdict(answer: str, wanted: Mapping[str, str], *, strict: bool) -> tuple[int, list[str]]:
    """Exit status and lines: 1 for a vulnerability, or, when ``strict``, for a package that nobody was asked about."""
    try:
        told: list[dict[str, Any]] = json.loads(answer)["dependencies"]
    except (ValueError, KeyError, TypeError):
        told = []
    asked = {each["name"].lower(): each for each in told if "vulns" in each and each.get("version")}
    bad = [
        f"VULNERABLE: {name} {each['version']}: {flaw['id']}, mended in {', '.join(flaw['fix_versions']) or 'none yet'}"
        for name, each in sorted(asked.items())
        for flaw in each["vulns"]
    ]
    unasked = sorted(name for name, version in wanted.items() if asked.get(name, {}).get("version") != version)
    lines = list(bad)
    if unasked:
        lines.append(f"WARNING: could not ask about {len(unasked)} of {len(wanted)} packages: {', '.join(unasked)}")
        lines.append("WARNING: this says nothing about whether they are vulnerable (see artifacts/audit.log)")
    if not bad and not unasked:
        lines.append(f"no known vulnerability in {len(wanted)} packages")
    return int(bool(bad) or (strict and bool(unasked)) or not wanted), lines


if __name__ == "__main__":
    lock, answer, *words = sys.argv[1:]
    file = Path(answer)
    status, said = verdict(
        file.read_text() if file.is_file() else "", pins(Path(lock).read_text()), strict="--strict" in words
    )
    print("\n".join(said))
    sys.exit(status)
