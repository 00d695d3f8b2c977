"""Releases on GitHub: what is on offer, and the manifest that belongs to a release.  Implements ``Releases``."""

import asyncio
import re
from collections.abc import Awaitable, Iterable
from pathlib import Path
from typing import TypeVar

from yarl import URL

from dunebugger_updater.effects import github_json as gh
from dunebugger_updater.effects.connections import Connections
from dunebugger_updater.effects.github_api import BYTES, RAW, GitHubApi, Reply
from dunebugger_updater.effects.github_limits import Limits
from dunebugger_updater.effects.http_cache import HttpCache
from dunebugger_updater.effects.redirects import Hosts, is_loopback
from dunebugger_updater.model.release import Catalogue
from dunebugger_updater.ports import Clock, EffectError

A = TypeVar("A")
B = TypeVar("B")
T = TypeVar("T")

API_URL = "https://api.github.com"
MANIFEST = "update-manifest.yaml"
LARGEST_MANIFEST = 262_144
"""Bytes.  A manifest is a page of text."""

PAGES = 5
"""Pages of a hundred that are read of one list: the newest five hundred releases."""

_LISTS: dict[str, type[gh.ReleaseJson | gh.TagJson]] = {"releases": gh.ReleaseJson, "tags": gh.TagJson}

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}")


class GitHub:
    """``token`` may be absent; ``cache`` is a directory of ours alone; ``allowed_hosts`` is for ``read_asset``.

    ``parallel``: requests at a time.  GitHub asks for restraint, so it gets eight; our own servers take more.
    """

    def __init__(
        self,
        connections: Connections,
        *,
        clock: Clock,
        api_url: str = API_URL,
        token: str | None = None,
        cache: Path | None = None,
        allowed_hosts: Iterable[str] = (),
        parallel: int | None = None,
    ) -> None:
        url = URL(api_url)
        if url.scheme != "https" and not (url.scheme == "http" and is_loopback(url)):
            raise EffectError(f"cannot ask {api_url} for releases: only https keeps what is fetched unchanged")
        self._with_token = token is not None
        self._api = GitHubApi(
            connections,
            api_url=api_url,
            token=token,
            cache=HttpCache(cache),
            clock=clock,
            hosts=Hosts(api_url, allowed_hosts),
            parallel=parallel or (8 if url.host == URL(API_URL).host else 100),
        )

    def limits(self) -> Limits | None:
        """What GitHub still grants in this hour; ``None`` before the first answer."""
        return self._api.limits()

    async def catalogue(self, repository: str, source: str, pinned_id: int | None) -> Catalogue:
        """Everything on offer, and the repository's number.

        A repository that is known is asked by its number, which nobody else can take over: one request.  By its name
        it is asked when the number is not known yet, leads nowhere, or has another name: two requests side by side.
        """
        self._check_name(repository)
        if pinned_id is not None:
            found = await self._pages(f"/repositories/{pinned_id}/{source}?per_page=100", repository, _LISTS[source])
            if found is not None and all(each.is_of(repository) for each in found):
                return self._catalogue(pinned_id, found)
        about, found = await _both(
            self._api.get(f"/repos/{repository}", repository),
            self._pages(f"/repos/{repository}/{source}?per_page=100", repository, _LISTS[source]),
        )
        if found is None:
            raise EffectError(self._missing(repository))
        this = self._parse(about, gh.RepositoryJson, repository) if about.found else None
        if pinned_id is not None and (this is None or this.id != pinned_id):
            raise EffectError(
                f"cannot trust {repository}: it is now another repository than the one that was installed from "
                f"(number {this.id if this else 'unknown'}, not {pinned_id})"
            )
        if this and this.full_name.lower() != repository.lower():
            moved = f"{repository} has moved to {this.full_name}: please write that name into the configuration"
            return self._catalogue(this.id, found, moved)
        return self._catalogue(this.id if this else None, found)

    def _catalogue(self, number: int | None, found: Iterable[gh.ReleaseJson | gh.TagJson], *warnings: str) -> Catalogue:
        releases = tuple(release for each in found if (release := each.release(with_token=self._with_token)))
        return Catalogue(number, releases, self._api.warnings() + warnings)

    async def manifest(self, repository: str, tag: str, commit: str | None) -> bytes | None:
        """The file at the commit, not at the tag: tags move.  A folder, a submodule or a link to one is refused."""
        self._check_name(repository)
        about = f"{MANIFEST} of {repository} {tag}"
        commit = commit or await self._commit(repository, tag)
        path = f"/repos/{repository}/contents/{MANIFEST}?ref={gh.segment(commit)}"
        reply = await self._api.get(path, about, accept=RAW, most=LARGEST_MANIFEST)
        if not reply.found:
            return None
        if reply.kind != "application/json":
            return reply.body
        kind = "directory" if reply.body.lstrip().startswith(b"[") else self._parse(reply, gh.EntryJson, about).type
        raise EffectError(f"cannot read {about}: it is a {kind}, not a file")

    async def read_asset(self, url: str, limit: int) -> bytes:
        """A small file of a release, whole.  ``limit`` in bytes; a file that is gone is an ``EffectError``."""
        name = URL(url).name or url
        reply = await self._api.get(url, name, accept=BYTES, most=limit, keep=False)
        if not reply.found:
            raise EffectError(f"cannot fetch {name}: it is not there any more")
        return reply.body

    async def _pages(self, path: str, repository: str, kind: type[T]) -> list[T] | None:
        found: list[T] = []
        page: str | None = path
        for _ in range(PAGES):
            if page is None:
                break
            reply = await self._api.get(page, repository)
            if not reply.found:
                return None
            found += self._parse(reply, list[kind], repository)  # type: ignore[valid-type]  # a type made at run time
            page = reply.next
        return found

    async def _commit(self, repository: str, tag: str) -> str:
        path = f"/repos/{repository}/git/ref/tags/{gh.segment(tag)}"
        for _ in range(PAGES):  # an annotated tag may stand for another one
            reply = await self._api.get(path, f"{repository} {tag}")
            if not reply.found:
                raise EffectError(f"cannot find the tag {tag} in {repository}")
            target = self._parse(reply, gh.RefJson, f"{repository} {tag}").object
            if target.type == "commit" and gh.is_commit(target.sha):
                return target.sha
            path = f"/repos/{repository}/git/tags/{gh.segment(target.sha)}"
        raise EffectError(f"cannot find the commit that the tag {tag} of {repository} stands for")

    def _parse(self, reply: Reply, kind: type[T], about: str) -> T:
        try:
            return gh.read(reply.body, kind)
        except ValueError as error:
            raise EffectError(f"cannot understand what {self._api.host} says about {about}: {error}") from None

    def _missing(self, repository: str) -> str:
        told = "; ".join(self._api.warnings())
        return (
            f"cannot find {repository} on GitHub: it does not exist, or is private and the token may not see it"
            f"{f' ({told})' if told else ''}"
        )

    def _check_name(self, repository: str) -> None:
        if not _NAME.fullmatch(repository):
            raise EffectError(f"cannot check {repository!r}: a repository is written owner/name")


async def _both(first: Awaitable[A], second: Awaitable[B]) -> tuple[A, B]:
    one, two = await asyncio.gather(first, second, return_exceptions=True)
    if isinstance(one, BaseException):
        raise one
    if isinstance(two, BaseException):
        raise two
    return one, two
