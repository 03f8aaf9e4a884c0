"""Damaged artifacts for the reference runtime: where from, how damaged, and what comes of them."""
