"""The real implementations of the ports.  Only the composition roots (``agent``, ``cli``, the hub) import from here."""
