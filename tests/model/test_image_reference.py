"""What an image's name tells, and what it does not."""

import pytest

from dunebugger_updater.model.image_reference import (
    ImageName,
    image_name,
    registry_of,
    same_repository,
    version_of,
)

DIGEST = "sha256:" + "0f" * 32


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("nats", ImageName("nats")),
        ("nats:2.9", ImageName("nats", "2.9")),
        ("127.0.0.1:5000/tb/app", ImageName("127.0.0.1:5000/tb/app")),
        ("127.0.0.1:5000/tb/app:1.0", ImageName("127.0.0.1:5000/tb/app", "1.0")),
        ("[::1]:5000/app:1", ImageName("[::1]:5000/app", "1")),
        (f"ghcr.io/a/b@{DIGEST}", ImageName("ghcr.io/a/b", None, DIGEST)),
        (f"ghcr.io/a/b:1@{DIGEST}", ImageName("ghcr.io/a/b", "1", DIGEST)),
        ("a__b/c--d/e.f:X_y", ImageName("a__b/c--d/e.f", "X_y")),
    ],
)
def test_a_name_comes_apart(reference: str, parts: ImageName) -> None:
    assert image_name(reference) == parts


@pytest.mark.parametrize(
    "text", ["", "App", "a:", "a:b:c", "a/", "a b", "a:-x", "a@sha256:12", "a\n", "é", "a//b", DIGEST]
)
def test_what_no_engine_takes_is_no_name(text: str) -> None:
    assert image_name(text) is None


def test_spellings_of_one_repository_are_one() -> None:
    assert same_repository("nats", "docker.io/library/nats")
    assert same_repository("index.docker.io/a/b", "a/b")
    assert same_repository("localhost/a", "localhost/a")
    assert not same_repository("ghcr.io/a/b", "a/b")
    assert not same_repository("a/b", "a/c")


def test_the_registry_is_the_first_part_when_it_is_a_host() -> None:
    names = ("nats", "a/b", "index.docker.io/a/b", "ghcr.io/a/b", "localhost/a", "pi:5000/a")
    assert [registry_of(name) for name in names] == [*["docker.io"] * 3, "ghcr.io", "localhost", "pi:5000"]


@pytest.mark.parametrize(
    ("reference", "label", "version"),
    [
        ("a:latest", "1.2.3", "1.2.3"),
        ("a:1.2.3", None, "1.2.3"),
        ("a:v1.2.3", None, "v1.2.3"),
        ("a:1.0.0-beta.15", "main", "1.0.0-beta.15"),
        ("a:2", None, "2"),
        ("a:20260101", None, "20260101"),
        ("a:latest", None, None),
        ("a:latest", "latest", None),
        ("a:main", "main", None),
        ("a:edge", None, None),
        ("a:pr-12", "pr-12", None),
        ("a:sha-12abc", None, None),
        ("a:12ab34c", "12ab34cdef0012ab34cdef0012ab34cdef001234", None),
        ("a", None, None),
        (f"a@{DIGEST}", None, None),
        (f"a:1.2@{DIGEST}", None, "1.2"),
        (DIGEST, None, None),
        ("a:latest", "1.0\nx", None),
    ],
)
def test_the_version_is_the_label_else_the_tag_and_never_a_name_that_moves(
    reference: str, label: str | None, version: str | None
) -> None:
    assert version_of(reference, label) == version
