"""What pip said, and what a person should read of it."""

from pathlib import Path

import pytest

from dunebugger_updater.effects.pip_words import why_pip_failed

CAPTURES = Path(__file__).parents[1] / "captures" / "pip"


@pytest.mark.parametrize(
    ("name", "offline", "why"),
    [
        ("nowheel", True, "no wheel in the release's wheels folder fits flask==3.0.0 on this device"),
        ("nowheel", False, "nothing in the package index fits flask==3.0.0 on this device"),
        ("unreachable", False, "cannot reach the package index; check the network"),
        ("noname", False, "cannot reach the package index: its name was not resolved; check the network"),
        ("noname-newer", False, "cannot reach the package index: its name was not resolved; check the network"),
        ("hash", False, "a package is not the one that the requirements' hashes name; do not use it"),
        (
            "compile",
            False,
            (
                "lgpio-like cannot be built on this device "
                "(x.c:1:10: fatal error: nowhere.h: No such file or directory); ship a wheel for it"
            ),
        ),
        (
            "metadata-newer",
            False,
            (
                "lgpio-like-1.0.tar.gz cannot be built on this device (error: invalid command 'bdist_wheel'); "
                "ship a wheel for it"
            ),
        ),
    ],
)
@pytest.mark.req("DB-110")
def test_the_cause_is_told_rather_than_the_last_line(name: str, offline: bool, why: str) -> None:
    assert why_pip_failed((CAPTURES / f"{name}.txt").read_text(), offline=offline) == why


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n",
            "there is no space left on the disk",
        ),
        (
            "ERROR: Package 'x' requires a different Python: 3.11.2 not in '>=3.13'\n",
            "this device's Python does not fit: 3.11.2 not in '>=3.13'",
        ),
        (
            "SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] not yet valid'))",
            "the package index's certificate cannot be verified; check the clock and ca-certificates",
        ),
        ("ERROR: Invalid requirement: 'a b'\n", "Invalid requirement: 'a b'"),
        ("Killed\n", "Killed"),
        ("", "pip failed without a word"),
    ],
)
def test_what_is_not_known_is_shown_as_pip_says_it(told: str, why: str) -> None:
    assert why_pip_failed(told, offline=False) == why
