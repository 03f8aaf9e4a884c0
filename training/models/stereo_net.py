"""`StereoNet`: both disparities of a stereo pair from both views and an earlier estimate, again and again."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from runtime_py.errors import DpocketError
from training.models.blocks import FULL_WIDTH, DisparityNet, Outputs, scaled
from training.models.refinement import Refinement
from training.warp import left_from_right


class StereoNet(nn.Module):
    """S([left, right, d]) with refinement (Ye et al., IEEE TIP 2021); 11,921,728 parameters at the paper's size.

    `recursions` share all weights: d¹ = S([left, right, d⁰]), then d^{k+1} = S([left, right, d^k]) + d^k, at every
    scale; S is never negative, so that by this rule, as published, an estimate never shrinks. Without `summed`
    d^{k+1} = S([left, right, d^k]). With `error_map` (the paper's figure, not the released code) the input also holds
    |left - warp(right, d)|; with `shifts` the same for that many fixed disparities, 0, 1, 2 … px (`shift_errors`):
    a narrow network that must find out by itself what matching is learns nothing for thousands of steps.
    """

    def __init__(
        self,
        width: int = FULL_WIDTH,
        colours: int = 3,
        recursions: int = 2,
        error_map: bool = False,
        summed: bool = True,
        shifts: int = 0,
    ) -> None:
        super().__init__()
        if recursions < 1:
            raise DpocketError(f"'recursions' is {recursions}; Stereo-Net needs 1 at least")
        self.recursions, self.error_map, self.summed = recursions, bool(error_map), bool(summed)
        self.shifts = shifts
        self.net = DisparityNet(colours * (3 if error_map else 2) + 2 + shifts, width)
        self.refinement = Refinement(scaled(16, width), width)

    def forward(self, left_NCHW: Tensor, right_NCHW: Tensor, initial: Tensor) -> tuple[Outputs, ...]:
        """left_NCHW, right_NCHW: (B, colours, H, W) in 0..1, H and W multiples of 32; initial: (B, 2, H, W), d⁰.

        Returns the outputs of every recursion, d¹ first. Raises ContractError for another size.
        """
        estimates: list[Outputs] = []
        errors = shift_errors(left_NCHW, right_NCHW, self.shifts) if self.shifts else None
        for _ in range(self.recursions):
            disparity = estimates[-1].disparities[0] if estimates else initial
            found = self.once(left_NCHW, right_NCHW, disparity, errors)
            if estimates and self.summed:
                summed = zip(found.disparities, estimates[-1].disparities, strict=True)
                found = found._replace(disparities=tuple(new + old for new, old in summed))
            estimates.append(found)
        return tuple(estimates)

    def once(self, left_NCHW: Tensor, right_NCHW: Tensor, disparity: Tensor, errors: Tensor | None = None) -> Outputs:
        """S alone, without the sum; only the finest disparity is refined. errors: `shift_errors`, with `shifts`."""
        given = [left_NCHW, right_NCHW, disparity, *([] if errors is None else [errors])]
        if self.error_map:
            given.append((left_NCHW - left_from_right(right_NCHW, disparity[:, :1])).abs())
        found: Outputs = self.net(torch.cat(given, 1))
        refined = self.refinement(found.disparities[0], found.features[0])
        return found._replace(disparities=(refined, *found.disparities[1:]))


def shift_errors(left_NCHW: Tensor, right_NCHW: Tensor, shifts: int) -> Tensor:
    """(B, shifts, H, W): |left - right moved by k px to the right|, k = 0, 1, 2 …, mean of colours and of 5×5 pixels.

    shifts: 1 at least, and less than the width.
    """
    made = []
    for k in range(shifts):
        moved = F.pad(right_NCHW[..., : right_NCHW.shape[-1] - k], (k, 0, 0, 0), mode="replicate")
        made.append((left_NCHW - moved).abs().mean(1, keepdim=True))
    return F.avg_pool2d(F.pad(torch.cat(made, 1), (2, 2, 2, 2), mode="replicate"), 5, 1)
