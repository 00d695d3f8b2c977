"""``python -m dunebugger_updater``: the command line, from a checkout."""

import sys

from dunebugger_updater.cli import main

sys.exit(main())
