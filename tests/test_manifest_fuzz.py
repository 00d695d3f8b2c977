"""Manifests that a machine made up: by mutating good ones, and from nothing.  None may crash, hang or reach outside."""

import json
import random
import time
import tracemalloc
from collections.abc import Iterator

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dunebugger_updater.manifest import Bounds, Complaints, Guidance, Manifest, guidance, origin_of, read
from dunebugger_updater.manifest.addresses import image_name
from dunebugger_updater.manifest.bounds import LOOPBACK
from dunebugger_updater.manifest.complaint import MOST
from dunebugger_updater.manifest.words import ContainerRunning, HealthEndpoint, ServiceActive, ServiceRunning
from manifest_samples import BOUNDS, ELSEWHERE, GOOD

SLOW = 1.0  # second of processor's time to read one document
WORDS = (
    b"&a ", b"*a", b"!!python/object:os.system ", b"<<: ", b"{", b"}", b"[", b"]", b"- ", b"? ", b": ", b"|\n", b">\n",
    b"---\n", b"...\n", b"%YAML 1.2\n", b"\t", b"\0", b"\xff", b"\xef\xbb\xbf", b"\xe2\x80\xae", b"'", b'"', b"#", b",",
    b"null", b"~", b"true", b"on", b".nan", b"-.inf", b"1e999", b"0x7f", b"010", b"1:30", b"9" * 30, b"-1", b"0", b"''",
    b"..", b"../../etc/passwd", b"/etc/shadow", b"/", b"$(reboot)", b"; reboot", b"ssh", b"docker.service", b"\\",
    b"\n", b"file:///etc/passwd", b"http://169.254.169.254/", b"http://127.1/", b"@", b"ghcr.io/evil/x:1",
    b"/opt/dunebugger/core",
    b"sha256:" + b"0" * 64, b"service_name", b"type: health_endpoint\n", b"  ", b"a" * 600, b"[[[[[[[[[[[[[[[[[[[[",
)  # fmt: skip
"""What a mutation puts in."""


def mutations(seed: int, count: int) -> Iterator[bytes]:
    """Good manifests with one to six things done to them, and half of them with another's lines among theirs."""
    chance = random.Random(seed)
    goods = list(GOOD.values())
    all_lines = [line for good in goods for line in good.splitlines(keepends=True)]
    for _ in range(count):
        lines = chance.choice(goods).splitlines(keepends=True)
        for _ in range(chance.randint(1, 6)):
            at = chance.randrange(len(lines)) if lines else 0
            line = lines[at : at + 1] or [b""]
            cut = chance.randint(0, len(line[0]))
            match chance.randrange(8):
                case 0:
                    lines[at : at + 1] = []
                case 1:
                    lines.insert(at, chance.choice(all_lines))
                case 2:
                    lines[at : at + 1] = [line[0][:cut] + chance.choice(WORDS) + line[0][cut:]]
                case 3:
                    key, colon, _ = line[0].partition(b": ")
                    lines[at : at + 1] = [key + colon + chance.choice(WORDS) + b"\n"]
                case 4:
                    lines[at : at + 1] = [line[0][:cut] + bytes([chance.randrange(256)]) + line[0][cut + 1 :]]
                case 5:
                    lines[at : at + 1] = [b"  " + line[0]]
                case 6:
                    lines[at : at + 1] = [line[0].lstrip()]
                case _:
                    key, colon, _ = line[0].partition(b": ")
                    url = chance.choice(ELSEWHERE).encode("utf-8", "replace")
                    lines[at : at + 1] = [key + colon + b'"' + url + b'"\n']
        yield b"".join(lines)


POOL: dict[str, tuple[object, ...]] = {
    "service_name": ("dunebugger", "dunebugger.service", "ssh", "dunebugger.timer", "scheduler", "docker.service"),
    "service": ("scheduler", "nats-server", "dunebugger"),
    "container_name": ("scheduler", "nats-server"),
    "url": (*ELSEWHERE, "http://127.0.0.1:1/", "http://[::1]/", "http://192.168.1.20:5000/x"),
    "source": (".", "a/b", "/opt/dunebugger/core", "/etc", "/opt/dunebugger", "latest_backup"),
    "destination": (".", "a/b", "/opt/dunebugger/backups/x", "/opt/dunebugger/core/x", "/root", "/"),
    "script": ("m.py", "/opt/dunebugger/core/m.py", "/bin/sh", "a/../b", "-c"),
    "requirements_file": ("requirements.txt", "/opt/dunebugger/core/r.txt", "/etc/passwd", "../r.txt"),
    "image": ("ghcr.io/marco-svitol/dunebugger-scheduler:1.4.0", "x:1", "ghcr.io/marco-svitol/dunebugger-scheduler"),
    "ref": ("ghcr.io/marco-svitol/dunebugger-scheduler:1.4.0", "x:1", "docker.io/library/x"),
    "image_tag": ("1.4.0", "latest", "1.4.0@sha256", "a/b"),
    "archive": ("dunebugger-1.4.0.tar.gz", "update-manifest.yaml", "other.tar.gz"),
    "name": ("dunebugger-1.4.0.tar.gz", "update-manifest.yaml", "x"),
    "size": (1843201, 3000, 0, 2**60),
    "version": ("1.4.0", "v1.4.0", "2026.11.1", "0"),
    "component": ("core", "scheduler", "system", "remote", None),
    "timeout_seconds": (1, 3600, 0, "1"),
    "packages": ({"alsa-utils": "1"}, {"openssh-server": "1"}, {"alsa-utils-": "1"}),
}
"""What a guest might put into a field, within its bounds and beyond."""


def guests(seed: int, count: int) -> Iterator[bytes]:
    """Well-formed manifests that say other things: nearly all are read, and the bounds have to hold."""
    chance = random.Random(seed)
    goods = [json.dumps(yaml.safe_load(good)) for good in GOOD.values()]
    for _ in range(count):
        manifest = json.loads(chance.choice(goods))
        holders = [manifest] + [one for items in manifest.values() if isinstance(items, list) for one in items]
        for _ in range(chance.randint(1, 3)):
            holder = chance.choice(holders)
            fields = [field for field in holder if field in POOL]
            if fields:
                field = chance.choice(fields)
                holder[field] = chance.choice(POOL[field])
        for items in manifest.values():
            if isinstance(items, list) and chance.random() < 0.3:
                chance.shuffle(items)
                items[chance.randrange(len(items)) :] = []
        yield json.dumps(manifest).encode()


def strangers(seed: int, count: int) -> Iterator[bytes]:
    """Bytes and words without a plan."""
    chance = random.Random(seed)
    keys = [b"version: '1.4.0'\n", b"component_type: python_app\n", b"update_steps:\n", b"  - action: ", b"requires: "]
    for _ in range(count):
        if chance.random() < 0.5:
            yield chance.randbytes(chance.randint(0, 300))
        else:
            yield b"".join(chance.choice((*WORDS, *keys)) for _ in range(chance.randint(1, 60)))


def outside(facts: Guidance, bounds: Bounds) -> list[str]:
    """Whatever in ``facts`` the owner's configuration or the release did not give."""
    found = []
    for check in (*facts.pre_checks, *facts.post_checks):
        if isinstance(check, ServiceRunning | ServiceActive) and check.service_name not in bounds.services:
            found.append(check.service_name)
        if isinstance(check, ContainerRunning) and check.container_name not in {*bounds.containers, *bounds.services}:
            found.append(check.container_name)
        if isinstance(check, HealthEndpoint):
            origin = origin_of(check.url)
            if isinstance(origin, str) or (origin.host not in LOOPBACK and origin not in bounds.health):
                found.append(check.url)
    paths = [facts.requirements_file, facts.migrations.script if facts.migrations else None]
    found += [path for path in paths if path and (path[0] in "/~-" or ".." in path.split("/") or "\\" in path)]
    if facts.artifact:
        assets = {(asset.name, asset.size) for asset in bounds.assets if asset.sha256 in {None, facts.artifact.sha256}}
        found += [] if (facts.artifact.name, facts.artifact.size) in assets else [facts.artifact.name]
    if facts.image_tag and image_name(f"{bounds.image}:{facts.image_tag}") is None:
        found.append(facts.image_tag)
    if (facts.image_tag or facts.image_digest) and bounds.image is None:
        found.append("an image")
    found += [package for package in facts.packages if package not in bounds.packages]
    return found


def timed(content: bytes) -> tuple[Manifest | Complaints, float]:
    began = time.process_time()
    answer = read(content)
    return answer, time.process_time() - began


def judged(content: bytes) -> tuple[bool, bool]:
    """Whether it was read, and whether it was admitted anywhere.  Fails for anything that a reader must not do."""
    answer, seconds = timed(content)
    if seconds >= SLOW:  # the collector of garbage may have come by; what is slow because of its content is so again
        assert timed(content)[1] < SLOW, content
    if isinstance(answer, Complaints):
        assert 1 <= len(answer.found) <= MOST
        lines = content.count(b"\n") + content.count(b"\r") + 2
        assert all(1 <= one.line <= lines and one.column >= 1 and one.sentence.isprintable() for one in answer.found)
        return False, False
    assert isinstance(answer, Manifest)
    admitted = False
    for bounds in BOUNDS.values():
        facts = guidance(content, bounds)
        if isinstance(facts, Guidance):
            assert outside(facts, bounds) == [], content
            assert facts.version.removeprefix("v").removeprefix("V") == bounds.version.removeprefix("v")
            admitted = True
        else:
            assert isinstance(facts, Complaints)
            assert facts.found
    return True, admitted


def all_judged(contents: Iterator[bytes]) -> tuple[int, int]:
    verdicts = [judged(content) for content in contents]
    return sum(was_read for was_read, _ in verdicts), sum(admitted for _, admitted in verdicts)


@pytest.mark.req("DB-096", "DB-120")
def test_two_thousand_made_up_manifests_crash_nothing_and_reach_nowhere() -> None:
    assert all_judged(mutations(1, 1000))[0] > 20
    was_read, admitted = all_judged(guests(2, 800))
    assert was_read > 400
    assert admitted > 100
    assert all_judged(strangers(3, 200))[1] == 0


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", [0, *(pytest.param(part, marks=pytest.mark.full) for part in (1, 2, 3))])
def test_a_hundred_thousand_made_up_manifests_in_four_parts_crash_nothing_and_reach_nowhere(part: int) -> None:
    assert all_judged(mutations(100 + part, 10_000))[0] > 200
    was_read, admitted = all_judged(guests(200 + part, 12_000))
    assert was_read > 6_000
    assert admitted > 1_500
    all_judged(strangers(300 + part, 3_000))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(sorted(Manifest.__struct_fields__))
SHAPED = st.fixed_dictionaries(
    {"version": st.just("1.4.0") | JSON, "component_type": st.sampled_from(["python_app", "container", "apt"]) | JSON}
)


@settings(max_examples=300, deadline=1000, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=400) | st.text(max_size=400).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_no_bytes_crash_the_reader(content: bytes) -> None:
    judged(content)


@settings(max_examples=300, deadline=1000, suppress_health_check=[HealthCheck.too_slow])
@given(SHAPED, st.dictionaries(FIELDS, JSON, max_size=4))
def test_no_json_crashes_the_reader(head: dict[str, object], more: dict[str, object]) -> None:
    judged(json.dumps(more | head, ensure_ascii=False).encode("utf-8", "surrogatepass"))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_many_more_shapes_crash_nothing() -> None:
    settings(max_examples=10_000, deadline=1000, suppress_health_check=list(HealthCheck))(
        given(st.dictionaries(FIELDS, JSON, max_size=6))(lambda fields: judged(json.dumps(fields).encode()) and None)
    )()


def test_memory_stays_small_whatever_is_read() -> None:
    tracemalloc.start()
    try:
        for content in (b"[" * 131_000, b"- " * 65_000, b"k: v\n" * 26_000, b"{a: " * 30_000, b" " * 10_000_000):
            read(content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * 1024 * 1024


def test_the_fence_of_this_test_would_notice() -> None:
    from_elsewhere = Guidance(
        version="1",
        post_checks=(ServiceActive(service_name="ssh"), HealthEndpoint(url="http://169.254.169.254/")),
        requirements_file="../x",
        image_tag="1",
        packages={"openssh-server": "1"},
    )
    assert len(outside(from_elsewhere, BOUNDS["python_app"])) == 6
