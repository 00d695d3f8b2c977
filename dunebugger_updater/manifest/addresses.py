"""Addresses and image names taken apart, in one spelling only.

An address that one program reads as 127.0.0.1 and another as a name is how a manifest would reach what it must not.
"""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

import msgspec


class Origin(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Scheme, host and port: what has to agree for two addresses to lead to the same door."""

    scheme: str
    host: str
    port: int


_ODD = re.compile(r"[\s\\<>\"'`{}|^]")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_PORTS = {"http": 80, "https": 443}
_LAST_PORT = 65535


def origin_of(url: str) -> Origin | str:
    """Where ``url`` leads, or why it is no plain address."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as problem:
        return f"it is no address ({problem})"
    number = _PORTS.get(parts.scheme, 0) if port is None else port
    why_not = _spelling_objection(url, parts) or _host_objection(host)
    if why_not:
        return why_not
    plain = f"[{host}]" if ":" in host else host
    if parts.netloc not in {plain, f"{plain}:{number}"} or not 1 <= number <= _LAST_PORT:
        return "host and port are not spelled plainly, in lower case and without zeros in front"
    return Origin(parts.scheme, host, number)


def _spelling_objection(url: str, parts: SplitResult) -> str | None:
    if parts.scheme not in _PORTS or not url.startswith(f"{parts.scheme}://"):
        return "only http:// and https:// addresses are possible"
    if not url.isascii() or not url.isprintable() or _ODD.search(url):
        return "it has characters that do not belong in an address"
    if "@" in parts.netloc:
        return "it carries a user name"
    return "it has a part after '#'" if "#" in url else None


def _host_objection(host: str) -> str | None:
    if ":" in host:
        try:
            plain = "%" not in host and str(ipaddress.IPv6Address(host)) == host
        except ValueError:
            plain = False
        return None if plain else "the IPv6 address is not in its short form"
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):  # noqa: PLR2004 - DNS' own limit
        return "it names no host in plain lower-case letters"
    if labels[-1].isdigit() or labels[-1].startswith("0x"):
        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            return "the IPv4 address is not in the form 192.0.2.1"
    return None


def path_objection(url: str) -> str | None:
    """Why the path of ``url`` does not lead where it seems to, or ``None``."""
    path = urlsplit(url).path.lower()
    if any(trick in path for trick in ("/../", "/./", "//", "%2e", "%2f", "%5c", "%00", "%25")) or path.endswith("/.."):
        return "its path does not lead where it seems to"
    return None


def url_objection(url: str) -> str | None:
    """Why ``url`` cannot be used, or ``None``."""
    origin = origin_of(url)
    return origin if isinstance(origin, str) else path_objection(url)


_REPOSITORY = re.compile(r"[a-z0-9]+(?:[._-]{1,2}[a-z0-9]+)*")
_REGISTRY = re.compile(r"[a-z0-9][a-z0-9.-]{0,252}(?::[0-9]{1,5})?")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class ImageName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An image reference taken apart."""

    repository: str
    """With its registry: ``docker.io/library/nats`` for ``nats``."""
    tag: str | None
    digest: str | None


def image_name(reference: str) -> ImageName | None:
    """Take an image reference apart as the engine does; ``None`` when it is none."""
    rest, at, digest = reference.partition("@")
    head, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        head, tag = rest, ""
        colon = ""
    first, slash, path = head.partition("/")
    registry, path = (first, path) if slash and ({".", ":"} & set(first) or first == "localhost") else ("", head)
    if registry in {"", "index.docker.io"}:
        registry = "docker.io"
    if registry == "docker.io" and "/" not in path:
        path = f"library/{path}"
    fits = (
        _REGISTRY.fullmatch(registry)
        and all(_REPOSITORY.fullmatch(part) for part in path.split("/"))
        and (not at or _DIGEST.fullmatch(digest))
        and (not colon or _TAG.fullmatch(tag))
    )
    return ImageName(f"{registry}/{path}", tag or None, digest or None) if fits else None


def image_objection(reference: str) -> str | None:
    """Why ``reference`` names no image, or ``None``."""
    return None if image_name(reference) else "it is no image reference such as ghcr.io/owner/name:1.4.0"
