"""The lock file as a bill of materials (CycloneDX 1.5): each package, its version, and who wanted it.

The same lock gives the same bytes, so that two releases can be compared.
"""

import json
import re
import sys
import tomllib
import uuid
from pathlib import Path
from typing import Any

ENTRY = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)((?:[^\n]*\n)(?:^[ \t].*\n?)*)", re.MULTILINE)
WANTED_BY = re.compile(r"^\s+#\s+(?:via\s+)?([A-Za-z0-9._-]+)(?: \(.*\))?\s*$", re.MULTILINE)
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def bill(lock: str, name: str, version: str) -> dict[str, Any]:
    """The document.  ``name`` and ``version``: of the program that all of it is for."""
    found = {
        _plain(each[1]): (each[2], {_plain(by) for by in WANTED_BY.findall(each[3])}, HASH.findall(each[3]))
        for each in ENTRY.finditer(lock)
    }
    references = {each: f"pkg:pypi/{each}@{pinned}" for each, (pinned, _, _) in found.items()} | {
        name: f"pkg:pypi/{name}@{version}"
    }
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name + version + lock)}",
        "version": 1,
        "metadata": {"component": _component("application", name, version)},
        "components": [
            _component("library", each, pinned)
            # one of these is what was installed: which, depends on the machine
            | {"properties": [{"name": "sha256-of-a-file", "value": value} for value in hashes]}
            for each, (pinned, _, hashes) in sorted(found.items())
        ],
        "dependencies": [
            {
                "ref": reference,
                "dependsOn": [references[other] for other, (_, by, _) in sorted(found.items()) if each in by],
            }
            for each, reference in sorted(references.items())
        ],
    }


def _component(kind: str, name: str, version: str) -> dict[str, Any]:
    purl = f"pkg:pypi/{name}@{version}"
    return {"type": kind, "bom-ref": purl, "name": name, "version": version, "purl": purl}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    print(json.dumps(bill(Path(sys.argv[1]).read_text(), project["name"], project["version"]), indent=1))
