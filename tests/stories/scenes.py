"""Scenes: a device before an update, and the plan that the real planners make for it."""

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from doubles.world import DATA, World, quiet
from stories.updater_scene import updater_scene

from dunebugger_updater.kinds import apt_system, compose_service, python_app, python_app_plans
from dunebugger_updater.kinds.base import Artifact, Wish
from dunebugger_updater.manifest import Guidance, Migrations
from dunebugger_updater.model.packages import Package
from dunebugger_updater.model.release import Release
from dunebugger_updater.model.service import SystemdUnit
from dunebugger_updater.model.settings import Component, Updater
from dunebugger_updater.offer import Offer
from dunebugger_updater.plan import Plan
from dunebugger_updater.ports import ImageState

APP = Path("/opt/app")
HOME = Path("/opt/app.releases")
COMPOSE = Path("/opt/stack/docker-compose.yml")
UPDATER = Updater(state_path=Path("/var/lib/updater"), backup_path=Path("/opt/backups"))
NOW = datetime(2026, 1, 6, 3, tzinfo=UTC)
OFFER = Offer(version="1.1.0", release=Release(tag="v1.1.0"), crossed=())
REPOSITORY = "registry.test/app"


@dataclass
class Scene:
    """A world and what shall happen in it."""

    world: World
    plan: Plan
    verify: Callable[[World, bool], None]
    """Look whether the world is right; told whether the update counts."""


def _app(**changes: object) -> Component:
    base: dict[str, object] = {"name": "app", "type": "python_app", "repository": "owner/app", "install_path": APP}
    base |= {"service": "app", "health_url": "http://127.0.0.1:5000/health", "asset": "app.tar.gz"}
    return Component(**{**base, **changes})  # type: ignore[arg-type]  # examples, spelled as keywords


def app_scene(
    *, bad: str = "", plain: bool = False, own_process: bool = False, migrate: bool = False, fresh: bool = False
) -> Scene:
    """Version 1.0.0 runs and has data; 1.1.0 is published.  ``bad``: ``start``, ``venv`` or ``download``."""
    world = World()
    component = _app(runner="process", command=("python", "app.py")) if own_process else _app()
    old = APP if plain else HOME / "1.0.0"
    content = b"archive of 1.1.0"
    world.disk.archives[content] = {"VERSION": b"1.1.0", "app.py": b"new", "requirements.txt": b"x"}
    world.web.files["http://release.test/app.tar.gz"] = content
    runs = python_app.service(component, UPDATER)
    world.runners.home[runs.label] = APP
    if not fresh:
        world.disk.put(old / "VERSION", b"1.0.0")
        world.disk.put(old / "app.py", b"old")
        world.disk.put(old / ".venv" / ".complete", b"")
        world.disk.put(old / DATA, b"begin;")
        if not plain:
            world.disk.put(APP, HOME / "1.0.0")
        asyncio.run(world.runners.start(runs))
    if not own_process:
        world.runners.enabled[runs.label] = APP
    if bad == "start":
        world.broken.add("1.1.0")
    if bad == "venv":
        world.venvs.unbuildable.add("1.1.0")
    sha = hashlib.sha256(b"something else" if bad == "download" else content).hexdigest()
    guidance = Guidance(version="1.1.0", migrations=Migrations("migrate.py", optional=False)) if migrate else None
    wish = Wish(component, UPDATER, OFFER, guidance, NOW)
    place = asyncio.run(python_app.look(component, UPDATER, world.device))
    plan = python_app_plans.plan_update(wish, Artifact("app.tar.gz", "http://release.test/app.tar.gz", 100, sha), place)
    world.power.spent = 0
    before = dict(world.disk.nodes)

    def verify(world: World, updated: bool) -> None:
        label = runs.label
        if fresh and not updated:
            assert APP not in world.disk.nodes
            assert label not in world.runners.running
            return
        version = "1.1.0" if updated else "1.0.0"
        live = world.disk.real(APP)
        assert world.disk.tree(APP)["VERSION"].decode() == version
        assert world.runners.running.get(label) == live, "the process that runs was started from what is installed"
        assert ".venv/.complete" in world.disk.tree(APP)
        data = world.disk.tree(APP)[DATA].decode()
        by_old = "".join(mark for mark in world.runners.wrote if mark.startswith("1.0.0"))
        assert "".join(part + ";" for part in data.split(";") if part.startswith("1.0.0")) == by_old, "nothing is lost"
        if updated:
            assert data.count("MIGRATED;") == (1 if migrate else 0)
            assert "MIGR" not in data.replace("MIGRATED", "")
        else:
            assert "MIGR" not in data
            assert {k: v for k, v in world.disk.nodes.items() if k.name != DATA} == {
                k: v for k, v in before.items() if k.name != DATA
            } | {k: v for k, v in world.disk.nodes.items() if k not in before and v is None}, "as it was before"

    return Scene(world, plan, verify)


def compose_scene(*, bad: str = "", moving: bool = False, env: bool = False) -> Scene:
    """A container runs 1.0.0; the registry has 1.1.0.  ``bad``: ``start`` or ``gone``."""
    world = World()
    component = Component(
        name="scheduler", type="container", repository="owner/app", service="scheduler", compose_path=COMPOSE,
        image=REPOSITORY, image_tag="latest" if moving else "{version}",
    )  # fmt: skip
    old = ImageState("sha256:old", (f"{REPOSITORY}@sha256:aaa",), "1.0.0")
    new = ImageState("sha256:new", (f"{REPOSITORY}@sha256:bbb",), "1.1.0")
    tag = "latest" if moving else "1.0.0"
    written = "${TAG:-0.9}" if env else tag
    text = (
        f"services:\n  # änderbar\n  scheduler:\n    image: {REPOSITORY}:{written}  # pin\n  nats:\n    image: nats:1\n"
    )
    world.disk.put(COMPOSE, text.encode())
    if env:
        world.disk.put(COMPOSE.parent / ".env", f"SECRET=1\nTAG={tag}\n".encode())
    world.engine.images = {old.id: old}
    world.engine.names = {f"{REPOSITORY}:{tag}": old.id}
    target = compose_service.reference(component, "1.1.0", "v1.1.0")
    world.engine.registry = {target: new}
    which, _ = asyncio.run(world.engine.find(COMPOSE, "scheduler"))
    asyncio.run(world.engine.up(which, None, quiet))
    if bad == "start":
        world.broken.add("1.1.0")
    place = asyncio.run(compose_service.look(component, UPDATER.backup_path, world.device))
    wish = Wish(component, UPDATER, OFFER, None, NOW)
    remote = asyncio.run(world.engine.remote(target))
    plan = compose_service.plan_update(wish, target, remote, place)
    if bad == "gone":
        world.engine.registry.clear()
    world.power.spent = 0
    before = {name: world.disk.nodes.get(name) for name in (COMPOSE, COMPOSE.parent / ".env")}

    def verify(world: World, updated: bool) -> None:
        running = world.engine.containers["scheduler"]
        assert running.running
        assert running.image == (new.id if updated else old.id)
        after = {name: world.disk.nodes.get(name) for name in before}
        if updated and not moving:
            texts = {name: content for name, content in before.items() if isinstance(content, bytes)}
            changed = {name: content.replace(b"1.0.0", b"1.1.0") for name, content in texts.items()}
            assert {name: content for name, content in after.items() if content is not None} == changed
        else:
            assert after == before
            assert world.engine.names[running.reference] == running.image

    return Scene(world, plan, verify)


def _updater(**how: Any) -> Callable[[], Scene]:
    def made() -> Scene:
        world, plan, verify = updater_scene(UPDATER, OFFER, NOW, **how)
        return Scene(world, plan, verify)

    return made


def apt_scene(*, bad: str = "", new: bool = False, half: bool = False) -> Scene:
    """Three packages are pending, one needed by others.

    ``bad``: ``script``, ``service``, ``library``, ``gone`` or ``keep``.
    """
    world = World()
    debian = world.debian
    debian.here = {
        "curl": Package("curl", "1.0"),
        "libc6": Package("libc6", "1.0", auto=True),
        "nginx": Package("nginx", "1:1.0-1", state="unpacked" if half else "installed"),
    }
    debian.archive = {"curl": "1.1", "libc6": "1.1", "nginx": "1:1.1-1", "libnew": "1.1"}
    if new:
        debian.needs["nginx"] = "libnew"
    component = Component(name="system", type="apt")
    wanted = {"curl": "1.1", "libc6": "1.1", "nginx": "1:1.1-1"}
    place = asyncio.run(apt_system.look(UPDATER, world.device, wanted))
    plan = apt_system.plan_upgrade(component, UPDATER, place)
    if bad == "script":
        debian.bad.add("nginx=1:1.1-1")
    if bad == "service":
        debian.breaks["nginx=1:1.1-1"] = "nginx.service"
    if bad == "library":  # its service has no package that goes back with it and starts it
        world.disk.put(Path("/srv/radio/VERSION"), b"1.0")
        world.runners.home["radio.service"] = world.runners.enabled["radio.service"] = Path("/srv/radio")
        asyncio.run(world.runners.start(SystemdUnit("radio.service")))
        debian.breaks["libc6=1.1"] = "radio.service"
    if bad == "gone":
        debian.archive["curl"] = "1.2"
    if bad == "keep":
        debian.repackable = False
    former = {name: msgspec.structs.replace(each, state="installed") for name, each in debian.here.items()}
    world.power.spent = 0

    def verify(world: World, updated: bool) -> None:
        here = dict(world.debian.here)
        if half and not updated:  # what dpkg had left half done may have been finished, or not begun
            here["nginx"] = msgspec.structs.replace(here["nginx"], state="installed")
        if not updated:
            assert here == former, "the exact versions and marks of before"
            assert set(world.runners.running) == set(world.runners.enabled), "and what ran, runs"
            return
        assert {name: each.version for name, each in here.items()} == {**wanted, **({"libnew": "1.1"} if new else {})}
        marks = {name: each.auto for name, each in here.items() if name in former}
        assert marks == {name: each.auto for name, each in former.items()}
        assert all(each.state == "installed" for each in here.values())
        files = set(asyncio.run(world.disk.listing(apt_system.debs(UPDATER))))
        kept = {f"{each.name}_{each.version}_all.deb" for each in former.values()}
        assert kept <= files, "there is a way back by hand"

    return Scene(world, plan, verify)


SCENES: dict[str, Callable[[], Scene]] = {
    "app": app_scene,
    "app-broken": lambda: app_scene(bad="start"),
    "app-unbuildable": lambda: app_scene(bad="venv"),
    "app-wrong-checksum": lambda: app_scene(bad="download"),
    "app-adopted": lambda: app_scene(plain=True),
    "app-adopted-broken": lambda: app_scene(plain=True, bad="start"),
    "app-migrated": lambda: app_scene(migrate=True),
    "app-migrated-broken": lambda: app_scene(migrate=True, bad="start"),
    "app-own-process": lambda: app_scene(own_process=True),
    "app-own-process-broken": lambda: app_scene(own_process=True, bad="start"),
    "app-first-install": lambda: app_scene(fresh=True),
    "compose": compose_scene,
    "compose-env": lambda: compose_scene(env=True),
    "compose-broken": lambda: compose_scene(bad="start"),
    "compose-latest": lambda: compose_scene(moving=True),
    "compose-latest-broken": lambda: compose_scene(moving=True, bad="start"),
    "apt": apt_scene,
    "apt-new": lambda: apt_scene(new=True),
    "apt-new-broken": lambda: apt_scene(new=True, bad="script"),
    "apt-broken-service": lambda: apt_scene(bad="service"),
    "apt-broken-library": lambda: apt_scene(bad="library"),
    "apt-gone": lambda: apt_scene(bad="gone"),
    "apt-unkept-gone": lambda: apt_scene(bad="keep"),
    "apt-half": lambda: apt_scene(half=True),
    "compose-gone": lambda: compose_scene(bad="gone"),
    "updater": _updater(),
    "updater-kept": _updater(kept=True),
    "updater-unfit-broken": _updater(bad="unfit"),
    "updater-foreign-broken": _updater(bad="foreign"),
    "updater-broken": _updater(bad="broken"),
    "updater-kept-broken": _updater(kept=True, bad="broken"),
    "updater-deaf-broken": _updater(kept=True, bad="deaf"),
    "updater-blind-broken": _updater(bad="blind"),
    "updater-offline-broken": _updater(bad="offline"),
    "updater-back": _updater(back=True),
    "updater-back-broken": _updater(kept=True, back=True, bad="broken"),
}
