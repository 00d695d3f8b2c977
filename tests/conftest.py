"""Settings of all tests."""

import os

from hypothesis import settings

# No deadline: a busy machine is no failure.  In CI the same examples each time: a change is judged by itself, and what
# a search by hand finds becomes an example of its own.
settings.register_profile("by_hand", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "by_hand")
