"""From one scene: the dual-pixel pair, its all-in-focus image and the truth, all consistent with each other.

Each layer is blurred by kernels that vary with its depth: its pixels are shared linearly between the two nearest nodes
of blur and each node's part is convolved with that node's kernel. Sharing is additive inside a layer (a surface does
not occlude itself) and "over" between layers, back to front, which lets light from behind an out-of-focus edge through
where the aperture sees past it.

Convolutions are periodic over the canvas, so that its margin is not to be used; where a scene is alone in its batch,
they run over the window that a front layer's light can reach, which a small object makes small.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from types import EllipsisType

import torch
import torch.nn.functional as F
from torch import Tensor

from training.camera import Camera
from training.optics import Aperture, Lens, splat_kernels
from training.scenes import Scene

NODE_STEP, NODE_BLUR = 0.75, 4.5
"""Most px of disparity and of blur between two nodes, so that the two kernels which a pixel is shared between always
look alike."""

ROOM = 3
"""Px around a layer's blurred extent: a linear splat's, and those of a misregistration of up to 2 px."""

SAME_SURFACE = 0.5
"""Surfaces closer than this, px of disparity, count as one for `visible`: matching cannot tell them apart."""


@dataclass(frozen=True)
class Rendered:
    """left, right, sharp: (B, 1, H, W) linear radiance; disparity: px, x_left - x_right; coc: px, signed blur diameter;
    inverse_depth: 1/m; all (B, 1, H, W), of the surface that the reference camera sees in focus.

    visible: (B, 1, H, W) in 0..1, the share of the light there that comes from surfaces at that disparity, in the view
    where it is less. Where it is low, a matcher sees something else than the truth.
    """

    left: Tensor
    right: Tensor
    sharp: Tensor
    disparity: Tensor
    coc: Tensor
    inverse_depth: Tensor
    visible: Tensor


def render_pair(scene: Scene, camera: Camera, shift: Tensor | None = None, margin: int = 24) -> Rendered:
    """What `camera` records of `scene`; `margin` px are cut at every side, where the periodic convolution wraps.

    shift: ((B,) 2, 2) px, added to (view, (y, x)): a vertical misregistration of the sensor's views.

    The disparity is the difference of the kernels' centroids. Squared-difference matching of the two views finds that
    on texture that is coarse beside the blur; on fine texture it finds more through skewed kernels, whose bright edges
    lie farther apart than their centroids. Matching left * K_R(d) with right * K_L(d) (K the kernels of the
    disparity tried, * convolution) compares pictures blurred alike, and is unbiased on every texture.
    """
    h, w = scene.texture.shape[-2:]
    sharp, inverse_depth = front_most(scene)
    disparity = camera.disparity(inverse_depth)
    views, visible = composite(scene, scene.texture, camera, camera.aperture, shift, disparity)
    parts = (
        views[:, :1],
        views[:, 1:],
        sharp,
        disparity,
        camera.circle_of_confusion(inverse_depth),
        inverse_depth,
        visible.amin(1, keepdim=True),
    )
    return Rendered(*(part[..., margin : h - margin, margin : w - margin] for part in parts))


def render_image(
    scene: Scene, camera: Camera, chromatic: tuple[float, float, float] = (0.0, 0.0, 0.0), margin: int = 24
) -> Tensor:
    """The ordinary picture (B, 3, H, W) that `camera` takes of `scene`, grey where the scene has no colour.

    chromatic: px added to the signed blur diameter of red, green and blue, as a lens with axial colour does (it focuses
    them at different distances). An ordinary pixel is both of its halves, so each channel is the mean of the two
    views; one picture through `Lens.whole` would differ from that behind out-of-focus edges, where each half aperture
    hides something else.
    """
    h, w = scene.texture.shape[-2:]
    texture = scene.texture[:, :, None] if scene.colour is None else scene.colour
    _, inverse_depth = front_most(scene)
    rendered: dict[tuple[int, float], Tensor] = {}
    channels = []
    for index, extra in enumerate(chromatic):
        source = min(index, texture.shape[2] - 1)
        if (source, extra) not in rendered:
            shifted = replace(camera, focus=camera.focus - extra / camera.slope)
            truth = shifted.disparity(inverse_depth)
            views, _ = composite(scene, texture[:, :, source], shifted, camera.aperture, None, truth)
            rendered[source, extra] = views.mean(1)
        channels.append(rendered[source, extra])
    return torch.stack(channels, 1)[..., margin : h - margin, margin : w - margin]


def front_most(scene: Scene) -> tuple[Tensor, Tensor]:
    """All-in-focus image and inverse depth (1/m) of the surface seen at each pixel, each (B, 1, H, W)."""
    sharp, inverse_depth = scene.texture[:, 0], scene.inverse_depth[:, 0]
    for index in range(1, scene.texture.shape[1]):
        cover = scene.coverage[:, index]
        sharp = sharp * (1 - cover) + scene.texture[:, index] * cover
        inverse_depth = torch.where(cover > 0.5, scene.inverse_depth[:, index], inverse_depth)
    return sharp[:, None], inverse_depth[:, None]


def composite(
    scene: Scene, texture: Tensor, camera: Camera, lens: Lens, shift: Tensor | None, disparity: Tensor
) -> tuple[Tensor, Tensor]:
    """`texture` (B, L, H, W) of the scene's layers through `lens`, back to front: views and visibility, (B, V, H, W).

    disparity: (B, 1, H, W), the truth that visibility is told of. Only with B = 1 are layers in front convolved in a
    window of their own: those of a batch would need one each.
    """
    views = visible = torch.zeros(())
    tiles = lens.tiles(*texture.shape[-2:])
    shown = scene.coverage.flatten(2).any(2).any(0).tolist()
    for index in range(texture.shape[1]):
        if not shown[index]:
            continue
        blur, cover = camera.circle_of_confusion(scene.inverse_depth[:, index]), scene.coverage[:, index]
        layer_disparity = camera.disparity(scene.inverse_depth[:, index, None])
        same = ((layer_disparity - disparity).abs() < SAME_SURFACE).to(texture.dtype)
        alone = index > 0 and texture.shape[0] == 1
        window = _window(blur[0], cover[0], tiles) if alone else _whole(*texture.shape[-2:])
        light, seen = _blur_layer(
            window.widened(texture[:, index]), window.widened(cover), window.blur_of(blur), camera.alpha,
            [(tile, None if region is None else window.widened(region)) for tile, region in tiles], shift,
        )  # fmt: skip
        cut, light, seen = window.cut, window.narrowed(light), window.narrowed(seen)
        if index == 0:
            views, visible = light / torch.clamp(seen, min=1e-3), same.expand_as(light).clone()
        else:
            views[cut] = views[cut] * (1.0 - seen) + light
            visible[cut] = visible[cut] * (1.0 - seen) + same[cut] * seen
    return views, visible


@dataclass(frozen=True)
class _Window:
    """The part `cut` of a canvas that a layer's light can reach, with `pad` px (left, right, top, bottom) of darkness
    around it, so that what leaves the canvas at one side does not come back inside; `range` of the layer's blur where
    it covers anything, px (None: of all of it)."""

    cut: tuple[EllipsisType, slice, slice]
    pad: tuple[int, int, int, int]
    range: tuple[float, float] | None = None

    def widened(self, plane: Tensor) -> Tensor:
        return F.pad(plane[self.cut], self.pad)

    def blur_of(self, blur: Tensor) -> Tensor:
        """Blur as it is where the layer is; what it is elsewhere must not ask for kernels."""
        return self.widened(blur) if self.range is None else self.widened(blur).clamp(*self.range)

    def narrowed(self, plane: Tensor) -> Tensor:
        left, right, top, bottom = self.pad
        h, w = plane.shape[-2:]
        return plane[..., top : h - bottom, left : w - right]


def _whole(h: int, w: int) -> _Window:
    return _Window((..., slice(0, h), slice(0, w)), (0, 0, 0, 0))


def _window(blur: Tensor, cover: Tensor, tiles: list[tuple[Aperture, Tensor | None]]) -> _Window:
    """Where a layer (H, W) is seen: small objects need no large transforms. An axis that is mostly covered is whole."""
    covered = cover > 0
    inside = blur[covered]
    widest = max(float(torch.maximum(lens.u.abs().max(), lens.v.abs().max())) for lens, _ in tiles)
    reach = math.ceil(widest * float(inside.abs().max())) + ROOM
    cuts, pads = [], []
    for axis, size in ((1, cover.shape[0]), (0, cover.shape[1])):
        hit = covered.any(axis).nonzero()
        first, last = int(hit[0]) - reach, int(hit[-1]) + 1 + reach
        last += (first - last) % 16  # multiples of 16 make fast transforms
        if last - first >= size:
            first, last = 0, size
        cuts.append(slice(max(first, 0), min(last, size)))
        pads.append((max(-first, 0), max(last - size, 0)))
    return _Window((..., cuts[0], cuts[1]), (*pads[1], *pads[0]), (float(inside.min()), float(inside.max())))


def _blur_layer(
    texture: Tensor,
    cover: Tensor,
    blur: Tensor,
    alpha: Tensor,
    tiles: list[tuple[Aperture, Tensor | None]],
    shift: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Premultiplied light and coverage, each (B, V, H, W) in all views, of a layer (texture, cover, blur (B, H, W))."""
    h, w = blur.shape[-2:]
    nodes, step = _nodes(blur, alpha)
    near = torch.clamp(1.0 - (blur[:, None] - nodes[..., None, None]).abs() / step[:, None, None, None], min=0.0)
    near = near * cover[:, None]
    spectrum = torch.zeros(())
    for lens, region in tiles:
        share = near if region is None else near * region
        kernels = torch.fft.rfft2(splat_kernels(lens, nodes, (h, w), shift))
        both = torch.stack([share * texture[:, None], share], dim=2)
        spectrum = spectrum + torch.einsum("bpqhw,bpvhw->bqvhw", torch.fft.rfft2(both), kernels)
    light, coverage = torch.fft.irfft2(spectrum, s=(h, w)).unbind(1)
    # Kernels that converge, on a slant or in a field of them, cover a pixel more than once; its radiance is their mean.
    return light / torch.clamp(coverage, min=1.0), torch.clamp(coverage, 0.0, 1.0)


def _nodes(blur: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
    """Circles of confusion (B, P) that a layer's pixels are shared between, and their distance (B,), in px.

    Every sample has as many as its own range asks for, so that what is rendered does not depend on the rest of the
    batch; the last of P may be idle.
    """
    low = blur.amin((1, 2))
    # A flat layer keeps a small span, so that only its first node takes part.
    span = torch.clamp(blur.amax((1, 2)) - low, min=0.2)
    planes = torch.ceil(span / torch.clamp(NODE_STEP / alpha, max=NODE_BLUR)) + 1
    step = span / (planes - 1)
    return low[:, None] + step[:, None] * torch.arange(math.ceil(float(planes.max())), device=blur.device), step
