"""Telling people elsewhere: e-mail, chat, push, webhooks, by apprise.  Loaded only where the owner configured it."""

import asyncio
import logging
from collections.abc import Sequence

from dunebugger_updater.ports import EffectError

LIMIT = 60.0
"""Seconds for all addresses together."""


class Postman:
    """Delivers to the owner's addresses (apprise URLs).  They hold passwords, so they are never logged or shown."""

    async def deliver(self, urls: Sequence[str], title: str, body: str) -> None:
        """Tell everyone.  ``EffectError`` names the services, not the addresses, that could not be reached."""
        try:
            async with asyncio.timeout(LIMIT):
                failed = await asyncio.to_thread(_deliver, urls, title, body)
        except TimeoutError:
            raise EffectError(f"cannot notify: no answer within {LIMIT:g} s") from None
        if failed:
            raise EffectError(f"cannot notify by {', '.join(failed)}: the service did not take it")


def _deliver(urls: Sequence[str], title: str, body: str) -> list[str]:
    import apprise  # noqa: PLC0415  (19 MB of memory that only who is told elsewhere needs)

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # it logs addresses, and with them passwords
    failed = []
    for url in urls:
        name = url.partition("://")[0] or "?"
        one = apprise.Apprise()
        if not one.add(url):
            failed.append(f"{name} (address not understood)")
        elif not one.notify(title=title, body=body):
            failed.append(name)
    return failed
