"""Each part of the test bed does what the tests that use it believe."""

import urllib.error
import urllib.request
from pathlib import Path

import pytest
from device.bed import place
from device.bed.compose import Compose
from device.bed.device import Device, Devices
from device.bed.engine import Engine
from device.bed.images import APP, Images
from device.bed.registry import Registry

STACK = """
services:
  app:
    image: {app}:${{TAG}}
    container_name: {name}
    network_mode: none
"""


@pytest.mark.docker
def test_an_engine_answers(engine: Engine) -> None:
    assert engine.version[0].isdigit()


@pytest.mark.docker
def test_an_image_is_not_here_until_it_is_pulled(engine: Engine, registry: Registry, images: Images) -> None:
    reference = f"{images.app}:1.1.0"
    engine.remove_images_of(reference)
    assert not engine.has_image(reference)
    engine.docker("pull", "-q", reference)
    assert engine.has_image(reference)
    assert registry.digest(APP, "1.1.0") == registry.digest(APP, "1.1.0") != registry.digest(APP, "1.0.0")


@pytest.mark.docker
def test_a_moved_tag_means_another_image(registry: Registry) -> None:
    assert registry.digest(APP, "latest") == registry.digest(APP, "1.0.0")
    registry.move_tag(APP, "latest", to="1.1.0")
    assert registry.digest(APP, "latest") == registry.digest(APP, "1.1.0")


@pytest.mark.docker
def test_a_stopped_registry_refuses_and_serves_the_same_when_started(registry: Registry) -> None:
    before = registry.digest(APP, "1.0.0")
    registry.stop()
    with pytest.raises(urllib.error.URLError, match="refused"):
        urllib.request.urlopen(f"http://{registry.address}/v2/", timeout=2)
    registry.start()
    assert registry.digest(APP, "1.0.0") == before


@pytest.mark.docker
@pytest.mark.parametrize("generation", ["compose_v1", "compose_v2"])
def test_either_compose_starts_an_app_that_becomes_healthy(
    generation: str, engine: Engine, images: Images, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    compose: Compose = request.getfixturevalue(generation)
    name = f"bed-{generation.replace('_', '-')}-{place.token().replace('.', '-')}"
    (tmp_path / "docker-compose.yml").write_text("version: '3.8'\n" + STACK.format(app=images.app, name=name))
    (tmp_path / ".env").write_text("TAG=1.0.0\n")
    try:
        up = compose(tmp_path, "-p", name, "up", "-d")
        assert up.returncode == 0, up.stderr
        place.wait_for(
            lambda: engine.look(name, "{{.State.Health.Status}}") == "healthy", 20, "the app is not healthy yet"
        )
    finally:
        compose(tmp_path, "-p", name, "down", "-t", "1")


@pytest.mark.docker
@pytest.mark.parametrize(
    ("version", "ends_as"),
    [
        ("1.2.0", "exited 3 "),
        ("1.3.0", "running 0 unhealthy"),
        pytest.param("1.4.0", "running 0 healthy", marks=pytest.mark.slow),
    ],
)
def test_each_bad_version_is_bad_in_its_own_way(version: str, ends_as: str, engine: Engine, images: Images) -> None:
    name = f"bed-bad-{version}-{place.token()}"
    health = "{{if .State.Health}}{{if eq .State.Status `running`}}{{.State.Health.Status}}{{end}}{{end}}"
    template = "{{.State.Status}} {{.State.ExitCode}} " + health
    try:
        engine.docker("run", "-d", "--name", name, "--network", "none", f"{images.app}:{version}")
        place.wait_for(lambda: f"{engine.look(name, template)} ".startswith(ends_as), 30, f"it is not {ends_as}")
    finally:
        engine.docker("rm", "-f", name)


SERVICE = """
[Service]
ExecStart=/bin/sleep infinity
[Install]
WantedBy=multi-user.target
"""


@pytest.mark.device
def test_a_device_boots_and_its_units_start_at_once_and_at_every_boot(device: Device) -> None:
    device.write("/etc/systemd/system/app.service", SERVICE)
    device.exec("systemctl", "daemon-reload")
    device.exec("systemctl", "enable", "--now", "app")
    assert device.show("app", "ActiveState") == "active"
    device.cut_power()
    device.boot()
    assert device.show("app", "ActiveState") == "active"


@pytest.mark.device
def test_a_power_cut_keeps_the_disk_and_empties_what_is_in_memory(device: Device) -> None:
    device.write("/var/lib/app/kept", "here")
    device.write("/run/app/lost", "here")
    device.cut_power()
    device.boot()
    assert device.read("/var/lib/app/kept") == "here"
    assert device.read("/run/app/lost") == ""


@pytest.mark.device
def test_a_device_runs_this_checkout_with_the_locked_requirements(device: Device) -> None:
    text = "import aiohttp, docker, msgspec, packaging, yaml, dunebugger_updater as us; print(us.__file__)"
    done = device.python("-", text=text)
    assert done.stdout.strip() == "/opt/checkout/dunebugger_updater/__init__.py", done.stderr


@pytest.mark.device
def test_the_checkout_cannot_be_changed_from_a_device(device: Device) -> None:
    done = device.run("touch", "/opt/checkout/written")
    assert "Read-only file system" in done.stderr


@pytest.mark.device
def test_devices_reach_each_other_but_nothing_else(devices: Devices, tmp_path: Path) -> None:
    (tmp_path / "page").write_text("hello")
    one, other = devices(), devices()
    one.copy_in(tmp_path / "page", "/srv/page")
    one.exec("systemd-run", "--unit=web", "python3", "-m", "http.server", "-d", "/srv", "80")
    ask = ("curl", "-sS", "--retry", "20", "--retry-connrefused", "--retry-delay", "1", "-m", "5")
    assert other.exec(*ask, f"http://{one.name}/page") == "hello"
    assert other.run("curl", "-sS", "-m", "3", "http://192.0.2.1/").returncode != 0
    other.unplug()
    assert other.run("curl", "-sS", "-m", "3", f"http://{one.address}/page").returncode != 0
    other.plug()
    assert other.exec(*ask, f"http://{one.address}/page") == "hello"
