r"""Texts and numbers that a manifest may hold, each with an end and with words for what was expected.

No pattern can be made slow: none repeats what it has already repeated.  ``$(?!\n)`` because ``$`` alone lets a last
newline by; JSON Schema's dialect has no ``\Z``.
"""

from typing import Annotated

from msgspec import Meta

from dunebugger_updater.manifest.addresses import image_objection, url_objection

_END = r"$(?!\n)"
_UNSEEN = r"\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff"
_VERSION = r"[vV]?[0-9][0-9A-Za-z.+!_-]{0,63}"
_SEGMENT = r"(?!\.{1,2}(?:/|$))[A-Za-z0-9._+@=][A-Za-z0-9._+@=-]{0,99}"
_COMPARISON = rf"(?:>=|<=|==|!=|>|<) ?{_VERSION}"


def _text(pattern: str, longest: int, description: str) -> Meta:
    return Meta(pattern=f"^(?:{pattern}){_END}", max_length=longest, description=description)


Line = Annotated[str, _text(rf"[^\x00-\x1f{_UNSEEN}]*", 500, "one line of at most 500 characters")]
Text = Annotated[str, _text(rf"[^\x00-\x08\x0b-\x1f{_UNSEEN}]*", 20_000, "text of at most 20,000 characters")]
Name = Annotated[str, _text("[a-z][a-z0-9_-]{0,63}", 64, "a component's name such as core")]
VersionText = Annotated[str, _text(_VERSION, 65, 'a version in quotes such as "1.4.0"')]
Requirement = Annotated[
    str, _text(f"{_COMPARISON}(?:, ?{_COMPARISON}){{0,3}}", 300, 'a comparison in quotes such as ">=1.0.0"')
]
ServiceName = Annotated[
    str, _text("[A-Za-z0-9][A-Za-z0-9:_.@-]{0,127}", 128, "a service's name such as dunebugger.service")
]
ContainerName = Annotated[str, _text("[A-Za-z0-9][A-Za-z0-9_.-]{0,127}", 128, "a container's name such as scheduler")]
FileName = Annotated[
    str, _text("[A-Za-z0-9][A-Za-z0-9._+-]{0,199}", 200, "a file's name without folders such as core-1.4.0.tar.gz")
]
Place = Annotated[
    str,
    _text(rf"\.|/?{_SEGMENT}(?:/{_SEGMENT}){{0,19}}/?", 400, "a path without '..' such as requirements.txt"),
]
ImageTag = Annotated[str, _text("[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", 128, 'an image tag in quotes such as "1.4.0"')]
Checksum = Annotated[str, _text("sha256:[0-9a-f]{64}", 71, "sha256: and 64 lower-case hexadecimal digits")]
Sha256 = Annotated[str, _text("[0-9a-f]{64}", 64, "64 lower-case hexadecimal digits")]
ImageRef = Annotated[
    str,
    Meta(
        pattern=f"^[a-z0-9][A-Za-z0-9._/:@-]{{0,399}}{_END}",
        max_length=400,
        description="an image such as ghcr.io/owner/name:1.4.0",
        extra={"objection": image_objection},
    ),
]
Url = Annotated[
    str,
    Meta(
        pattern=f"^https?://[!-~]{{1,2000}}{_END}",
        max_length=2010,
        description="an address such as https://github.com/… or http://127.0.0.1:5000/health",
        extra={"objection": url_objection},
    ),
]
PackageName = Annotated[
    str,
    _text(
        "(?!.{0,127}-$)[a-z0-9][a-z0-9+.-]{1,126}", 127, "a Debian package's name such as libstdc++6, not ending in '-'"
    ),
]
PackageVersion = Annotated[
    str, _text("[0-9][A-Za-z0-9.+:~-]{0,127}", 128, 'a Debian version in quotes such as "1:9.2p1-2"')
]
Limit = Annotated[int, Meta(ge=1, le=3600, description="whole seconds from 1 to 3600")]
Bytes = Annotated[int, Meta(ge=1, le=2**40, description="whole bytes from 1 to 1 TiB")]
