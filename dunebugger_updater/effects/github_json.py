"""GitHub's JSON, as far as we read it, turned into our values.  Nothing of it travels further.

Unknown keys are GitHub's good right; a wrong type in a key that we use is refused with its path.
"""

import re
from datetime import datetime
from typing import Annotated, TypeVar
from urllib.parse import quote

import msgspec

from dunebugger_updater.model.release import Asset, Release

T = TypeVar("T")

Whole = Annotated[int, msgspec.Meta(ge=0)]
_DIGEST = re.compile(r"sha256:([0-9a-fA-F]{64})")
_NAMED = re.compile(r"/repos/([^/]+/[^/]+)/")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class RepositoryJson(msgspec.Struct, frozen=True):
    """``GET /repos/{owner}/{name}``."""

    id: Whole
    full_name: str


class AssetJson(msgspec.Struct, frozen=True):
    """One entry of a release's ``assets``."""

    name: str
    url: str
    browser_download_url: str
    size: Whole
    state: str = "uploaded"
    digest: str | None = None
    """``sha256:…``.  Null for files from before June 2025, and absent from older answers."""

    def asset(self, *, with_token: bool) -> Asset:
        """Our value.  The API's own address opens private files too, but asking there counts: for token holders."""
        digest = _DIGEST.fullmatch(self.digest or "")
        return Asset(
            name=self.name,
            url=self.url if with_token else self.browser_download_url,
            size=self.size,
            sha256=digest[1].lower() if digest else None,
            ready=self.state == "uploaded" and self.size > 0,
        )


class ReleaseJson(msgspec.Struct, frozen=True):
    """One entry of ``GET /repos/{owner}/{name}/releases``.  ``name`` is prose: only ``tag_name`` is the version."""

    tag_name: str
    url: str = ""
    draft: bool = False
    prerelease: bool = False
    body: str | None = None
    published_at: datetime | None = None
    assets: tuple[AssetJson, ...] = ()

    def is_of(self, repository: str) -> bool:
        """False when the entry's own address says that its repository has another name."""
        return _is_of(self.url, repository)

    def release(self, *, with_token: bool) -> Release | None:
        """Our value; ``None`` for a draft, which only its makers see and which may never be published."""
        if self.draft:
            return None
        return Release(
            tag=self.tag_name,
            prerelease=self.prerelease,
            notes=self.body,
            published_at=self.published_at,
            assets=tuple(each.asset(with_token=with_token) for each in self.assets),
        )


class CommitJson(msgspec.Struct, frozen=True):
    """What a tag in a list stands for."""

    sha: str
    url: str = ""


class TagJson(msgspec.Struct, frozen=True):
    """One entry of ``GET /repos/{owner}/{name}/tags``."""

    name: str
    commit: CommitJson

    def is_of(self, repository: str) -> bool:
        """As with a release."""
        return _is_of(self.commit.url, repository)

    def release(self, *, with_token: bool) -> Release | None:  # noqa: ARG002  (asked like a release)
        """Our value.  A tag without a release has no dates, no flag and no files."""
        return Release(tag=self.name, commit=self.commit.sha)


class ObjectJson(msgspec.Struct, frozen=True):
    """What a ref or an annotated tag leads to."""

    type: str
    sha: str


class RefJson(msgspec.Struct, frozen=True):
    """``GET /repos/{owner}/{name}/git/ref/tags/{tag}`` and ``…/git/tags/{sha}``: only ``object`` matters."""

    object: ObjectJson


class EntryJson(msgspec.Struct, frozen=True):
    """``GET /repos/{owner}/{name}/contents/{path}``, where GitHub did not answer with the file itself."""

    type: str
    target: str | None = None
    """Where a symbolic link leads."""


class RefusalJson(msgspec.Struct, frozen=True):
    """The body of an error.  Sometimes it is HTML, sometimes ``{"error": …}``, sometimes half of one."""

    message: str = ""
    documentation_url: str = ""


def refusal(body: bytes) -> RefusalJson:
    """What an error's body says; empty when it says nothing that we can read."""
    try:
        return msgspec.json.decode(body, type=RefusalJson)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return RefusalJson()


def read(body: bytes, kind: type[T]) -> T:
    """Parse a body.  ``ValueError`` with one line that names the offending field."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from None


def _is_of(url: str, repository: str) -> bool:
    named = _NAMED.search(url)
    return named is None or named[1].lower() == repository.lower()


def is_commit(text: str) -> bool:
    """True for a full commit name, which unlike a tag cannot move."""
    return _COMMIT.fullmatch(text) is not None


def segment(text: str) -> str:
    """``text`` as one segment of an address: ``cli/v1.9.4`` has a slash that separates nothing."""
    return quote(text, safe="")


def source_archive(api_url: str, repository: str, commit: str) -> str:
    """Where the sources of a commit are had as a tar.gz.  GitHub packs it on request: its checksum is not stable."""
    return f"{api_url.rstrip('/')}/repos/{repository}/tarball/{commit}"
