"""`Facts`: what was measured on all windows of one source."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from benchmarks.realism.edges import Edges, edges
from benchmarks.realism.gain import GainField, gain_field
from benchmarks.realism.matching import Blocks, blocks
from benchmarks.realism.noise import NoiseLaw, fit_noise, quiet
from benchmarks.realism.pairs import Array, Mask, Source
from benchmarks.realism.texture import Texture, texture
from runtime_py.contract import Preprocess


@dataclass(frozen=True)
class Facts:
    """One entry per window, in the source's order; `captures` names the capture of each."""

    title: str
    captures: tuple[str, ...]
    textures: tuple[Texture, ...]
    blocks: tuple[Blocks, ...]
    edges: tuple[Edges, ...]

    def of_blocks(self, name: str, which: str = "all") -> Array:
        """A member of `Blocks` over all windows; `which`: "all", "structured", "matched" or "quiet" blocks."""
        chosen = [getattr(b, name)[_mask(b, which)] for b in self.blocks]
        return np.concatenate(chosen) if chosen else np.zeros(0)

    def of_edges(self, name: str) -> Array:
        """A member of `Edges` over all windows."""
        return np.concatenate([getattr(e, name) for e in self.edges])

    @cached_property
    def gains(self) -> tuple[GainField, ...]:
        """Gain fields of the windows that are lit enough to have one."""
        return tuple(field for b in self.blocks if (field := gain_field(b)) is not None)

    def by_window(self, name: str, low: float, high: float, fewest: int = 4) -> Array:
        """Of each window, the distance between two percentiles of a member of its matched blocks (one percentile when
        `low` is `high`); windows of fewer than `fewest` such blocks have no say."""
        found = []
        for b in self.blocks:
            values = getattr(b, name)[b.matched]
            if values.size >= fewest:
                first, last = np.percentile(values, (low, high))
                found.append(float(first if low == high else last - first))
        return np.array(found)

    def noise_law(self, capture: str) -> NoiseLaw:
        """Shot and read noise of one capture, in working px."""
        mine = [b for b, name in zip(self.blocks, self.captures, strict=True) if name == capture]
        light = np.concatenate([b.light[_mask(b, "quiet")] for b in mine])
        sigma = np.concatenate([(b.sigma * b.light)[_mask(b, "quiet")] for b in mine])
        return fit_noise(light, sigma)


def _mask(found: Blocks, which: str) -> Mask:
    if which == "all":
        return np.ones(found.level.size, np.bool_)
    if which == "quiet":
        return quiet(found.structure, found.level)
    return np.asarray(getattr(found, which), np.bool_)


def measure(source: Source, settings: Preprocess) -> Facts:
    """All measurements on a source; about 12 ms a window of 160 px."""
    return Facts(
        source.title,
        tuple(w.capture for w in source.windows),
        tuple(texture(w, settings) for w in source.windows),
        tuple(blocks(w, settings) for w in source.windows),
        tuple(edges(w) for w in source.windows),
    )
