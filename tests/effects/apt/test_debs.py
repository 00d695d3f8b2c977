"""Which file is the one of a package and a version."""

from pathlib import Path

import pytest

from dunebugger_updater.effects import apt_debs


def test_a_foreign_architectures_file_is_not_the_devices_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = tmp_path / "arch"
    known.write_text("arm64\narmhf\n")
    monkeypatch.setattr(apt_debs, "ARCHITECTURES", known)
    foreign = tmp_path / "libc6_2.36_armhf.deb"
    foreign.touch()
    assert apt_debs.find(tmp_path, "libc6", "2.36") is None
    assert apt_debs.missing([("libc6", "2.36")], tmp_path) == [("libc6", "2.36")]
    assert apt_debs.find(tmp_path, "libc6:armhf", "2.36") == foreign
    own = tmp_path / "libc6_2.36_arm64.deb"
    own.touch()
    assert apt_debs.find(tmp_path, "libc6", "2.36") == own
    own.rename(tmp_path / "libc6_2.36_all.deb")
    assert apt_debs.find(tmp_path, "libc6", "2.36") == tmp_path / "libc6_2.36_all.deb"
