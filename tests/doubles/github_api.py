"""The API host of the fake GitHub, and the part of its web site that hands out files."""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl, unquote

from aiohttp import web
from doubles.github import FakeGitHub, Seen
from doubles.github_files import damaged
from doubles.github_shapes import Link, Release, Repository

ALWAYS = {
    "Server": "GitHub.com",
    "Access-Control-Expose-Headers": "ETag, Link, Location, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining",
    "Access-Control-Allow-Origin": "*",
    "Strict-Transport-Security": "max-age=31536000; includeSubdomains; preload",
    "X-Frame-Options": "deny",
    "X-Content-Type-Options": "nosniff",
    "X-XSS-Protection": "0",
    "Referrer-Policy": "origin-when-cross-origin, strict-origin-when-cross-origin",
    "Content-Security-Policy": "default-src 'none'",
    "X-GitHub-Request-Id": "C14E:8628:147E6:18E5B:5E836E9B",
}
JSON = "application/json; charset=utf-8"
DOCS = "https://docs.github.com/rest"


@dataclass
class Answer:
    status: int
    body: bytes = b""
    kind: str = JSON
    headers: dict[str, str] = field(default_factory=dict)


def say(status: int, value: Any, **headers: str) -> Answer:
    return Answer(status, json.dumps(value).encode(), headers=headers)


def refuse(status: int, message: str, anchor: str = "") -> Answer:
    return say(status, {"message": message, "documentation_url": f"{DOCS}{anchor}"})


class Host:
    def __init__(self, fake: FakeGitHub) -> None:
        self.fake = fake

    async def answer(self, request: web.Request) -> web.StreamResponse:
        fake = self.fake
        fake.at_once += 1
        fake.most_at_once = max(fake.at_once, fake.most_at_once)
        try:
            return await self._answer(request)
        finally:
            fake.at_once -= 1

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        fake = self.fake
        seen = Seen("api", request.method, request.raw_path, dict(request.headers))
        fake.seen.append(seen)
        arrived = asyncio.get_running_loop().time()
        if "User-Agent" not in request.headers:
            text = b"Request forbidden by administrative rules. Please make sure your request has a User-Agent header"
            return web.Response(status=403, body=text, content_type="text/plain")
        path, _, query = request.raw_path.partition("?")
        segments = [unquote(each) for each in path.strip("/").split("/")]
        if segments[0] not in ("repos", "repositories", "rate_limit"):
            found = self._site(segments)
            seen.status = found.status
            return web.Response(status=found.status, body=found.body, headers=found.headers)
        trouble = fake.trouble(request.raw_path)
        if trouble and trouble.status is not None:
            seen.status = trouble.status
            headers = {"Content-Type": JSON, "Date": formatdate(fake.now(), usegmt=True), **trouble.headers}
            return web.Response(status=trouble.status, body=trouble.body, headers=headers)
        found = self._charged(request, segments, dict(parse_qsl(query)))
        seen.status = found.status
        headers = {fake.header_case(name): value for name, value in (ALWAYS | found.headers).items()}
        headers["Date"] = formatdate(fake.now(), usegmt=True)
        headers["Content-Type"] = found.kind
        # The line's length, and not ours: what it took to make up the answer is no part of it.
        await asyncio.sleep(arrived + fake.delay - asyncio.get_running_loop().time())
        return await damaged(request, found.status, headers, found.body, trouble)

    def _charged(self, request: web.Request, segments: Sequence[str], query: dict[str, str]) -> Answer:
        """Who asks, may they, and do they know it already?"""
        fake = self.fake
        given = request.headers.get("Authorization", "").partition(" ")[2] or None
        token = given if given in fake.tokens else None
        bucket = fake.bucket(token)
        exhausted = bucket.used >= bucket.limit
        etag = ""
        if given and not token:
            found, cost = refuse(401, "Bad credentials"), 1
        elif exhausted:
            message = (
                "API rate limit exceeded for 192.0.2.1. (But here's the good news: Authenticated requests get more.)"
            )
            found, cost = refuse(403, message, "/overview/rate-limits-for-the-rest-api"), 0
        elif segments[0] == "rate_limit":
            found, cost = say(200, {"resources": {"core": {"limit": bucket.limit, "used": bucket.used}}}), 0
        else:
            found, cost = self._repository(request, segments, query, token), 1
        accept = request.headers.get("Accept", "")
        if found.status == 200:
            etag = f'W/"{hashlib.sha256(f"{token} {accept} ".encode() + found.body).hexdigest()}"'
            if request.headers.get("If-None-Match") == etag:
                found = Answer(304, headers=found.headers)
                cost = 0 if token or not fake.charge_anonymous_304 else 1
        bucket.used = min(bucket.used + cost, bucket.limit)
        raw = "raw" in found.kind
        headers = {
            "X-RateLimit-Limit": str(bucket.limit),
            "X-RateLimit-Remaining": str(bucket.limit - bucket.used),
            "X-RateLimit-Reset": str(int(bucket.reset)),
            "X-RateLimit-Used": str(bucket.used),
            "X-RateLimit-Resource": "core",
            "X-GitHub-Media-Type": f"github.v3; {'param=raw' if raw else 'format=json'}",
            "x-github-api-version-selected": request.headers.get("X-GitHub-Api-Version", "2022-11-28"),
            "Vary": "Accept, Authorization, Cookie, X-GitHub-OTP",
        }
        if etag:
            scope = "private" if token else "public"
            headers |= {"ETag": etag, "Cache-Control": f"{scope}, max-age=60, s-maxage=60"}
            headers |= {"Last-Modified": formatdate(0, usegmt=True)}
        found.headers = headers | found.headers
        return found

    def _repository(
        self, request: web.Request, segments: Sequence[str], query: dict[str, str], token: str | None
    ) -> Answer:
        fake = self.fake
        if segments[0] == "repositories":
            rest, key = segments[2:], segments[1] if len(segments) > 1 else ""
            found = next((each for each in fake.repositories if str(each.id) == key), None)
        else:
            rest, name = segments[3:], "/".join(segments[1:3]).lower()
            found = next((each for each in fake.repositories if each.full_name.lower() == name), None)
            if found is None and name in fake.renamed:
                tail = request.raw_path.split("/", 4)[4:]
                query_only = "?" + request.query_string if request.query_string and not tail else ""
                to = "/".join([f"{fake.api_url}/repositories/{fake.renamed[name]}", *tail]) + query_only
                moved = {"message": "Moved Permanently", "url": to, "documentation_url": f"{DOCS}/#http-redirects"}
                return say(301 if request.method in ("GET", "HEAD") else 307, moved, Location=to)
        if found is None or (found.private and token is None):
            return not_found()
        return self._within(found, request, rest, query, token)

    def _within(  # noqa: C901, PLR0911  (a routing table, one line each)
        self,
        repository: Repository,
        request: web.Request,
        rest: Sequence[str],
        query: dict[str, str],
        token: str | None,
    ) -> Answer:
        shapes = self.fake.shapes
        pushes = token is not None and "push" in self.fake.tokens[token]
        match list(rest):
            case []:
                return say(200, shapes.repository(repository))
            case ["releases"]:
                shown = [each for each in self.fake.order(repository.releases) if pushes or not each.draft]
                return self._page(repository, "releases", [shapes.release(repository, each) for each in shown], query)
            case ["releases", "latest"]:
                latest = _latest(repository)
                return say(200, shapes.release(repository, latest)) if latest else not_found()
            case ["releases", "tags", tag]:
                tagged = [each for each in repository.releases if each.tag == tag and not each.draft]
                return say(200, shapes.release(repository, tagged[0])) if tagged else not_found()
            case ["releases", "assets", number]:
                return self._asset(int(number), request)
            case ["releases", number, "assets"]:
                wanted = [each for each in repository.releases if str(each.id) == number]
                return say(200, [shapes.asset(repository, wanted[0], each) for each in wanted[0].assets])
            case ["tags"]:
                listed = [shapes.tag(repository, tag, commit) for tag, commit in repository.tags.items()]
                return self._page(repository, "tags", listed, query)
            case ["git", "ref", "tags", tag] if tag in repository.tags:
                return say(200, shapes.ref(repository, tag))
            case ["git", "tags", sha] if sha in repository.annotated.values():
                tag = next(tag for tag, each in repository.annotated.items() if each == sha)
                return say(200, shapes.tag_object(repository, tag))
            case ["contents", *path]:
                return self._contents(repository, "/".join(path).strip("/"), query, request)
            case ["tarball", *ref]:
                to = f"{self.fake.files_url}/{repository.full_name}/legacy.tar.gz/{'/'.join(ref)}"
                return Answer(
                    302, kind="text/html;charset=utf-8", headers={"Location": to, "Cache-Control": "public, max-age=0"}
                )
        return not_found()

    def _page(self, repository: Repository, what: str, listed: list[Any], query: dict[str, str]) -> Answer:
        size, page = min(int(query.get("per_page", "30")), 100), int(query.get("page", "1"))
        last = max(1, -(-len(listed) // size))
        at = f"{self.fake.api_url}/repositories/{repository.id}/{what}?per_page={size}&page="
        links = []
        if page > 1:
            links += [f'<{at}{page - 1}>; rel="prev"', f'<{at}1>; rel="first"']
        if page < last:
            links = [*links[:1], f'<{at}{page + 1}>; rel="next"', f'<{at}{last}>; rel="last"', *links[1:]]
        answer = say(200, listed[(page - 1) * size : page * size])
        if links:
            answer.headers["Link"] = ", ".join(links)
        return answer

    def _asset(self, number: int, request: web.Request) -> Answer:
        found = self.fake.asset(number)
        if found is None:
            return not_found()
        if "octet-stream" in request.headers.get("Accept", ""):
            return Answer(302, kind="text/html;charset=utf-8", headers={"Location": self._link(number)})
        return say(200, self.fake.shapes.asset(*found))

    def _link(self, number: int) -> str:
        until = self.fake.now() + self.fake.link_lifetime
        found = self.fake.asset(number)
        name = found[2].name if found else ""
        return f"{self.fake.files_url}/{number}/{name}?se={until:.0f}&sig=secret"

    def _contents(self, repository: Repository, path: str, query: dict[str, str], request: web.Request) -> Answer:
        commit = repository.commit_of(query.get("ref", next(iter(repository.trees), "")))
        found = self.fake.shapes.contents(repository, commit, path) if commit in repository.trees else None
        if commit is None or found is None:
            return not_found()
        entry = repository.trees[commit].get(path)
        if isinstance(entry, Link):
            entry = repository.trees[commit].get(entry.target, entry)
        if isinstance(entry, bytes) and "raw" in request.headers.get("Accept", ""):
            return Answer(200, entry, kind="application/vnd.github.v3.raw; charset=utf-8")
        return say(200, found)

    def _site(self, segments: Sequence[str]) -> Answer:
        """``github.com/OWNER/NAME/releases/download/TAG/FILE``: no limits, no tokens."""
        if len(segments) < 6 or segments[2:4] != ["releases", "download"]:
            return not_found()
        name, tag, file = "/".join(segments[:2]), "/".join(segments[4:-1]), segments[-1]
        for repository in self.fake.repositories:
            for release in repository.releases if repository.full_name == name and not repository.private else ():
                for asset in release.assets:
                    if (release.tag, asset.name) == (tag, file):
                        return Answer(302, headers={"Location": self._link(asset.id)})
        return not_found()


def not_found() -> Answer:
    return refuse(404, "Not Found")


def _latest(repository: Repository) -> Release | None:
    shown = [each for each in repository.releases if not each.draft and not each.prerelease]
    chosen = [each for each in shown if each.id == repository.latest]
    newest = sorted(shown, key=lambda each: each.created_at, reverse=True)
    return next(iter(chosen + newest), None)
