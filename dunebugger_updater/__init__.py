"""Keeps every part of a small Linux device up to date, and always able to go back."""

__version__ = "0.1.0"
