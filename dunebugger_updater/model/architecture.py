"""What this program was built for, in Debian's words: it decides which file of a release fits.

A 64-bit kernel often carries a 32-bit system (Raspberry Pi), so the kernel's word for the machine is not asked.
"""

import platform
import sys

_KNOWN = {
    "x86_64-linux-gnu": "amd64",
    "aarch64-linux-gnu": "arm64",
    "arm-linux-gnueabihf": "armhf",
    "i386-linux-gnu": "i386",
}


def architecture(triplet: str | None = None) -> str:
    """Answer ``amd64``, ``arm64``, ``armhf``, …; by the interpreter inside of this program."""
    built_for = triplet or str(getattr(sys.implementation, "_multiarch", ""))
    if built_for in _KNOWN:
        return _KNOWN[built_for]
    wide = sys.maxsize > 2**32
    machine = platform.machine()
    if machine in {"x86_64", "aarch64"} and wide:
        return {"x86_64": "amd64", "aarch64": "arm64"}[machine]
    return built_for.partition("-")[0] or ("armhf" if machine.startswith(("arm", "aarch")) else machine)
