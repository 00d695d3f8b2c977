"""App images of two megabytes: busybox and a start script, in versions that behave and versions that do not.

They are made and pushed once, into a storage keyed on this recipe; each session's registry begins with a copy of it.
No builder is needed: ``docker import`` gives a layer its settings.
"""

import hashlib
import io
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path

from device.bed import place
from device.bed.engine import Engine
from device.bed.registry import Registry

APP = "dunebugger/app"
NEIGHBOUR = "dunebugger/neighbour"
VERSIONS = {"1.0.0": "ok", "1.1.0": "ok", "1.2.0": "crash", "1.3.0": "sick", "1.4.0": "slow"}
START = r"""
b=/bin/busybox
echo "app $APP_VERSION ($APP_MODE) starts"
[ "$APP_MODE" = crash ] && { echo "FATAL: cannot load configuration: missing key 'broker'" >&2; exit 3; }
$b mkdir -p /tmp/www
printf '{"version":"%s"}\n' "$APP_VERSION" >/tmp/www/version
health() { printf '{"status":"ok","version":"%s"}\n' "$APP_VERSION" >/tmp/www/health; }
case $APP_MODE in sick) ;; slow) ( $b sleep 8; health ) & ;; *) health ;; esac
trap 'kill $p; exit 0' TERM INT
$b httpd -f -p "$PORT" -h /tmp/www & p=$!
wait $p
"""
HEALTH = (
    "HEALTHCHECK --interval=1s --timeout=2s --retries=3 --start-period=2s "
    'CMD ["/bin/busybox","sh","-c","/bin/busybox wget -q -O /dev/null http://127.0.0.1:$PORT/health"]'
)


@dataclass(frozen=True)
class Images:
    """What is in the session's registry.  Each listens on ``$PORT`` (8080) and serves ``/version`` and ``/health``.

    1.0.0 and 1.1.0 are well; 1.2.0 exits at once with code 3; 1.3.0 runs but its health fails; 1.4.0 is healthy only
    after 8 s; ``latest`` is 1.0.0 until a test moves it.  ``neighbour`` has 1.0.0 only.
    """

    app: str
    neighbour: str


def stored(engine: Engine) -> Path:
    """The storage of a registry that holds all of them, made when it is not there yet."""
    busybox = shutil.which("busybox")
    if busybox is None:
        raise place.MissingError("cannot find the program busybox: install busybox-static")
    recipe = "\n".join([START, HEALTH, repr(VERSIONS), hashlib.sha256(Path(busybox).read_bytes()).hexdigest()])
    storage = place.cache() / f"images-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    with place.locked("images"):
        if not storage.is_dir():
            _make(engine, Path(busybox), storage)
    return storage


def _make(engine: Engine, busybox: Path, storage: Path) -> None:
    folder = place.cache() / "images-making"
    shutil.rmtree(folder, ignore_errors=True)
    registry = Registry(folder)
    try:
        archive = folder / "root.tar"
        archive.write_bytes(_root(busybox))
        for version, mode in VERSIONS.items():
            _push(engine, archive, registry.reference(APP, version), version, mode)
        _push(engine, archive, registry.reference(NEIGHBOUR, "1.0.0"), "1.0.0", "ok")
        registry.move_tag(APP, "latest", "1.0.0")
        registry.move_tag(NEIGHBOUR, "latest", "1.0.0")
        registry.stop()
        (folder / "storage").rename(storage)
    finally:
        engine.remove_images_of(f"{registry.address}/")  # tests are to pull for real
        registry.close()


def _push(engine: Engine, archive: Path, reference: str, version: str, mode: str) -> None:
    settings = [
        f"ENV APP_VERSION={version} APP_MODE={mode} PORT=8080",
        "EXPOSE 8080",
        f"LABEL org.opencontainers.image.version={version}",
        HEALTH,
        'CMD ["/bin/busybox","sh","/start.sh"]',
    ]
    engine.docker("import", *(word for line in settings for word in ("--change", line)), archive, reference)
    engine.docker("push", "-q", reference)


def _root(busybox: Path) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as tar:
        for name, content in {"bin/busybox": busybox.read_bytes(), "start.sh": START.encode()}.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))
        folder = tarfile.TarInfo("tmp")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
        tar.addfile(folder)
    return whole.getvalue()
