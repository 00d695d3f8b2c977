"""Bad manifests, made by hand: what each is told, on which line and about which field."""

import time

import pytest

from dunebugger_updater.manifest import Complaint, Complaints, read
from dunebugger_updater.manifest.complaint import MOST
from manifest_bad_table import BOX, HEAD, HUGE, TABLE, ZEROS
from manifest_samples import CONTAINER, PYTHON_APP


def complaints_of(content: str | bytes) -> tuple[Complaint, ...]:
    answer = read(content.encode() if isinstance(content, str) else content)
    assert isinstance(answer, Complaints), answer
    return answer.found


def test_the_table_is_long_enough_to_mean_something() -> None:
    assert len(TABLE) >= 250
    assert len({content for content, *_ in TABLE}) >= 240


@pytest.mark.req("DB-096", "DB-120")
@pytest.mark.parametrize(("content", "line", "field", "words"), TABLE, ids=range(len(TABLE)))
def test_a_bad_manifest_is_told_its_line_and_field(content: str | bytes, line: int, field: str, words: str) -> None:
    found = complaints_of(content)
    told = [(one.line, one.field) for one in found if words in one.message]
    assert (line, field) in told, [one.sentence for one in found]


@pytest.mark.parametrize(("content", "line", "field", "words"), TABLE, ids=range(len(TABLE)))
def test_a_complaint_is_one_printable_line_in_lower_case(content: str, line: int, field: str, words: str) -> None:
    for one in complaints_of(content):
        assert one.message.startswith("cannot ")
        assert one.sentence.isprintable()
        assert len(one.sentence) < 500
        assert one.line >= 1
        assert one.column >= 1


@pytest.mark.parametrize(
    ("body", "line", "field"),
    [
        (
            f"images:\n  - {{ref: 'x:1', digest: 'sha256:{ZEROS}'}}\n  - {{ref: 'x:1', digest: 'sha256:{ZEROS}'}}",
            5,
            "images[1].ref",
        ),
        (
            "update_steps:\n  - {action: pull_image, image: 'x:1'}\n  - {action: pull_image, image: 'x:1'}",
            5,
            "update_steps[1].action",
        ),
        (
            (
                "update_steps:\n  - {action: update_compose, service: a, image_tag: '1'}\n"
                "  - {action: pull_image, image: 'x:2'}"
            ),
            5,
            "update_steps[1].image",
        ),
        ("update_steps:\n  - {action: run_migrations, script: a.py}", 4, "update_steps[0].action"),
        (f"artifacts:\n  - {{name: a, size: 1, sha256: '{ZEROS}'}}", 4, "artifacts"),
    ],
)
def test_parts_of_a_container_manifest_may_not_contradict(body: str, line: int, field: str) -> None:
    assert (line, field) in [(one.line, one.field) for one in complaints_of(BOX + body + "\n")]


@pytest.mark.parametrize(
    ("old", "new", "line", "field"),
    [
        (b"v1.4.0/dunebugger-1.4.0", b"v1.4.0/other-1.4.0", 32, "update_steps[0].url"),
        (b'checksum: "sha256:0f', b'checksum: "sha256:ff', 33, "update_steps[0].checksum"),
        (b"archive: dunebugger", b"archive: other", 44, "update_steps[3].archive"),
    ],
)  # fmt: skip
def test_the_artifact_is_the_same_wherever_it_is_named(old: bytes, new: bytes, line: int, field: str) -> None:
    assert old in PYTHON_APP
    assert (line, field) in [(one.line, one.field) for one in complaints_of(PYTHON_APP.replace(old, new))]


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    content = CONTAINER.replace(b"minimum_mb: 1000", b"minimum_gb: 1").replace(b"pull_image", b"pul_image")
    content = content.replace(b"timeout_seconds: 30", b"timeout_seconds: soon").replace(
        b'version: "1.4.0"', b"version: 1.4"
    )
    found = complaints_of(content)
    assert [one.field for one in found] == [
        "version",
        "pre_update_checks[0].minimum_mb",
        "pre_update_checks[0].minimum_gb",
        "update_steps[2].action",
        "post_update_checks[1].timeout_seconds",
    ]
    assert [one.line for one in found] == sorted(one.line for one in found)


def test_no_more_than_twenty_complaints_are_made() -> None:
    assert len(complaints_of(HEAD + "".join(f"field{n}: x\n" for n in range(900)))) == MOST


def test_columns_count_characters() -> None:
    (one,) = complaints_of(BOX + "requires: {remote: 'à bientôt', core: '>=1', Ü: '>=1'}\n")[1:]
    assert (one.line, one.column) == (3, 46)


@pytest.mark.req("DB-096", "DB-120")
@pytest.mark.parametrize("content", HUGE.values(), ids=HUGE)
def test_no_manifest_keeps_the_reader_for_a_second(content: bytes) -> None:
    began = time.process_time()
    assert complaints_of(content)
    assert time.process_time() - began < 1.0
