"""The JSON of the fake GitHub, key for key as recorded (``tests/captures/github``), from what the fake knows."""

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

EPOCH = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

RELEASE_URLS = ("", "/assets")
REPOSITORY_URLS = {
    "forks": "/forks", "keys": "/keys{/key_id}", "collaborators": "/collaborators{/collaborator}", "teams": "/teams",
    "hooks": "/hooks", "issue_events": "/issues/events{/number}", "events": "/events", "assignees": "/assignees{/user}",
    "branches": "/branches{/branch}", "tags": "/tags", "blobs": "/git/blobs{/sha}", "git_tags": "/git/tags{/sha}",
    "git_refs": "/git/refs{/sha}", "trees": "/git/trees{/sha}", "statuses": "/statuses/{sha}",
    "languages": "/languages", "stargazers": "/stargazers", "contributors": "/contributors",
    "subscribers": "/subscribers", "subscription": "/subscription", "commits": "/commits{/sha}",
    "git_commits": "/git/commits{/sha}", "comments": "/comments{/number}",
    "issue_comment": "/issues/comments{/number}", "contents": "/contents/{+path}",
    "compare": "/compare/{base}...{head}", "merges": "/merges", "archive": "/{archive_format}{/ref}",
    "downloads": "/downloads", "issues": "/issues{/number}", "pulls": "/pulls{/number}",
    "milestones": "/milestones{/number}", "notifications": "/notifications{?since,all,participating}",
    "labels": "/labels{/name}", "releases": "/releases{/id}", "deployments": "/deployments",
}  # fmt: skip
USER_URLS = {
    "followers": "/followers", "following": "/following{/other_user}", "gists": "/gists{/gist_id}",
    "starred": "/starred{/owner}{/repo}", "subscriptions": "/subscriptions", "organizations": "/orgs",
    "repos": "/repos", "events": "/events{/privacy}", "received_events": "/received_events",
}  # fmt: skip


@dataclass
class Link:
    """A symbolic link in a repository."""

    target: str


@dataclass
class Submodule:
    """Another repository inside a repository."""


Entry = bytes | Link | Submodule


@dataclass
class Asset:
    id: int
    name: str
    content: bytes
    state: str = "uploaded"
    """``uploaded``, ``open`` while it is being uploaded, ``starter`` when that failed."""
    digest: str = "right"
    """``right``, ``wrong``, ``null`` (published before June 2025) or ``absent`` (answered before then)."""
    etag: str = ""

    def __post_init__(self) -> None:
        self.etag = self.etag or f'"0x{hashlib.sha256(self.content).hexdigest()[:15].upper()}"'


@dataclass
class Release:
    id: int
    tag: str
    prerelease: bool = False
    draft: bool = False
    notes: str | None = None
    name: str | None = None
    created_at: datetime = EPOCH
    published_at: datetime | None = EPOCH
    immutable: bool = False
    assets: list[Asset] = field(default_factory=list)


@dataclass
class Repository:
    id: int
    full_name: str
    private: bool = False
    releases: list[Release] = field(default_factory=list)
    latest: int | None = None
    """The release that ``make_latest`` chose; without it the newest commit date decides."""
    tags: dict[str, str] = field(default_factory=dict)
    """Tag to commit."""
    annotated: dict[str, str] = field(default_factory=dict)
    """Tag to tag object: GitHub then answers the object, and the commit only on a second request."""
    trees: dict[str, dict[str, Entry]] = field(default_factory=dict)
    """Commit to files."""

    def commit_of(self, ref: str) -> str | None:
        if ref in self.trees:
            return ref
        return self.tags.get(ref.removeprefix("refs/tags/"))


class Shapes:
    """``api`` and ``site`` are the addresses that the answers name."""

    def __init__(self, api: str, site: str) -> None:
        self.api = api
        self.site = site

    def at(self, repository: Repository) -> str:
        return f"{self.api}/repos/{repository.full_name}"

    def user(self, login: str) -> dict[str, Any]:
        url = f"{self.api}/users/{login}"
        return {
            "login": login, "id": 1, "node_id": "MDQ6VXNlcjE=", "avatar_url": f"{self.site}/{login}.png",
            "gravatar_id": "", "url": url, "html_url": f"{self.site}/{login}", "type": "User", "site_admin": False,
        } | {f"{name}_url": url + rest for name, rest in USER_URLS.items()}  # fmt: skip

    def repository(self, repository: Repository) -> dict[str, Any]:
        owner, name = repository.full_name.split("/")
        html = f"{self.site}/{repository.full_name}"
        return {
            "id": repository.id, "node_id": f"R_{repository.id}", "name": name, "full_name": repository.full_name,
            "private": repository.private, "owner": self.user(owner), "html_url": html, "description": None,
            "fork": False, "url": self.at(repository), "created_at": stamp(EPOCH), "updated_at": stamp(EPOCH),
            "pushed_at": stamp(EPOCH), "git_url": f"git:{html}.git", "ssh_url": f"ssh:{html}.git", "svn_url": html,
            "clone_url": f"{html}.git", "homepage": None, "size": 0, "stargazers_count": 0, "watchers_count": 0,
            "language": None, "has_issues": True, "has_projects": True, "has_downloads": True, "has_wiki": True,
            "has_pages": False, "forks_count": 0, "mirror_url": None, "archived": False, "disabled": False,
            "open_issues_count": 0, "license": None, "allow_forking": True, "is_template": False,
            "web_commit_signoff_required": False, "topics": [], "visibility": "public", "forks": 0, "open_issues": 0,
            "watchers": 0, "default_branch": "main", "network_count": 0, "subscribers_count": 0,
        } | {f"{name}_url": self.at(repository) + rest for name, rest in REPOSITORY_URLS.items()}  # fmt: skip

    def release(self, repository: Repository, release: Release) -> dict[str, Any]:
        url = f"{self.at(repository)}/releases/{release.id}"
        archive = None if release.draft else f"{self.at(repository)}/{{}}/{release.tag}"
        return {
            "url": url, "assets_url": f"{url}/assets", "upload_url": f"{url}/assets{{?name,label}}",
            "html_url": f"{self.site}/{repository.full_name}/releases/tag/{release.tag}", "id": release.id,
            "author": self.user(repository.full_name.split("/")[0]), "node_id": f"RE_{release.id}",
            "tag_name": release.tag, "target_commitish": "main", "name": release.name, "draft": release.draft,
            "immutable": release.immutable, "prerelease": release.prerelease, "created_at": stamp(release.created_at),
            "updated_at": stamp(release.created_at),
            "published_at": stamp(release.published_at) if release.published_at and not release.draft else None,
            "assets": [self.asset(repository, release, asset) for asset in release.assets],
            "tarball_url": archive and archive.format("tarball"), "zipball_url": archive and archive.format("zipball"),
            "body": release.notes,
        }  # fmt: skip

    def asset(self, repository: Repository, release: Release, asset: Asset) -> dict[str, Any]:
        url = f"{self.at(repository)}/releases/assets/{asset.id}"
        download = f"{self.site}/{repository.full_name}/releases/download/{release.tag}/{asset.name}"
        digests = {"right": hashlib.sha256(asset.content).hexdigest(), "wrong": "0" * 64}
        shape: dict[str, Any] = {
            "url": url, "id": asset.id, "node_id": f"RA_{asset.id}", "name": asset.name, "label": "",
            "uploader": self.user(repository.full_name.split("/")[0]), "content_type": "application/octet-stream",
            "state": asset.state, "size": len(asset.content) if asset.state == "uploaded" else 0,
            "digest": f"sha256:{digests[asset.digest]}" if asset.digest in digests else None, "download_count": 0,
            "created_at": stamp(EPOCH), "updated_at": stamp(EPOCH), "browser_download_url": download,
        }  # fmt: skip
        if asset.digest == "absent":
            del shape["digest"]
        return shape

    def tag(self, repository: Repository, tag: str, commit: str) -> dict[str, Any]:
        at = self.at(repository)
        return {
            "name": tag, "zipball_url": f"{at}/zipball/refs/tags/{tag}", "node_id": f"REF_{tag}",
            "tarball_url": f"{at}/tarball/refs/tags/{tag}", "commit": {"sha": commit, "url": f"{at}/commits/{commit}"},
        }  # fmt: skip

    def ref(self, repository: Repository, tag: str) -> dict[str, Any]:
        annotated = repository.annotated.get(tag)
        kind, sha = ("tag", annotated) if annotated else ("commit", repository.tags[tag])
        at = f"{self.at(repository)}/git"
        return {
            "ref": f"refs/tags/{tag}", "node_id": f"REF_{tag}", "url": f"{at}/refs/tags/{tag}",
            "object": {"sha": sha, "type": kind, "url": f"{at}/{kind}s/{sha}"},
        }  # fmt: skip

    def tag_object(self, repository: Repository, tag: str) -> dict[str, Any]:
        sha, commit = repository.annotated[tag], repository.tags[tag]
        at = f"{self.at(repository)}/git"
        return {
            "node_id": f"TA_{sha}", "sha": sha, "url": f"{at}/tags/{sha}", "tag": tag, "message": tag,
            "object": {"sha": commit, "type": "commit", "url": f"{at}/commits/{commit}"},
        }  # fmt: skip

    def contents(self, repository: Repository, commit: str, path: str) -> Any:
        """A file or link as an object, a folder as a list, ``None`` when nothing is there."""
        tree = repository.trees[commit]
        if path in tree:
            return self._entry(repository, commit, path, whole=True)
        below = sorted(name for name in tree if not path or name.startswith(f"{path}/"))
        return [self._entry(repository, commit, name, whole=False) for name in below] or None

    def _entry(self, repository: Repository, commit: str, path: str, *, whole: bool) -> dict[str, Any]:
        tree = repository.trees[commit]
        entry = tree[path]
        more: dict[str, Any] = {}
        followed = tree.get(entry.target) if isinstance(entry, Link) and whole else entry
        if isinstance(followed, bytes):
            kind, size = "file", len(followed)
            if whole:
                more = {"content": base64.encodebytes(followed).decode(), "encoding": "base64"}
        elif isinstance(entry, Link):
            kind, size, more = "symlink", len(entry.target), {"target": entry.target}
        else:
            kind, size = ("submodule", 0) if whole else ("file", 0)
        at = self.at(repository)
        sha = hashlib.sha1(repr(entry).encode(), usedforsecurity=False).hexdigest()
        links = {
            "self": f"{at}/contents/{path}?ref={commit}",
            "git": f"{at}/git/blobs/{sha}",
            "html": f"{self.site}/{repository.full_name}/blob/{commit}/{path}",
        }
        return {
            "name": path.rpartition("/")[2], "path": path, "sha": sha, "size": size, "url": links["self"],
            "html_url": links["html"], "git_url": links["git"], "download_url": f"{self.site}/raw/{path}",
            "type": kind, "_links": links,
        } | more  # fmt: skip


def stamp(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
