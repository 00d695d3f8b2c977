"""A fake GitHub for whole stories: in a thread of the tests, or as a unit of a device that has no way out.

As a program: ``python -m device.bed.shop PORT FOLDER``, where ``FOLDER/owner/name/TAG/`` holds the files of a release.
"""

import asyncio
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from doubles.github import FakeGitHub, Repository
from packaging.version import Version

MANY = 10**6
"""Requests an hour: these stories are not about GitHub's patience."""


class Shop:
    """Releases on offer; what is offered may change while it is open."""

    def __init__(self, fake: FakeGitHub) -> None:
        self._fake = fake

    @property
    def url(self) -> str:
        return self._fake.api_url

    def offer(self, repository: str, releases: Mapping[str, Mapping[str, bytes]]) -> None:
        """Offer exactly these: a tag, and its files by name.  Whether it is a prerelease, its version says."""
        known = next((each for each in self._fake.repositories if each.full_name == repository), None)
        made: Repository = known or self._fake.repository(repository)
        made.releases.clear()
        for tag, files in releases.items():
            self._fake.release(made, tag, files, prerelease=Version(tag).is_prerelease)


@contextmanager
def opened() -> Iterator[Shop]:
    """A shop that answers on loopback while this lasts."""
    fake = FakeGitHub()
    fake.anonymous_limit = MANY
    ready, loop, over = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        async with fake.running():
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), name="shop")
    thread.start()
    try:
        assert ready.wait(10), "the fake GitHub did not start"
        yield Shop(fake)
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
        loop.close()


async def _serve(port: int, folder: Path) -> None:
    fake = FakeGitHub()
    fake.anonymous_limit = MANY
    shop = Shop(fake)
    for repository in sorted(folder.glob("*/*")):
        releases = {
            tag.name: {file.name: file.read_bytes() for file in sorted(tag.iterdir())}
            for tag in sorted(repository.iterdir())
        }
        shop.offer("/".join(repository.parts[-2:]), releases)
    async with fake.running(port):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), Path(sys.argv[2])))
