"""A tiny device for the command line: an app 1.0.0 that runs, and releases 1.1.0 (good) and 1.2.0 (sick) on offer."""

import contextlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stories.real_app import RealDevice, real_device
from stories.real_releases import publisher

from dunebugger_updater import cli


@dataclass
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output; fails when there is anything else."""
        return json.loads(self.out)


def say(*words: str | Path) -> Said:
    """Call the command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = cli.main([str(word) for word in words])
        except SystemExit as ended:  # argparse ends like that
            code = ended.code if isinstance(ended.code, int) else 1
    return Said(code, out.getvalue(), err.getvalue())


@contextlib.contextmanager
def tiny_device(root: Path, *, running: bool = True) -> Iterator[RealDevice]:
    """The device, and its fake GitHub in a thread; all of it ends with the block."""
    with publisher() as published, real_device(root, published.shelf("1.1.0", "1.2.0")) as device:
        device.install_by_hand("1.0.0")
        if running:
            device.begin()
        yield device


def configuration(root: Path, *, more: str = "", url: str = "http://127.0.0.1:9") -> Path:
    """A configuration of one app that is not installed, with a release server where nobody answers."""
    file = root / "small.conf"
    file.write_text(
        f"[Updater]\nstatePath = {root}/state\nbackupPath = {root}/backups\ngithubApiUrl = {url}\n{more}\n"
        f"[Component core]\ntype = python_app\nrepository = dunebugger/core\ninstallPath = {root}/core\n"
        "runner = process\ncommand = python3 app.py\n"
    )
    return file
