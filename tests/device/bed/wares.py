"""The packages of the test's archive: ``tb-…``, each with one difficulty that an upgrade can meet.

``BEFORE`` is what devices are given; ``AFTER`` is what is published later, mostly 1.0 and 1.1.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from device.bed.debs import RASPBERRY, SECURITY, STABLE, Deb, Filler

MEGABYTE = 1024 * 1024
SLOW = ("tb-slow-a", "tb-slow-b", "tb-slow-c", "tb-slow-d")
"""Each takes its time in download (on a slow line), unpack and configure; ``a`` needs ``b``."""
GOOD = ("tb-tool", "tb-ssl", "tb-both", "tb-firmware", "tb-epoch", "tb-c++", "tb-conf", "tb-service")
"""Those that give no trouble."""

UNIT = """\
[Unit]
Description={name} {version}
[Service]
ExecStart={command}
Restart=on-failure
[Install]
WantedBy=multi-user.target
"""
ENABLED = "systemctl daemon-reload\nsystemctl -q enable {name}\nsystemctl restart {name}\n"
REBOOT = "echo '*** System restart required ***' >/run/reboot-required\necho {name} >>/run/reboot-required.pkgs\n"
DEBCONF = """
. /usr/share/debconf/confmodule
db_get tb-ask/mode
echo "$RET" >/var/lib/tb-ask.answer
db_stop
"""
QUESTION = """\
Template: tb-ask/mode
Type: select
Choices: keep, replace
Default: keep
Description: What to do with the data?
 A question of the test bed.
"""
ASKING = ". /usr/share/debconf/confmodule\ndb_input critical tb-ask/mode || true\ndb_go || true\n"


def _unit(name: str, version: str, command: str) -> dict[str, str | Filler | Path]:
    return {f"/lib/systemd/system/{name}.service": UNIT.format(name=name, version=version, command=command)}


def _daemon(version: str, program: str) -> Deb:
    files = {**_unit("tb-daemon", version, "/usr/lib/tb-daemon/serve"), "/usr/lib/tb-daemon/serve": program}
    return Deb("tb-daemon", version, files=files, scripts={"postinst": ENABLED.format(name="tb-daemon")})


def _service(version: str) -> Deb:
    files = _unit("tb-service", version, "/bin/sleep infinity")
    return Deb("tb-service", version, files=files, scripts={"postinst": ENABLED.format(name="tb-service")})


def _stale(version: str, started: str) -> Deb:
    """Its running process is not restarted when its file is replaced."""
    program = "/usr/lib/tb-stale/sleep"
    files = {**_unit("tb-stale", version, f"{program} infinity"), program: Path("/bin/sleep")}
    return Deb("tb-stale", version, files=files, scripts={"postinst": started})


def _slow(name: str, version: str, *, slow: bool) -> Deb:
    needs = {"Depends": f"tb-slow-b (>= {version})"} if name == "tb-slow-a" else {}
    scripts = {"preinst": "sleep 0.25", "postinst": "sleep 0.4"} if slow else {}
    blob = {f"/usr/share/{name}/blob": Filler(MEGABYTE, f"{name} {version}")}
    return Deb(name, version, fields=needs, files=blob, scripts=scripts)


def _conf(version: str) -> Deb:
    conffiles = {"conffiles": "/etc/tb-conf.conf\n"}
    return Deb("tb-conf", version, files={"/etc/tb-conf.conf": f"setting={version}\n"}, scripts=conffiles)


_PLAIN = (
    *("tb-tool", "tb-badpost", "tb-badpre", "tb-held", "tb-newdep", "tb-old", "tb-breaks", "tb-unmet", "tb-phased"),
    *("tb-huge", "tb-big", "tb-fat", "tb-ask", "tb-c++", "tb-restarts"),
)

_before = (
    *(Deb(name, "1.0") for name in _PLAIN),
    Deb("tb-lib", "1.0", (SECURITY,)),
    Deb("tb-ssl", "1.0", (SECURITY,)),
    Deb("tb-kernel", "1.0", (SECURITY,)),
    Deb("tb-both", "1.0", (STABLE, SECURITY)),
    Deb("tb-firmware", "1.0", (RASPBERRY,)),
    Deb("tb-epoch", "1:1.0~rc1+b2"),
    _conf("1.0"),
    _daemon("1.0", "#!/bin/sh\nexec sleep infinity\n"),
    _service("1.0"),
    _stale("1.0", ENABLED.format(name="tb-stale")),
    *(_slow(name, "1.0", slow=False) for name in SLOW),
)
_after = (
    Deb("tb-tool", "1.1"),
    # security has a fix for 1.0, and the ordinary suite something newer yet
    Deb("tb-lib", "1.1", (SECURITY,)),
    Deb("tb-lib", "1.2"),
    Deb("tb-ssl", "1.1", (SECURITY,)),
    Deb("tb-kernel", "1.1", (SECURITY,), scripts={"postinst": REBOOT.format(name="tb-kernel")}),
    Deb("tb-both", "1.1", (STABLE, SECURITY)),
    Deb("tb-firmware", "1.1", (RASPBERRY,)),
    Deb("tb-epoch", "1:1.1+deb12u1"),
    Deb("tb-c++", "1.1"),
    _conf("1.1"),
    Deb("tb-badpost", "1.1", scripts={"postinst": "echo 'tb-badpost: cannot migrate the database' >&2\nexit 1"}),
    # restarts the updater's agent in the middle of its upgrade, as needrestart does
    Deb("tb-restarts", "1.1", scripts={"postinst": "systemctl restart dunebugger-updater\nsleep 1"}),
    Deb("tb-badpre", "1.1", scripts={"preinst": "echo 'tb-badpre: refusing to upgrade' >&2\nexit 1"}),
    Deb("tb-held", "1.1"),
    Deb("tb-newdep", "1.1", fields={"Depends": "tb-newlib (>= 1.1)"}),
    Deb("tb-breaks", "1.1", fields={"Conflicts": "tb-old"}),
    Deb("tb-unmet", "1.1", fields={"Depends": "tb-does-not-exist"}),
    Deb("tb-phased", "1.1", index={"Phased-Update-Percentage": "0"}),
    # says that it needs 1.1 petabytes, and does not
    Deb("tb-huge", "1.1", fields={"Installed-Size": "1099511627776"}),
    # says that it needs 10 KB, and unpacks 48 MB of zeros: its .deb is small
    Deb("tb-big", "1.1", fields={"Installed-Size": "10"}, files={"/opt/tb-big/blob": Filler(48 * MEGABYTE)}),
    # its .deb is large
    Deb("tb-fat", "1.1", files={"/usr/share/tb-fat/blob": Filler(16 * MEGABYTE, "tb-fat")}),
    Deb(
        "tb-ask",
        "1.1",
        fields={"Depends": "debconf"},
        scripts={"postinst": DEBCONF, "config": ASKING, "templates": QUESTION},
    ),
    _daemon("1.1", "#!/bin/sh\necho 'tb-daemon 1.1: no module named lgpio' >&2\nexit 3\n"),
    _service("1.1"),
    _stale("1.1", "true"),
    *(_slow(name, "1.1", slow=True) for name in SLOW),
)
_NEW = {"tb-newdep": (Deb("tb-newlib", "1.1"),)}
"""What comes with a package that needed nothing before."""

BEFORE: Mapping[str, Deb] = {deb.name: deb for deb in _before}
AFTER: Mapping[str, Sequence[Deb]] = {
    name: (*(deb for deb in _after if deb.name == name), *_NEW.get(name, ())) for name in BEFORE if name != "tb-old"
}
ALL: Sequence[Deb] = (*_before, *_after, *(deb for debs in _NEW.values() for deb in debs))
