"""`Sample`: the one form in which training data reaches a loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Sample:
    """A batch of dual-pixel samples.

    left, right: (B, 1, H, W) linear radiance, about 0..1, black level removed; disparity: (B, 1, H, W) px of this
    width, x_left - x_right along `dp_axis`, positive nearer than focus; valid: (B, 1, H, W) in 0..1, where the
    disparity may be trusted.
    """

    left: Tensor
    right: Tensor
    disparity: Tensor
    valid: Tensor
    dp_axis: str = "horizontal"

    def map(self, change: Callable[[Tensor], Tensor]) -> Sample:
        """The same change made to every tensor."""
        return Sample(change(self.left), change(self.right), change(self.disparity), change(self.valid), self.dp_axis)
