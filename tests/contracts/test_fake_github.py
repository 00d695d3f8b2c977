"""The fake GitHub answers as the real one was recorded: status, the headers that we live by, keys and types of JSON."""

import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from doubles.github import COMMIT, Asset, FakeGitHub, Link
from doubles.github_shapes import EPOCH

CAPTURES = Path(__file__).parent.parent / "captures" / "github"

HEADERS = {
    "server", "date", "content-type", "cache-control", "vary", "etag", "location", "x-github-media-type",
    "x-github-api-version-selected", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset",
    "x-ratelimit-used", "x-ratelimit-resource", "access-control-expose-headers", "access-control-allow-origin",
    "strict-transport-security", "x-frame-options", "x-content-type-options", "x-xss-protection", "referrer-policy",
    "content-security-policy", "x-github-request-id",
}  # fmt: skip

SINCE = {"digest", "immutable", "updated_at"}
"""Keys that GitHub added in 2025, after these recordings."""

SIGNED_IN = {
    "permissions", "organization", "temp_clone_token", "allow_squash_merge", "allow_merge_commit", "allow_rebase_merge",
    "allow_auto_merge", "delete_branch_on_merge", "allow_update_branch", "use_squash_pr_title_as_default",
}  # fmt: skip
"""Keys that only those see who may administer the repository, as the recording's user could; and the organization's."""

NULLABLE = {"name", "body", "label", "published_at", "tarball_url", "zipball_url", "author", "description"}

RAW = {"Accept": "application/vnd.github.raw+json"}


def world(fake: FakeGitHub) -> None:
    """The repositories of the recordings, as far as they matter."""
    fake.tokens["good"] = set()
    fake.repository("kamontat/Java8Example")
    number = fake.repository("kamontat/CheckIDNumber")
    fake.release(number, "v3.0", {"CheckIDNumber.jar": b"jar"}).notes = "text"
    fake.repository("hub4j-test-org/github-api")
    hub = fake.repository("github/hub")
    fake.release(hub, "v2.3.0-pre10", {"hub.tgz": b"tgz"}, prerelease=True).name = "hub"
    renamed = fake.repository("octokit-fixture-org/before", id=515436299)
    fake.rename(renamed, "octokit-fixture-org/after")
    latest = fake.repository("hub4j-test-org/temp-testMakeLatestRelease")
    fake.release(latest, "tag1")
    fake.release(latest, "tag2")
    files = fake.repository("octokit-fixture-org/hello-world")
    files.trees[COMMIT] = {
        "README.md": b"# hello-world",
        "link-to-file": Link("README.md"),
        "link-to-folder": Link("folder"),
        "folder/a": b"a",
    }
    files.tags["x"] = COMMIT
    asset = Asset(71989167, "test-upload.txt", b"test", digest="absent")
    fake.release(files, "v1").assets.append(asset)
    files.releases[0].id = 72286832


@pytest.fixture
async def fake() -> AsyncIterator[FakeGitHub]:
    async with FakeGitHub().running() as running:
        world(running)
        yield running


FILES = "/repos/octokit-fixture-org/hello-world"
LATEST = "/repos/hub4j-test-org/temp-testMakeLatestRelease/releases/latest"


def choose(tag: str) -> Callable[[FakeGitHub], None]:
    def chosen(fake: FakeGitHub) -> None:
        repository = next(each for each in fake.repositories if each.full_name.endswith("temp-testMakeLatestRelease"))
        repository.latest = next(each.id for each in repository.releases if each.tag == tag)

    return chosen


def nothing(fake: FakeGitHub) -> None:
    """The world is as it should be already."""


@pytest.mark.req("DB-075")
@pytest.mark.req("DB-108")
@pytest.mark.parametrize(
    ("capture", "path", "headers", "prepare"),
    [
        ("06-rel-latest-404-none", None, {}, nothing),
        ("07-rel-latest-200-2019", None, {}, nothing),
        ("08-rel-tag-404", None, {}, nothing),
        ("09-rel-tag-200-prerelease", None, {}, nothing),
        ("13-rel-makelatest-2-latest", LATEST, {}, choose("tag1")),
        ("17-rel-makelatest-6-latest", LATEST, {}, choose("tag2")),
        ("20-asset-list-200", f"{FILES}/releases/72286832/assets", {}, nothing),
        ("21-repo-301-renamed", "/repos/octokit-fixture-org/before", {}, nothing),
        ("22-repo-200-by-id", None, {}, nothing),
        ("23-repo-307-renamed-patch", "/repos/octokit-fixture-org/before", {}, nothing),
        ("25-contents-raw-200", None, RAW, nothing),
        ("26-contents-dir-200", f"{FILES}/contents/folder", {}, nothing),
        ("28-contents-symlink-to-file-200", f"{FILES}/contents/link-to-file", {}, nothing),
        ("29-contents-symlink-to-dir-200", f"{FILES}/contents/link-to-folder", {}, nothing),
        ("30-contents-404", f"{FILES}/contents/not%20%23there.txt", {}, nothing),
        ("32-tarball-302-codeload", f"{FILES}/tarball/main", {}, nothing),
        ("37-auth-401-bad-credentials", None, {"Authorization": "Bearer bad"}, nothing),
    ],
)
async def test_the_fake_answers_as_the_real_one_was_recorded(
    fake: FakeGitHub, capture: str, path: str | None, headers: dict[str, str], prepare: Callable[[FakeGitHub], None]
) -> None:
    recorded = json.loads((CAPTURES / f"{capture}.json").read_text())
    prepare(fake)
    known = {"Authorization": "Bearer good"} | headers
    async with (
        aiohttp.ClientSession(headers=known, auto_decompress=False) as session,
        session.request(
            recorded["request"]["method"], fake.api_url + (path or recorded["request"]["path"]), allow_redirects=False
        ) as response,
    ):
        body = await response.read()
        real = recorded["response"]
        assert response.status == real["status"]
        named = {name.lower() for name, _ in real["headers"]} & HEADERS
        assert named - {name.lower() for name in response.headers} == set()
        kind = next(value for name, value in real["headers"] if name.lower() == "content-type")
        assert response.headers["Content-Type"] == kind
        if real["body_kind"] == "json":
            assert differences(real["body"], json.loads(body)) == []
        if tag := real["body"].get("tag_name") if isinstance(real["body"], dict) else None:
            assert json.loads(body)["tag_name"] == tag


@pytest.mark.req("DB-108")
async def test_the_fake_answers_304_without_a_body_as_recorded(fake: FakeGitHub) -> None:
    recorded = json.loads((CAPTURES / "38-cond-304-etag.json").read_text())["response"]
    url = f"{fake.api_url}/repos/github/hub/releases"
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as first:
            etag = first.headers["ETag"]
        async with session.get(url, headers={"If-None-Match": etag}) as second:
            assert (second.status, await second.read()) == (recorded["status"], b"")
            named = {name.lower() for name, _ in recorded["headers"]} & HEADERS
            assert named - {name.lower() for name in second.headers} == set()
            assert second.headers["ETag"] == etag


async def test_the_fake_prefers_the_newest_commit_when_nobody_chose_the_latest(fake: FakeGitHub) -> None:
    repository = fake.repository("o/n")
    for number, tag in enumerate(("v2.0.0", "v1.9.5")):
        fake.release(repository, tag).created_at = EPOCH + timedelta(days=number)
    async with aiohttp.ClientSession() as session, session.get(f"{fake.api_url}/repos/o/n/releases/latest") as response:
        assert (await response.json())["tag_name"] == "v1.9.5"


def differences(real: Any, ours: Any, at: str = "$") -> list[str]:
    """Where the shape of ``ours`` is not that of ``real``."""
    if isinstance(real, dict) and isinstance(ours, dict):
        found = [f"{at}.{key} is missing" for key in sorted(real.keys() - ours.keys() - SIGNED_IN)]
        found += [f"{at}.{key} is not in the recording" for key in sorted(ours.keys() - real.keys() - SINCE)]
        for key in sorted(real.keys() & ours.keys()):
            if not (key in NULLABLE and None in (real[key], ours[key])):
                found += differences(real[key], ours[key], f"{at}.{key}")
        return found
    if isinstance(real, list) and isinstance(ours, list):
        return differences(real[0], ours[0], f"{at}[]") if real and ours else []
    return [] if type(real) is type(ours) else [f"{at} is {type(ours).__name__}, recorded {type(real).__name__}"]
