"""A browser without scripts, and what it looks for: tags that close, nothing inline, nothing from elsewhere."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser

import aiohttp
from doubles.panel_served import Served

VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}


@dataclass
class Page:
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def words(self) -> str:
        """What a person reads, without tags."""
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", self.text))


class Visitor:
    """A browser without scripts."""

    def __init__(self, house: Served, client: aiohttp.ClientSession) -> None:
        self.house = house
        self.client = client
        self.cookie = "dunebugger_session=session-1"
        self.csrf = "csrf-1"

    async def get(self, path: str, **headers: str) -> Page:
        return await self._ask("GET", path, None, headers)

    async def send(self, path: str, **fields: str | list[str]) -> Page:
        sent: dict[str, str | list[str]] = {"csrf": self.csrf, **fields}
        return await self._ask("POST", path, sent, {"Origin": self.house.origin})

    async def _ask(
        self, method: str, path: str, data: dict[str, str | list[str]] | None, headers: dict[str, str]
    ) -> Page:
        pairs = (
            None
            if data is None
            else [(name, one) for name, value in data.items() for one in ([value] if isinstance(value, str) else value)]
        )
        usual = {"Cookie": self.cookie, "Accept": "text/html,*/*"} | headers
        url = f"{self.house.origin}{path}"
        async with self.client.request(method, url, data=pairs, headers=usual, allow_redirects=False) as answer:
            return Page(answer.status, answer.headers, await answer.text())


class Balance(HTMLParser):
    """Whether every tag that is opened is closed, and nothing is inline that the policy forbids."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        named = dict(attrs)
        self.ids += [str(named["id"])] if "id" in named else []
        self.wrong += [f"{tag} {name}" for name in named if name == "style" or name.startswith("on")]
        if tag == "script" and "src" not in named:
            self.wrong.append("inline script")
        for name in ("src", "href", "action"):
            if str(named.get(name) or "").startswith(("http:", "https:", "//")) and tag != "a":
                self.wrong.append(f"{tag} {name} from elsewhere")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(f"</{tag}> closes another")
