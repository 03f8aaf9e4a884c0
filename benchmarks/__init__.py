"""Measurements and test material of the reference runtime; no part of the installed package."""
