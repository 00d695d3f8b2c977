"""The web panel: pages over a ``Fleet``, the same on an agent and on a hub; it sees nothing of the device itself."""
