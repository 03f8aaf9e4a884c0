"""Video: objects that move in a scene, a camera that moves through it, and where each point goes meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from training.camera import Camera
from training.dice import TAU, pixel_grid
from training.interpolate import bilinear, spline_coefficients, spline_values
from training.scenes import Scene
from training.viewpoint import Surfaces, Viewpoint

TREMORS = 3
"""Sines that a shaking hand is the sum of."""


@dataclass(frozen=True)
class Motion:
    """How B scenes of L layers change with time; at time 0 each is what it is, seen by its reference camera.

    Objects, in the reference picture: velocity (B, L, 2) px/s right and down; spin (B, L) rad/s, positive clockwise,
    about centre (B, L, 2) px right and down of the picture's centre. Their inverse depth goes with them.
    Camera: focal_px (B,); travel (B, 3) m/s right, down, forward; turn (B, 3) rad/s as in `Viewpoint`; on top of it
    tremors: amplitude (B, 6, K), three in m and three in rad, frequency (B, 1, K) Hz, phase (B, 6, K) rad.
    """

    velocity: Tensor
    spin: Tensor
    centre: Tensor
    focal_px: Tensor
    travel: Tensor
    turn: Tensor
    amplitude: Tensor
    frequency: Tensor
    phase: Tensor

    def viewpoint(self, t: float) -> Viewpoint:
        """Where the camera is at time t, s."""
        swing = torch.sin(TAU * self.frequency * t + self.phase) - torch.sin(self.phase)
        path = t * torch.cat([self.travel, self.turn], 1) + (self.amplitude * swing).sum(2)
        return Viewpoint(self.focal_px, path[:, :3], path[:, 3:])

    def carried(self, points: Tensor, start: float, end: float, layer: Tensor) -> Tensor:
        """Where points (B, N, ..., 2) px of the reference picture, which belong to `layer` (B, N, ...) at time `start`,
        are at time `end`, had the camera stayed."""
        flat = layer.flatten(1)
        shape = (*layer.shape, 2)
        centre = self.centre.gather(1, flat[..., None].expand(-1, -1, 2)).reshape(shape)
        velocity = self.velocity.gather(1, flat[..., None].expand(-1, -1, 2)).reshape(shape)
        angle = (end - start) * self.spin.gather(1, flat).reshape(layer.shape)
        x, y = (points - centre - velocity * start).unbind(-1)
        cos, sin = torch.cos(angle), torch.sin(angle)
        return torch.stack([cos * x - sin * y, sin * x + cos * y], -1) + centre + velocity * end


def still(scene: Scene, focal_px: Tensor) -> Motion:
    """Nothing moves; `dataclasses.replace` sets what shall."""
    b, layers = scene.texture.shape[:2]
    device = scene.texture.device
    plane, vector = torch.zeros(b, layers, 2, device=device), torch.zeros(b, 3, device=device)
    tremor = torch.zeros(b, 6, TREMORS, device=device)
    return Motion(plane, plane[..., 0], plane, focal_px, vector, vector, tremor, tremor[:, :1], tremor)


def random_motion(generator: torch.Generator, scene: Scene, camera: Camera) -> Motion:
    """Half of the objects move, at up to 60 px/s; the camera is held in a hand that walks, pans or rests.

    Distances in metres are chosen from the scene's nearest surface, which the camera's way displaces by 2..60 px/s.
    """
    b, layers, h, w = scene.texture.shape

    def uniform(*shape: int) -> Tensor:
        return 2.0 * torch.rand(*shape, generator=generator, device=generator.device) - 1.0

    def log_uniform(low: float, high: float, *shape: int) -> Tensor:
        return low * (high / low) ** (0.5 + 0.5 * uniform(*shape))

    moves = (uniform(b, layers, 1) > 0).float()
    moves[:, 0] = 0.0
    centre = uniform(b, layers, 2) * torch.tensor([w / 2, h / 2], device=generator.device)
    nearest = scene.inverse_depth.amax((1, 2, 3))[:, None]
    per_px = 1.0 / (camera.focal_px[:, None] * nearest)
    lateral = uniform(b, 2) * per_px
    forward = 0.5 * uniform(b, 1) / (w / 2 * nearest)
    travel = log_uniform(2.0, 60.0, b, 1) * torch.cat([lateral, forward], 1)
    turn = log_uniform(1.0, 40.0, b, 1) * uniform(b, 3) / camera.focal_px[:, None]
    sway, jitter = log_uniform(0.1, 1.0, b, 1) * per_px, log_uniform(0.2, 3.0, b, 1) / camera.focal_px[:, None]
    amplitude = torch.cat([sway.expand(-1, 3), jitter.expand(-1, 3)], 1)
    frequency = log_uniform(0.8, 12.0, b, 1, TREMORS)
    return Motion(
        velocity=moves * log_uniform(2.0, 60.0, b, layers, 1) * uniform(b, layers, 2),
        spin=moves[..., 0] * 0.5 * uniform(b, layers),
        centre=centre,
        focal_px=camera.focal_px,
        travel=travel,
        turn=turn,
        amplitude=amplitude[..., None] * uniform(b, 6, TREMORS) / frequency,
        frequency=frequency,
        phase=TAU * uniform(b, 6, TREMORS),
    )


def at_time(scene: Scene, motion: Motion, t: float) -> Scene:
    """The scene at time t, s, as the moving camera's reference picture; layers keep their order.

    What was outside of the canvas at time 0 is its mirror image.
    """
    return Surfaces(_moved(scene, motion, t)).seen_from(motion.viewpoint(t))


def flow(scene: Scene, motion: Motion, start: float, end: float) -> tuple[Tensor, Tensor]:
    """(displacement, visible) of what the moving camera sees in focus at time `start`, until time `end`.

    displacement: (B, 2, H, W) px right and down. visible: (B, 1, H, W) in {0, 1}: 1 where the point is inside of the
    picture then and no layer in front hides it; like the renderer, a surface does not hide itself.
    """
    first, last = at_time(scene, motion, start), at_time(scene, motion, end)
    b, layers, h, w = first.texture.shape
    index = torch.arange(layers, device=first.texture.device)[None, :, None, None]
    front = ((first.coverage > 0.5) * index).amax(1, keepdim=True)
    inverse_depth = first.inverse_depth.gather(1, front)
    y, x = (t.expand(b, 1, h, w) for t in pixel_grid(h, w, first.texture.device))
    lines = motion.viewpoint(start).back_project(x, y)
    inverse_depth = inverse_depth / (lines.turned + lines.ahead * inverse_depth)
    points = motion.carried(lines.at(inverse_depth), start, end, front)
    seen_x, seen_y, _ = motion.viewpoint(end).project(points[..., 0], points[..., 1], inverse_depth)
    at_end = torch.stack([seen_x, seen_y], -1)[:, 0]
    hidden = ((bilinear(last.coverage, at_end) > 0.5) & (index > front)).any(1, keepdim=True)
    inside = (seen_x.abs() <= (w - 1) / 2) & (seen_y.abs() <= (h - 1) / 2)
    return torch.cat([seen_x - x, seen_y - y], 1), (inside & ~hidden).float()


def _moved(scene: Scene, motion: Motion, t: float) -> Scene:
    """Layers moved and turned in the picture, before a camera that stays."""
    b, layers, h, w = scene.texture.shape
    y, x = pixel_grid(h, w, scene.texture.device)
    grid = torch.stack([x, y], -1).expand(b, layers, h, w, 2)
    layer = torch.arange(layers, device=x.device)[None, :, None, None].expand(b, layers, h, w)
    points = motion.carried(grid, t, 0.0, layer).flatten(0, 1)
    light = scene.texture[:, :, None] if scene.colour is None else scene.colour
    light = spline_values(spline_coefficients(light.flatten(0, 1)), points).clamp(min=0.0).reshape(b, layers, -1, h, w)
    solid = torch.stack([scene.coverage, scene.inverse_depth], 2).flatten(0, 1)
    solid = bilinear(solid, points).reshape(b, layers, 2, h, w)
    return replace(
        scene,
        texture=light[:, :, 0 if scene.colour is None else 1],
        coverage=torch.cat([scene.coverage[:, :1], solid[:, 1:, 0]], 1),
        inverse_depth=solid[:, :, 1],
        colour=None if scene.colour is None else light,
    )
