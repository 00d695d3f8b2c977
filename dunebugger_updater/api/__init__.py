"""The edge of an agent or a hub: HTTP and the WebSocket over a ``Fleet``.  It sees ``fleet.py`` and ``model/``."""
