"""Rendered training pairs beside real captures: the same statistics of both, from the same code, as a page.

Run from the repository's root: `python -m benchmarks.realism CAPTURES --out DIR [--count N]`.
"""
