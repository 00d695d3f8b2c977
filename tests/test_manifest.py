"""Good manifests: what is read from them, written to them, and published about them."""

import json
import re
import typing

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from dunebugger_updater.manifest import Artifact, Complaints, Facts, Manifest, generate, json_schema, read, to_yaml
from dunebugger_updater.manifest import words as vocabulary
from dunebugger_updater.manifest.reading import advice
from dunebugger_updater.manifest.writing import schema_text
from dunebugger_updater.model.codec import to_builtins, to_json
from manifest_samples import CONTAINER, EXAMPLES, GOOD, PYTHON_APP

CHECKS = {
    "disk_space": {"minimum_mb"},
    "backup_exists": {"max_age_hours"},
    "service_running": {"service_name"},
    "container_running": {"container_name"},
    "health_endpoint": {"url", "timeout_seconds", "expected_status"},
    "service_active": {"service_name", "timeout_seconds"},
    "version_check": {"expected_version"},
}
STEPS = {
    "backup_compose": set[str](),
    "update_compose": {"service", "image_tag"},
    "pull_image": {"image"},
    "restart_service": {"service", "timeout_seconds"},
    "download_artifact": {"url", "checksum"},
    "backup_installation": {"source", "destination"},
    "stop_service": {"service_name"},
    "extract_artifact": {"archive", "destination"},
    "install_requirements": {"requirements_file"},
    "run_migrations": {"script", "optional"},
    "start_service": {"service_name"},
    "restore_compose": set[str](),
    "restore_backup": {"source", "destination"},
}


def good(content: bytes) -> Manifest:
    manifest = read(content)
    assert isinstance(manifest, Manifest), manifest
    return manifest


@pytest.mark.req("DB-036", "DB-037", "DB-038", "DB-096")
@pytest.mark.parametrize("kind", GOOD)
def test_every_example_is_a_manifest_of_its_type_with_nothing_left_to_advise(kind: str) -> None:
    manifest = good(GOOD[kind])
    assert manifest.component_type == kind
    assert advice(manifest, GOOD[kind]) == ()


@pytest.mark.req("DB-040", "DB-041", "DB-042", "DB-043")
def test_the_python_app_example_says_every_step_in_its_order() -> None:
    manifest = good(PYTHON_APP)
    assert [type(step).__name__ for step in manifest.update_steps] == [
        "DownloadArtifact",
        "StopService",
        "BackupInstallation",
        "ExtractArtifact",
        "InstallRequirements",
        "RunMigrations",
        "StartService",
    ]
    assert len(manifest.pre_update_checks) == 2
    assert len(manifest.post_update_checks) == 3
    assert len(manifest.rollback_steps) == 3


@pytest.mark.req("DB-044", "DB-045", "DB-046", "DB-047", "DB-059", "DB-060", "DB-061", "DB-062")
def test_every_check_of_the_requirements_is_a_word_with_its_fields() -> None:
    known = tagged(vocabulary.PreCheck) | tagged(vocabulary.PostCheck)
    assert known.keys() == CHECKS.keys()
    for word, fields in CHECKS.items():
        assert fields | {"description"} <= known[word]


@pytest.mark.req(
    "DB-048", "DB-049", "DB-050", "DB-051", "DB-052", "DB-053", "DB-054", "DB-055", "DB-056", "DB-057", "DB-058"
)
@pytest.mark.req("DB-063", "DB-064", "DB-065", "DB-066", "DB-122")
def test_every_action_of_the_requirements_is_a_word_with_its_fields() -> None:
    known = tagged(vocabulary.UpdateStep) | tagged(vocabulary.RollbackStep)
    assert known.keys() == STEPS.keys()
    for word, fields in STEPS.items():
        assert fields | {"description"} <= known[word]


def tagged(union: object) -> dict[str, set[str]]:
    return {
        str(one.__struct_config__.tag): {field.name for field in msgspec.structs.fields(one)}
        for one in typing.get_args(union)
    }


@pytest.mark.req("DB-085", "DB-122")
def test_no_word_takes_a_command_or_a_pattern() -> None:
    names = {name for fields in (CHECKS | STEPS).values() for name in fields}
    known = set.union(*(tagged(vocabulary.UpdateStep) | tagged(vocabulary.PreCheck)).values())
    assert not {"command", "cmd", "shell", "run", "args", "regex", "pattern", "env"} & (names | known)


@pytest.mark.req("DB-039")
def test_the_old_key_asks_for_the_same_as_requires_does() -> None:
    old = good(b'version: "1.4.0"\ncomponent_type: apt\nmin_remote_version: "1.0.0"\nmin_agent_version: "2.0"\n')
    new = good(b'version: "1.4.0"\ncomponent_type: apt\nrequires: {remote: ">=1.0.0", updater: ">=2.0"}\n')
    assert old.needs == new.needs == {"remote": ">=1.0.0", "updater": ">=2.0"}


def test_saying_the_same_in_the_old_and_the_new_way_is_fine() -> None:
    text = b'version: "1"\ncomponent_type: apt\nmin_remote_version: "1.0.0"\nrequires: {remote: ">= 1.0.0"}\n'
    assert good(text).needs == {"remote": ">= 1.0.0"}


@pytest.mark.parametrize("content", GOOD.values(), ids=GOOD)
def test_json_is_read_as_yaml_is(content: bytes) -> None:
    manifest = good(content)
    assert good(to_json(manifest)) == manifest
    assert good(json.dumps(to_builtins(manifest), indent=4).encode()) == manifest


@pytest.mark.parametrize(
    "changed",
    [
        lambda text: b"\xef\xbb\xbf" + text,
        lambda text: text.replace(b"\n", b"\r\n"),
        lambda text: b"---\n" + text + b"...\n",
        lambda text: text + b"\n\n# the end",
    ],
    ids=["byte order mark", "windows lines", "document marks", "comments"],
)
def test_what_editors_do_to_a_file_changes_nothing(changed: typing.Callable[[bytes], bytes]) -> None:
    manifest = good(CONTAINER)
    assert good(changed(CONTAINER)) == manifest


def test_text_between_quotes_is_never_a_number_or_a_switch() -> None:
    text = b'version: "1.10"\ncomponent_type: apt\ndescription: "on"\nrequires: {"off": ">=1e5"}\n'
    manifest = good(text)
    assert (manifest.version, manifest.description, manifest.requires) == ("1.10", "on", {"off": ">=1e5"})


@pytest.mark.req("DB-044")
def test_a_step_without_a_description_is_taken_and_advised_about() -> None:
    text = b'version: "1"\ncomponent_type: python_app\nupdate_steps:\n  - action: start_service\n    service_name: x\n'
    (hint,) = advice(good(text), text)
    assert (hint.line, hint.field) == (4, "update_steps[0]")


def test_signing_fields_are_taken_and_typed() -> None:
    text = (
        b'version: "1"\ncomponent_type: apt\nschema: 1\nrepo: a/b\nrepo_id: 5\nchannel: stable\nsequence: 12\n'
        b"issued: 2026-11-20T08:00:00Z\nexpires: 2027-11-20T08:00:00Z\nmin_sequence: 3\n"
    )
    manifest = good(text)
    assert manifest.sequence == 12
    assert manifest.expires is not None
    assert manifest.expires.year == 2027


@pytest.mark.req("DB-096")
def test_the_published_schema_is_what_the_types_say() -> None:
    published = (EXAMPLES / "update-manifest.schema.json").read_text(encoding="utf-8")
    assert published == schema_text()
    assert json.loads(published) == json.loads(json.dumps(json_schema()))


def test_patterns_in_the_schema_are_plain_enough_for_other_languages() -> None:
    patterns = re.findall(r'"pattern": (".*")', schema_text())
    assert len(patterns) > 15
    for pattern in patterns:
        text = json.loads(pattern)
        assert "(?P" not in text
        assert "\\Z" not in text
        assert re.compile(text)


@pytest.mark.req("DB-094", "DB-095")
def test_a_generated_manifest_carries_size_and_checksum_of_the_artifact() -> None:
    artifact = Artifact("core-1.4.0.tar.gz", 5, "ab" * 32)
    manifest = generate(Facts(version="1.4.0", component_type="python_app", artifacts=(artifact,), service="core"))
    assert manifest.artifacts == (artifact,)
    assert read(to_yaml(manifest).encode()) == manifest


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        (Facts(version="one", component_type="apt"), "version"),
        (Facts(version="1", component_type="windows"), "component_type"),
        (Facts(version="1", component_type="container", service="a b", image="x:1"), "service"),
        (Facts(version="1", component_type="apt", packages={"x-": "1"}), "packages"),
        (Facts(version="1", component_type="apt", minimum_mb=0), "minimum_mb"),
        (Facts(version="1", component_type="apt", image="x:1", digest="sha256:" + "0" * 64), "images"),
        (Facts(version="1", component_type="container", image="x//y:1"), r"update_steps\[1\].image"),
        (Facts(version="1", component_type="python_app", health_url="http://127.1/"), "post_update_checks"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_generating_from_a_wrong_fact_names_the_field(facts: Facts, field: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=field):
        generate(facts)


VERSIONS = st.from_regex(r"v?[0-9]{1,3}\.[0-9]{1,3}(\.[0-9]{1,3})?(-(rc|beta)\.[0-9])?", fullmatch=True)
LINES = st.text(st.characters(min_codepoint=32, max_codepoint=0x24F, exclude_categories=["Cc", "Cf"]), max_size=40)
NAMES = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True)
FACTS = st.builds(
    Facts,
    version=VERSIONS,
    component_type=st.sampled_from(["container", "python_app", "apt"]),
    component=st.none() | NAMES | st.sampled_from(["on", "null", "yes"]),
    description=LINES,
    service=st.none() | NAMES,
    container=st.none() | NAMES,
    image=st.builds(
        "ghcr.io/owner/{}:{}".format, st.sampled_from(["a", "b-c"]), st.sampled_from(["1.10", "1e5", "0x1"])
    ),
    digest=st.none() | st.just("sha256:" + "0" * 64),
    artifacts=st.lists(
        st.builds(Artifact, st.just("a-1.tar.gz"), st.integers(1, 2**40), st.just("0" * 64)), max_size=1
    ).map(tuple),
    requires=st.dictionaries(NAMES | st.sampled_from(["on", "y"]), st.sampled_from([">=1.10", "<2, >=1"]), max_size=3),
    health_url=st.none() | st.just("http://127.0.0.1:5000/health"),
    migrations=st.none() | st.sampled_from(["migrate.py", "a/b.py"]),
    minimum_mb=st.integers(1, 2**20),
    breaking=st.booleans(),
)


@settings(max_examples=150, deadline=None)
@given(FACTS, st.none() | st.text(max_size=60))
def test_what_is_written_is_read_back_the_same(facts: Facts, notes: str | None) -> None:
    unfit: dict[str, dict[str, typing.Any]] = {
        "container": {"artifacts": ()},
        "python_app": {"image": None},
        "apt": {"artifacts": (), "image": None},
    }
    manifest = generate(msgspec.structs.replace(facts, **unfit[facts.component_type]))
    clean = None if notes is None else re.sub(r"[^\n\t\x20-\x7e\u00a1-\u1fff]", "?", notes)
    manifest = msgspec.structs.replace(manifest, notes=clean)
    written = to_yaml(manifest)
    assert read(written.encode()) == manifest
    assert to_yaml(manifest) == written


@pytest.mark.parametrize("content", GOOD.values(), ids=GOOD)
def test_other_readers_of_yaml_see_the_same_in_what_is_written(content: bytes) -> None:
    manifest = good(content)
    assert yaml.safe_load(to_yaml(manifest)) == json.loads(to_json(manifest))


def test_the_reading_needs_no_compiled_yaml(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = {name: read(content) for name, content in GOOD.items()}
    bad = PYTHON_APP.replace(b"disk_space", b"disc_space")
    complaints = read(bad)
    monkeypatch.delattr(yaml, "CSafeLoader")
    assert {name: read(content) for name, content in GOOD.items()} == fast
    assert read(bad) == complaints


def test_the_readme_shows_a_complaint_that_really_comes() -> None:
    shown = re.search(
        r"line (\d+), column (\d+), (\S+): (cannot use 'disc.*)", (EXAMPLES / "README.md").read_text("utf-8")
    )
    assert shown is not None
    complaints = read(PYTHON_APP.replace(b"disk_space", b"disc_space"))
    assert isinstance(complaints, Complaints)
    (only,) = complaints.found
    assert (str(only.line), str(only.column), only.field, only.message) == shown.groups()


def test_every_example_type_is_in_the_readme() -> None:
    text = (EXAMPLES / "README.md").read_text("utf-8")
    for word in (*CHECKS, *STEPS):
        assert f"`{word}`" in text
    for example in EXAMPLES.iterdir():
        assert example.name in text or example.name == "README.md"


def test_the_release_workflow_publishes_last() -> None:
    workflow = yaml.safe_load((EXAMPLES / "release.yml").read_text("utf-8"))
    steps = [step.get("run", "") for step in workflow["jobs"]["release"]["steps"]]
    last = steps[-1]
    assert last.index("--draft --verify-tag") < last.index("release upload") < last.index("--draft=false")
    assert any("manifest generate" in step and "manifest validate" in step for step in steps)
