"""By which names we may be called.  A name that an attacker's DNS points at us is none of them (DNS rebinding).

Pure: it sees header lines and the address that a connection came in on, which is by definition one of this machine's.
"""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::(?P<port>[0-9]{1,5}))?")
_DEFAULT = {"http": 80, "https": 443}


class Place(NamedTuple):
    """Where a connection came in."""

    address: str
    port: int


class Host(NamedTuple):
    """A ``Host`` header that can be one at all."""

    name: str
    """Lower case; an address in its usual spelling, without brackets."""
    port: int | None


def read(header: str) -> Host | None:
    """Parse ``name[:port]``; ``None`` for whatever is not that."""
    found = _HOST.fullmatch(header)
    if found is None:
        return None
    port = int(found["port"]) if found["port"] else None
    address = _address(found["name"].strip("[]"))
    if found["name"].startswith("[") and not isinstance(address, IPv6Address):
        return None
    if address is None and ":" in found["name"]:
        return None
    return Host(str(address) if address else found["name"].lower(), port)


def allowed(header: str, place: Place, *, secure: bool, names: tuple[str, ...], public: tuple[str, ...]) -> bool:
    """Whether ``header`` names us.

    ``names`` are the machine's own and need the port of ``place``; ``public`` were configured, and one without a port
    stands for any, because then something in front of us has the port.
    """
    host = read(header)
    if host is None:
        return False
    for each in public:
        known = read(each)
        if known is not None and known.name == host.name and known.port in {None, host.port}:
            return True
    port = host.port if host.port is not None else _DEFAULT["https" if secure else "http"]
    return port == place.port and (host.name in _own(place, names))


def own_names(hostname: str) -> tuple[str, ...]:
    """The names that a machine called ``hostname`` answers to in its own network, besides its addresses."""
    first = hostname.split(".", 1)[0].lower()
    return ("localhost", *dict.fromkeys((hostname.lower(), first, f"{first}.local"))) if first else ("localhost",)


def same_origin(origin: str, host: str, *, secure: bool) -> bool:
    """Whether a page of ``origin`` is one of ours, as it was asked for under ``host``."""
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return False
    here = read(host)
    there = read(_netloc(parts, port))
    if here is None or there is None or not _bare(parts, origin):
        return False
    if parts.scheme not in _DEFAULT or (secure and parts.scheme != "https"):
        return False
    default = _DEFAULT[parts.scheme]
    return (there.name, there.port or default) == (here.name, here.port or default)


def _bare(parts: SplitResult, origin: str) -> bool:
    return origin == f"{parts.scheme}://{parts.netloc}" and "@" not in parts.netloc


def _netloc(parts: SplitResult, port: int | None) -> str:
    name = parts.hostname or ""
    name = f"[{name}]" if ":" in name else name
    return name if port is None else f"{name}:{port}"


def _own(place: Place, names: tuple[str, ...]) -> set[str]:
    here = _address(place.address.split("%", 1)[0])
    mapped = here.ipv4_mapped if isinstance(here, IPv6Address) else None
    known = {str(each) for each in (here, mapped) if each is not None and not each.is_unspecified}
    return {"127.0.0.1", "::1", *names, *known}


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None
