"""Manifests are guests: what lies outside the owner's configuration has the whole manifest refused."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from dunebugger_updater.manifest import Bounds, Complaints, Guidance, Manifest, Origin, admit, guidance, origin_of, read
from dunebugger_updater.manifest.bounds import inside, ours
from dunebugger_updater.manifest.words import DiskSpace, DownloadArtifact, HealthEndpoint, ServiceActive, ServiceRunning
from manifest_samples import APT, ARTIFACT, BOUNDS, CONTAINER, ELSEWHERE, GITHUB, GOOD, HEALTH, PYTHON_APP, SHA256

CORE, SCHEDULER, SYSTEM = BOUNDS["python_app"], BOUNDS["container"], BOUNDS["apt"]


def admitted(content: bytes, bounds: Bounds) -> Guidance:
    answer = guidance(content, bounds)
    assert isinstance(answer, Guidance), answer
    return answer


def refused(content: bytes, bounds: Bounds) -> Sequence[tuple[int, str]]:
    answer = guidance(content, bounds)
    assert isinstance(answer, Complaints), answer
    return [(one.line, one.field) for one in answer.found]


@pytest.mark.req("DB-067", "DB-091", "DB-092")
def test_a_python_apps_facts_are_what_its_manifest_says_in_the_owners_spelling() -> None:
    facts = admitted(PYTHON_APP, CORE)
    assert facts.version == "1.4.0"
    assert facts.artifact is not None
    assert (facts.artifact.name, facts.artifact.size, facts.artifact.sha256) == (ARTIFACT, 1843201, SHA256)
    assert facts.requirements_file == "requirements.txt"
    assert facts.migrations is not None
    assert (facts.migrations.script, facts.migrations.optional) == ("migrations/migrate.py", True)
    assert (facts.start_limit, facts.stop_limit) == (60, 30)
    assert facts.needs == {"remote": ">=1.0.0", "updater": ">=0.1"}
    assert [type(check) for check in facts.pre_checks] == [DiskSpace, ServiceRunning]
    named = [check.service_name for check in facts.post_checks if isinstance(check, ServiceActive)]
    assert named == ["dunebugger.service"]


def test_a_containers_facts_are_its_tag_and_digest() -> None:
    facts = admitted(CONTAINER, SCHEDULER)
    assert facts.image_tag == "1.4.0"
    assert facts.image_digest == "sha256:5f2d1c0b9a8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c5b4a392817060504"


def test_an_apt_manifests_facts_are_exact_versions() -> None:
    assert admitted(APT, SYSTEM).packages["libstdc++6"] == "12.2.0-14+deb12u1"


@pytest.mark.req("DB-067")
def test_steps_in_another_order_are_the_same_facts() -> None:
    manifest = read(PYTHON_APP)
    assert isinstance(manifest, Manifest)
    turned = msgspec.structs.replace(manifest, update_steps=manifest.update_steps[::-1], rollback_steps=())
    assert admit(turned, CORE) == admitted(PYTHON_APP, CORE)


OUTSIDE = [
    (b"component: core", b"component: remote", "component"),
    (b"component: core", b"repo: evil/dunebugger", "repo"),
    (b"service_name: dunebugger\n\nupdate", b"service_name: ssh\n\nupdate", "pre_update_checks[1].service_name"),
    (b"service_name: dunebugger\n    timeout_seconds: 30", b"service_name: ssh", "update_steps[1].service_name"),
    (b"service_name: dunebugger\n  - action: restore", b"service_name: docker\n  - action: restore",
     "rollback_steps[0].service_name"),
    (b"service_name: dunebugger\n    timeout_seconds: 60\n  - ty", b"service_name: dunebugger.socket\n  - ty",
     "post_update_checks[0].service_name"),
    (b"service_name: dunebugger\n    timeout_seconds: 60\n  - ty", b"service_name: Dunebugger\n  - ty",
     "post_update_checks[0].service_name"),
    (b"source: /opt/dunebugger/core ", b"source: /opt/dunebugger ", "update_steps[2].source"),
    (b"source: /opt/dunebugger/core ", b"source: /opt/dunebugger/core2 ", "update_steps[2].source"),
    (b"source: /opt/dunebugger/core ", b"source: /etc ", "update_steps[2].source"),
    (b"source: /opt/dunebugger/core ", b"source: / ", None),
    (b"/opt/dunebugger/backups/core.", b"/home/pi/core.", "update_steps[2].destination"),
    (b"destination: .\n", b"destination: /etc/cron.d\n", "update_steps[3].destination"),
    (b"archive: dunebugger-1.4.0.tar.gz", b"archive: other.tar.gz", None),
    (b"requirements_file: requirements.txt", b"requirements_file: /etc/passwd", "update_steps[4].requirements_file"),
    (b"script: migrations/migrate.py", b"script: /usr/bin/reboot", "update_steps[5].script"),
    (b"script: migrations/migrate.py", b"script: /opt/dunebugger/backups/x.py", "update_steps[5].script"),
    (b"script: migrations/migrate.py", b"script: .", "update_steps[5].script"),
    (b"destination: /opt/dunebugger/core\n", b"destination: /root\n", "rollback_steps[1].destination"),
    (b"https://github.com/marco", b"https://github.com.evil.example/marco", "update_steps[0].url"),
    (b"https://github.com/marco", b"http://github.com/marco", "update_steps[0].url"),
    (b"https://github.com/marco", b"https://github.com:8443/marco", "update_steps[0].url"),
    (b"https://github.com/marco", b"https://169.254.169.254/marco", "update_steps[0].url"),
    (b"size: 1843201", b"size: 1843202", "artifacts[0].size"),
    (b"http://127.0.0.1:5000/health", b"http://192.168.1.1/health", "post_update_checks[1].url"),
]  # fmt: skip


@pytest.mark.req("DB-085", "DB-122")
@pytest.mark.parametrize(("old", "new", "field"), OUTSIDE, ids=range(len(OUTSIDE)))
def test_one_thing_outside_refuses_the_whole_manifest_with_its_line(old: bytes, new: bytes, field: str | None) -> None:
    assert PYTHON_APP.count(old) >= 1
    changed = PYTHON_APP.replace(old, new, 1)
    told = refused(changed, CORE)
    line = PYTHON_APP[: PYTHON_APP.index(old)].count(b"\n") + 1
    if field is not None:
        assert field in [which for _, which in told]
        assert min(abs(at - line) for at, which in told if which == field) <= 1


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        (b"service: scheduler      #", b"service: nats-server #", "update_steps[1].service"),
        (b"    service: scheduler\n    timeout", b"    service: remote\n    timeout", "update_steps[3].service"),
        (b"container_name: scheduler", b"container_name: nats-server", "post_update_checks[0].container_name"),
        (b"image: ghcr.io/marco-svitol/dunebugger-scheduler", b"image: ghcr.io/evil/x", "update_steps[2].image"),
        (b"image: ghcr.io/marco-svitol/dunebugger-scheduler", b"image: marco-svitol/dunebugger-scheduler",
         "update_steps[2].image"),
        (b"image: ghcr.io/marco-svitol", b"image: ghcr.io.evil.example/marco-svitol", "update_steps[2].image"),
        (b"ref: ghcr.io/marco-svitol/dunebugger-scheduler", b"ref: ghcr.io/marco-svitol/dunebugger-scheduler2",
         "images[0].ref"),
    ],
)  # fmt: skip
def test_a_container_manifest_touches_its_own_service_and_image_only(old: bytes, new: bytes, field: str) -> None:
    assert CONTAINER.count(old) == 1
    assert field in [which for _, which in refused(CONTAINER.replace(old, new), SCHEDULER)]


def test_a_package_that_the_update_is_not_about_is_refused() -> None:
    assert (18, "packages.openssh-server") in refused(APT.replace(b"alsa-utils", b"openssh-server"), SYSTEM)


@pytest.mark.parametrize("kind", GOOD)
def test_a_component_that_was_given_nothing_admits_nothing(kind: str) -> None:
    bare = Bounds(component=BOUNDS[kind].component, component_type=kind, version=BOUNDS[kind].version)
    assert refused(GOOD[kind], bare)


@pytest.mark.parametrize("kind", GOOD)
def test_a_manifest_of_another_type_is_refused(kind: str) -> None:
    for other, bounds in BOUNDS.items():
        if other != kind:
            assert "component_type" in [field for _, field in refused(GOOD[kind], bounds)]


def test_a_checksum_that_the_release_contradicts_is_refused() -> None:
    false = tuple(msgspec.structs.replace(asset, sha256="ff" * 32) for asset in CORE.assets)
    told = refused(PYTHON_APP, msgspec.structs.replace(CORE, assets=false))
    assert (33, "update_steps[0].checksum") in told
    assert "artifacts[0].sha256" in [field for _, field in told]


def test_another_of_the_releases_files_is_not_the_configured_one() -> None:
    assert "update_steps[0].url" in [
        field for _, field in refused(PYTHON_APP, msgspec.structs.replace(CORE, asset="other.tar.gz"))
    ]


def test_another_repository_under_the_same_name_is_refused() -> None:
    content = PYTHON_APP + b"repo_id: 8\n"
    assert admitted(content, CORE)
    assert refused(content, msgspec.structs.replace(CORE, repository_id=7)) == [(89, "repo_id")]


def test_the_artifact_for_this_machine_is_chosen_when_the_configuration_names_none() -> None:
    listed = "".join(
        f"  - {{name: core-{arch}.tar.gz, size: 5, sha256: '{SHA256}', arch: {arch}}}\n"
        for arch in ("aarch64", "x86_64")
    )
    content = f'version: "1.4.0"\ncomponent_type: python_app\nartifacts:\n{listed}'.encode()
    assets = tuple(
        msgspec.structs.replace(CORE.assets[0], name=f"core-{arch}.tar.gz", size=5) for arch in ("aarch64", "x86_64")
    )
    open_bounds = msgspec.structs.replace(CORE, asset=None, assets=assets)
    facts = admitted(content, open_bounds)
    assert facts.artifact is not None
    assert facts.artifact.name == "core-aarch64.tar.gz"
    none = admitted(content, msgspec.structs.replace(open_bounds, arch="riscv64"))
    assert none.artifact is None
    assert none.warnings


def test_the_image_of_the_default_registry_is_the_same_however_it_is_spelled() -> None:
    content = b'version: "1.4.0"\ncomponent_type: container\nupdate_steps: [{action: pull_image, image: "%s"}]\n'
    bounds = msgspec.structs.replace(SCHEDULER, image="marcosvitol/scheduler")
    for spelled in (b"marcosvitol/scheduler:1", b"docker.io/marcosvitol/scheduler:1"):
        assert admitted(content % spelled, bounds).image_tag == "1"
    assert refused(content % b"library/scheduler:1", bounds)


@pytest.mark.req("DB-060", "DB-085")
@pytest.mark.parametrize("url", ELSEWHERE)
def test_no_health_question_leaves_this_device(url: str) -> None:
    content = (
        'version: "1.4.0"\ncomponent_type: python_app\npost_update_checks:\n'
        f'  - type: health_endpoint\n    url: "{url}"\n'
    ).encode()
    told = refused(content, CORE)
    assert 5 in [line for line, _ in told]


@pytest.mark.parametrize("url", ELSEWHERE)
def test_no_manifest_made_by_hand_gets_past_the_bounds_either(url: str) -> None:
    made = Manifest(
        version="1.4.0",
        component_type="python_app",
        post_update_checks=(HealthEndpoint(url=url.replace("\\\\", "\\")),),
    )
    answer = admit(made, CORE)
    assert isinstance(answer, Complaints)


def test_the_corpus_of_addresses_is_large() -> None:
    assert len(set(ELSEWHERE)) >= 80


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:5000/health",
        "http://127.0.0.1/",
        "http://localhost:5000/health?deep=1",
        "http://[::1]:5000/health",
        "https://localhost/",
        "http://192.168.1.20:5000/status",
    ],
)
def test_this_device_and_the_configured_origin_may_be_asked(url: str) -> None:
    content = (
        f'version: "1.4.0"\ncomponent_type: python_app\npost_update_checks: [{{type: health_endpoint, url: "{url}"}}]'
    )
    (check,) = admitted(content.encode(), CORE).post_checks
    assert isinstance(check, HealthEndpoint)
    assert check.url == url


def test_an_origin_is_scheme_host_and_port() -> None:
    assert origin_of("http://192.168.1.20:5000/a") == HEALTH
    assert origin_of("https://github.com/") == Origin("https", "github.com", 443)


@pytest.mark.parametrize(
    ("path", "relative"),
    [
        ("a/b.py", "a/b.py"),
        ("/opt/dunebugger/core/a.py", "a.py"),
        ("/opt/dunebugger/core", None),
        ("/opt/dunebugger/core2/a.py", None),
        ("/opt/dunebugger/core/../a.py", None),
        ("../a.py", None),
        (".", None),
        ("/", None),
    ],
)
def test_a_file_of_the_release_is_named_from_its_root(path: str, relative: str | None) -> None:
    assert inside(path, CORE) == relative


def test_without_an_install_path_no_absolute_path_is_inside() -> None:
    assert inside("/opt/x", Bounds(component="a", component_type="python_app", version="1")) is None
    assert CORE.install_path == Path("/opt/dunebugger/core")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("dunebugger", "dunebugger.service"),
        ("dunebugger.service", "dunebugger.service"),
        ("dunebugger.service.service", None),
        ("dunebugger.timer", None),
        ("", None),
    ],
)
def test_a_unit_is_known_with_and_without_its_suffix(asked: str, found: str | None) -> None:
    assert ours(asked, CORE) == found


@pytest.mark.req("DB-087", "DB-123")
def test_a_manifest_of_another_version_than_its_release_is_refused_at_its_line() -> None:
    assert refused(PYTHON_APP, msgspec.structs.replace(CORE, version="1.4.1")) == [(8, "version")]
    assert admitted(PYTHON_APP, msgspec.structs.replace(CORE, version="v1.4.0"))


@pytest.mark.req("DB-120")
def test_complaints_without_the_text_still_name_the_field() -> None:
    manifest = read(PYTHON_APP)
    assert isinstance(manifest, Manifest)
    answer = admit(manifest, msgspec.structs.replace(CORE, version="9"))
    assert isinstance(answer, Complaints)
    assert [one.field for one in answer.found] == ["version"]


def test_files_that_the_release_does_not_have_are_refused_wherever_they_are_named() -> None:
    empty = msgspec.structs.replace(CORE, assets=(), asset=None, download_origins=(Origin("https", "github.com", 443),))
    assert set(refused(PYTHON_APP, empty)) == {
        (32, "update_steps[0].url"),
        (44, "update_steps[3].archive"),
        (85, "artifacts[0].name"),
    }


@pytest.mark.parametrize("url", ELSEWHERE)
def test_no_download_is_said_to_lie_elsewhere_even_in_a_manifest_made_by_hand(url: str) -> None:
    plain = url.replace("\\\\", "\\").rstrip("/") + f"/{ARTIFACT}"
    step = DownloadArtifact(url=plain, checksum=f"sha256:{SHA256}")
    made = Manifest(version="1.4.0", component_type="python_app", update_steps=(step,))
    answer = admit(made, CORE)
    assert isinstance(answer, Complaints)
    assert "update_steps[0].url" in [one.field for one in answer.found]


@pytest.mark.parametrize(
    "url",
    [
        f"{GITHUB}/../{ARTIFACT}",
        f"{GITHUB}/%2e%2e/{ARTIFACT}",
        f"{GITHUB}//{ARTIFACT}",
        f"{GITHUB}/{ARTIFACT}#x",
        f"{GITHUB} /{ARTIFACT}",
    ],
)
def test_an_address_with_tricks_is_refused_on_the_right_host_too(url: str) -> None:
    step = DownloadArtifact(url=url, checksum=f"sha256:{SHA256}")
    made = Manifest(version="1.4.0", component_type="python_app", update_steps=(step,))
    assert isinstance(admit(made, CORE), Complaints)


@pytest.mark.parametrize(
    "host", ["a..b", ".a", "a.", "-a", "a-", "a" * 64, "a_b-", "é", "a%41", "1.2.3", "0x1", "1.2.3.0x4"]
)
def test_what_is_no_plain_host_has_no_origin(host: str) -> None:
    assert isinstance(origin_of(f"http://{host}/"), str)


@pytest.mark.req("DB-121")
def test_two_lines_are_a_manifest_and_add_nothing() -> None:
    facts = admitted(b'version: "1.4.0"\ncomponent_type: python_app\n', CORE)
    assert facts == Guidance(version="1.4.0")
