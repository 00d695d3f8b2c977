"""Where the frozen program begins: the command line, in the environment that it would have had without being frozen.

The bootloader leads the dynamic linker to the libraries of this folder by ``LD_LIBRARY_PATH``.  The linker has read it
by now and does not look again; whatever is started from here, by us or by a library that we use, must not inherit it:
apt, git and systemctl would find our libraries in place of the system's.
"""

import os
import sys

for _name in [name for name in os.environ if name.startswith(("_PYI_", "_MEI", "PYINSTALLER_"))]:
    del os.environ[_name]
_original = os.environ.pop("LD_LIBRARY_PATH_ORIG", None)
if _original:
    os.environ["LD_LIBRARY_PATH"] = _original
else:
    os.environ.pop("LD_LIBRARY_PATH", None)

from dunebugger_updater.cli import main  # noqa: E402  (nothing may be started before the environment is clean)

if __name__ == "__main__":
    sys.exit(main())
