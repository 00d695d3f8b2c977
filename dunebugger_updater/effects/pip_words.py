"""Why pip failed, in a sentence.

Its last line is rarely the cause: without a network it says "no matching distribution".  pip's output is no interface,
so what is not recognised here is shown as it is: the last lines that pip calls errors.
"""

import re

from dunebugger_updater.effects.commands import plain

_ALWAYS = (
    (r"no space left on device|errno 28\b", "there is no space left on the disk"),
    (r"do not match the hashes", "a package is not the one that the requirements' hashes name; do not use it"),
)
_WITH_AN_INDEX = (
    (
        r"certificate verify failed|certificate_verify_failed",
        "the package index's certificate cannot be verified; check the clock and ca-certificates",
    ),
    (
        r"name resolution|name or service not known|failed to resolve|no address associated",
        "cannot reach the package index: its name was not resolved; check the network",
    ),
    (
        (
            r"failed to establish a new connection|network is unreachable|connection (?:refused|reset|broken)"
            r"|connecttimeout|read timed out|max retries exceeded"
        ),
        "cannot reach the package index; check the network",
    ),
)
_NO_MATCH = re.compile(r"no matching distribution found for (?P<what>.+)", re.IGNORECASE)
_OTHER_PYTHON = re.compile(r"requires a different python: (?P<what>.+)", re.IGNORECASE)
_PACKAGE = re.compile(
    r"╰─> (?:from )?(?P<what>\S+)$|Failed building wheel for (?P<wheel>\S+)|Failed to build (?P<named>\S+)$"
)
_COMPILER = re.compile(r"fatal error: .+|error: command .+ failed.*|error: .*not found.*|.*No such file or directory.*")
_DETAIL_LINES = 3


def why_pip_failed(told: str, *, offline: bool) -> str:
    """The cause in ``told``, everything that pip printed.  ``offline``: it was given wheels and no index."""
    text = plain(told)
    for pattern, sentence in _ALWAYS if offline else (*_ALWAYS, *_WITH_AN_INDEX):
        if re.search(pattern, text, re.IGNORECASE):
            return sentence
    if other := _OTHER_PYTHON.search(text):
        return f"this device's Python does not fit: {other['what'].strip()}"
    if missing := _NO_MATCH.search(text):
        where = "no wheel in the release's wheels folder" if offline else "nothing in the package index"
        return f"{where} fits {missing['what'].strip()} on this device"
    if "subprocess-exited-with-error" in text or "Failed building wheel" in text:
        return _build_failure(text)
    return _last_errors(text)


def _build_failure(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    found = [match for match in map(_PACKAGE.search, lines) if match]
    names = [name for match in found for name in match.groups() if name and not name.startswith("[")]
    name = names[-1].rpartition("/")[2] if names else "a package"
    # The first complaint is the cause; what follows it are the programs above giving up one by one.
    complaint = next((line for line in lines if _COMPILER.fullmatch(line) or "fatal error:" in line), None)
    complaint = complaint or next(
        (line for line in lines if re.match(r"(?:\w+)?error: (?!subprocess)", line, re.IGNORECASE)), ""
    )
    return f"{name} cannot be built on this device{f' ({complaint[:200]})' if complaint else ''}; ship a wheel for it"


def _last_errors(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line.partition(":")[2].strip() for line in lines if re.match(r"error:", line, re.IGNORECASE)]
    return "; ".join((errors or lines)[-_DETAIL_LINES:])[:500] or "pip failed without a word"
