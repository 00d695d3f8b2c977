"""Keys made for one test session, and the signatures that apt asks for."""

import shutil
import tempfile
import threading
from pathlib import Path

from device.bed import place

TRUSTED, STRANGER = "archive@invalid", "stranger@invalid"


class Signer:
    """A throw-away key that devices trust, and one that they do not."""

    def __init__(self) -> None:
        self._one_at_a_time = threading.Lock()
        # short, since gpg's agent listens on a socket in it
        self._home = Path(tempfile.mkdtemp(prefix="bed-gpg-"))
        for name in (TRUSTED, STRANGER):
            self._gpg("--passphrase", "", "--quick-gen-key", name, "ed25519", "sign", "never")
        self.key = self._gpg("--armor", "--export", TRUSTED) + "\n"
        """As apt's ``signed-by`` takes it."""

    def signed(self, text: str, by: str = TRUSTED) -> str:
        """``InRelease``: the text and its signature in one."""
        with self._one_at_a_time:  # tests may do several things side by side
            plain = self._home / "text"
            plain.write_text(text)
            return self._gpg("--local-user", by, "--clearsign", "--output", "-", str(plain)) + "\n"

    def close(self) -> None:
        place.run(["gpgconf", "--homedir", self._home, "--kill", "all"])
        shutil.rmtree(self._home, ignore_errors=True)

    def _gpg(self, *words: str) -> str:
        return place.must(["gpg", "--homedir", self._home, "--batch", "--quiet", *words])
