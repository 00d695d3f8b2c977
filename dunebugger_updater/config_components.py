"""The components of ``dunebugger.conf``: each ``[Component NAME]``, and what DuneBugger has when there is none."""

from collections.abc import Iterable, Mapping

import msgspec

from dunebugger_updater import config_values as read
from dunebugger_updater.config_ini import Section
from dunebugger_updater.model.architecture import architecture
from dunebugger_updater.model.settings import Component, Kind, Updater

_APP = ("installPath", "asset", "runner", "command", "preserve")
_CONTAINER = ("composePath", "image", "imageTag")
_RELEASED = ("repository", "source", "channel", "tagPattern", "versionScheme", "trust", "service", "healthUrl")
"""What has releases of its own.  ``apt`` has them only with a repository: else Debian's archive decides."""

_NOT_HERE: Mapping[Kind, tuple[str, ...]] = {
    "python_app": _CONTAINER,
    "container": _APP,
    "apt": (*_APP, *_CONTAINER),
    "updater": (
        *("type", "source", "tagPattern", "versionScheme", "trust", "service", "healthUrl", "requires"),
        *(*_APP, *_CONTAINER),
    ),
}


def usual(updater: Updater, *, has_apt: bool) -> tuple[Component, ...]:
    """What a DuneBugger device has (DB-014…016), and its system packages where apt is."""
    container = Component(
        name="scheduler",
        type="container",
        channel=updater.channel,
        compose_path=updater.docker_compose_path,
        repository="marco-svitol/dunebugger-scheduler",
        service="scheduler",
        image="ghcr.io/marco-svitol/dunebugger-scheduler",
    )
    core = Component(
        name="core",
        type="python_app",
        channel=updater.channel,
        repository="marco-svitol/dunebugger",
        install_path=updater.core_install_path,
        asset="dunebugger-{version}.tar.gz",
        service="dunebugger",
    )
    remote = msgspec.structs.replace(
        container,
        name="remote",
        repository="marco-svitol/dunebugger-remote",
        service="remote",
        image="ghcr.io/marco-svitol/dunebugger-remote",
    )
    return (core, container, remote, *((Component(name="system", type="apt"),) if has_apt else ()))


def itself(updater: Updater) -> Component:
    """The updater, which is always there.  The file that fits is that of what this program was built for."""
    return Component(
        name="updater",
        type="updater",
        channel=updater.channel,
        repository="marco-svitol/dunebugger-updater",
        asset=f"dunebugger-updater-{{version}}-{architecture()}.tar.gz",
    )


def components(sections: Iterable[Section], updater: Updater, *, has_apt: bool) -> tuple[Component, ...]:
    """The components that the sections describe, or the usual ones when there is no section."""
    known = {each.name: each for each in (*usual(updater, has_apt=True), itself(updater))}
    found = tuple(_component(section, known, updater) for section in sections)
    described = tuple(each for each in found if each.type != "updater") or usual(updater, has_apt=has_apt)
    own = next((each for each in found if each.type == "updater"), itself(updater))
    return (*described, own)


def _component(section: Section, known: Mapping[str, Component], updater: Updater) -> Component:
    name = section.name.removeprefix("Component").strip()
    if not read.NAME.fullmatch(name):
        told = "expected a component name of lower-case letters, digits, - and _, a letter first, 32 at most"
        raise section.wrong(None, told)
    kind = _kind(section, known.get(name))
    base = known.get(name)
    if base is None or base.type != kind:
        base = _bare(name, kind, updater)
    not_here = "this key is not for the updater itself" if kind == "updater" else f"this key is not for type = {kind}"
    section.only(_NOT_HERE[kind], not_here)
    if kind == "apt" and not section.has("repository"):
        left = tuple(key for key in _RELEASED if key not in {"repository", "healthUrl"})
        section.only(left, "this key is not for type = apt, unless its packages have a repository of their own")
    component = _released(section, base)
    if kind == "python_app":
        component = _python_app(section, component)
    if kind == "container":
        component = _container(section, component)
    section.done()
    return component


def _kind(section: Section, known: Component | None) -> Kind:
    if known is not None and (section.entries.get("type") is None or known.type == "updater"):
        return known.type
    if not section.has("type"):
        raise section.wrong("type", "expected type = python_app, container or apt")
    if section.entries["type"].value == "git":
        raise section.wrong("type", "components of type git come with the hub, not with this version")
    return section.take("type", read.one_of("python_app", "container", "apt"), "apt")


def _bare(name: str, kind: Kind, updater: Updater) -> Component:
    """A component that nobody knows yet."""
    path = updater.docker_compose_path if kind == "container" else None
    service = "" if kind == "apt" else name
    return Component(name=name, type=kind, channel=updater.channel, compose_path=path, service=service)


def _released(section: Section, base: Component) -> Component:
    """The keys that every type reads, and those of everything that has releases."""
    section.take("type", str, "")
    found = msgspec.structs.replace(
        base,
        repository=section.take("repository", read.repository, base.repository),
        source=section.take("source", read.one_of("releases", "tags"), base.source),
        channel=section.take("channel", read.one_of("stable", "prerelease"), base.channel),
        tag_pattern=section.take("tagPattern", read.tag_pattern, base.tag_pattern),
        version_scheme=section.take(
            "versionScheme", read.one_of("semver", "pep440", "calver", "numeric"), base.version_scheme
        ),
        policy=section.take("policy", read.one_of("ask", "auto", "never"), base.policy),
        minimum_age_hours=section.take("minimumAgeHours", read.whole(0, 8760, "hours"), base.minimum_age_hours),
        requires=section.take("requires", read.requirements, base.requires),
        trust=section.take("trust", read.one_of("verified", "none"), base.trust),
        busy_file=section.take("busyFile", read.path, base.busy_file),
        service=section.take("service", read.unit, base.service),
        health_url=section.take("healthUrl", read.url, base.health_url),
    )
    if found.type != "apt" and not found.repository:
        raise section.wrong("repository", "expected owner/name, as in marco-svitol/dunebugger")
    return found


def _python_app(section: Section, base: Component) -> Component:
    asset = section.take("asset", read.template("version", "tag"), "")
    if asset and base.source == "tags":
        raise section.wrong("asset", "a tag has no files: leave this empty with source = tags")
    if not asset and base.source == "releases":
        # What a project's release workflow makes when nobody says otherwise: its own name and the version.
        asset = base.asset or f"{base.repository.partition('/')[2]}-{{version}}.tar.gz"
    found = msgspec.structs.replace(
        base,
        asset=asset,
        install_path=section.take("installPath", read.path, base.install_path),
        runner=section.take("runner", read.one_of("systemd", "process"), base.runner),
        command=section.take("command", read.command, base.command),
        preserve=section.take("preserve", read.inner_paths, base.preserve),
    )
    if found.install_path is None:
        raise section.wrong("installPath", "expected an absolute path like /opt/dunebugger/core")
    if found.runner == "process" and not found.command:
        raise section.wrong("command", "expected the command that runs the app, since runner = process")
    return found


def _container(section: Section, base: Component) -> Component:
    found = msgspec.structs.replace(
        base,
        compose_path=section.take("composePath", read.path, base.compose_path),
        image=section.take("image", read.image, base.image),
        image_tag=section.take("imageTag", read.template("version", "tag"), base.image_tag),
    )
    if not found.image:
        raise section.wrong("image", "expected an image like ghcr.io/owner/name")
    return found


def is_component(section: str) -> bool:
    """Whether a section's name is one of ours."""
    return section.split()[:1] == ["Component"]


def refuse_twins(found: Iterable[Component], sections: Mapping[str, Section]) -> None:
    """Two components in one place would undo each other's updates."""
    places: dict[str, str] = {}
    for each in found:
        place = str(each.install_path) if each.type == "python_app" else f"{each.compose_path} {each.service}"
        place = f"{each.type} {each.repository}" if each.type in {"apt", "updater"} else place
        if other := places.setdefault(place, each.name):
            section = sections.get(f"Component {each.name}")
            if other != each.name and section is not None:
                raise section.wrong(None, f"this is in the same place as the component {other}")
