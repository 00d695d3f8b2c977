"""Names of container images: their parts, whether two mean the same repository, and what version a name tells."""

import re

import msgspec

_PART = r"[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*"
_HOST = r"(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::[0-9]+)?"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST = r"[A-Za-z][A-Za-z0-9_.+-]*:[0-9a-fA-F]{32,}"
_REFERENCE = re.compile(
    rf"(?P<repository>(?:{_HOST}/)?{_PART}(?:/{_PART})*)(?::(?P<tag>{_TAG}))?(?:@(?P<digest>{_DIGEST}))?"
)
"""The grammar of the distribution specification, https://github.com/distribution/reference."""

_ID = re.compile(r"sha256:[0-9a-f]{64}")
"""An image's own id.  The grammar would take it for a tag of a repository called sha256."""

_VERSION = re.compile(r"(?:v|version-|release-)?[0-9][A-Za-z0-9_.+-]*")
_COMMIT = re.compile(r"(?=[0-9a-f]*[a-f])[0-9a-f]{7,64}")


class ImageName(msgspec.Struct, frozen=True):
    """``repository[:tag][@digest]``, taken apart."""

    repository: str
    """As written, registry included when it is written: ``ghcr.io/owner/app``, ``127.0.0.1:5000/tb/app``."""
    tag: str | None = None
    digest: str | None = None
    """``sha256:…``.  Where there is one, the engine ignores the tag."""

    @property
    def tagged(self) -> str:
        """Repository and tag: what the engine calls the image on this machine."""
        return f"{self.repository}:{self.tag or 'latest'}"


def image_name(reference: str) -> ImageName | None:
    """The parts of ``reference``; ``None`` when no engine would take it."""
    found = _REFERENCE.fullmatch(reference)
    return (
        None
        if found is None or _ID.fullmatch(reference)
        else ImageName(found["repository"], found["tag"], found["digest"])
    )


def is_tag(text: str) -> bool:
    """Whether a registry can have a tag of that name."""
    return re.fullmatch(_TAG, text) is not None


def registry_of(repository: str) -> str:
    """The host that is asked for it: ``docker.io`` unless the name begins with another."""
    first, slash, _ = repository.partition("/")
    if slash and (first == "localhost" or any(sign in first for sign in ".:[")):
        return "docker.io" if first == "index.docker.io" else first
    return "docker.io"


def same_repository(one: str, other: str) -> bool:
    """Whether two spellings mean one repository: ``nginx`` is ``docker.io/library/nginx``."""
    return _in_full(one) == _in_full(other)


def version_of(reference: str, label: str | None) -> str | None:
    """What version an image is: its label ``org.opencontainers.image.version``, else its tag, else nothing.

    Names that move (``latest``, ``main``, ``edge``, ``pr-12``) and bare commits are no versions, in the label either:
    builds of a branch are labelled with the branch.  Whoever gets ``None`` shows the digest.
    """
    name = image_name(reference)
    for candidate in (label, name.tag if name else None):
        if candidate and _VERSION.fullmatch(candidate) and not _COMMIT.fullmatch(candidate):
            return candidate
    return None


def _in_full(repository: str) -> str:
    host = registry_of(repository)
    path = repository.removeprefix("index.docker.io/").removeprefix(f"{host}/")
    return f"{host}/library/{path}" if host == "docker.io" and "/" not in path else f"{host}/{path}"
