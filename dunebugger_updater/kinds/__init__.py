"""What a component can be.  A new kind is a file in this folder and a name in ``services/components.py``."""
