"""Latency of artifacts side by side, and where their nodes run: `bench` is the job behind `dpocket bench`."""

from __future__ import annotations

from runtime_py.bench.job import Bench, Entry, bench

__all__ = ["Bench", "Entry", "bench"]
