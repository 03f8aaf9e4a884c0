"""Renders the dual-pixel capture that ships with the project, in the format of Google's capture app.

`python -m training.demo_capture` writes it anew: a tabletop with five objects between a phone and a wall, in focus
at 45 cm, as a Pixel 4 would store it (2016×756 PGM of 10-bit values, pixels twice as high as wide).
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from runtime_py.captures.google_app import WHITE
from runtime_py.captures.pgm import write_pgm
from runtime_py.files import write_atomic
from training.camera import Camera, thin_lens_camera
from training.dice import Dice, pixel_grid
from training.optics import ThinLens, aperture
from training.render import render_pair
from training.scenes import Scene
from training.sensor import expose, sensor
from training.textures import dead_leaves, fractal_noise, grating, written_lines

HEIGHT, WIDTH, MARGIN = 1512, 2016, 48
PIXEL_4 = ThinLens(focal_length=4.38e-3, f_number=1.73, focus_distance=0.45, pixel_pitch=2.8e-6)
SAMPLES = Path(__file__).parents[1] / "runtime_py" / "samples"
STAMP = "20261122_120000_000"
SEED = 20261122
SENSOR = sensor(
    electrons=6000.0,
    read_noise=3.0,
    bits=10,
    black=64.0,
    lean=(0.11, -0.11),
    falloff=(0.125, 0.125),
    rows_binned=2,
)
STEP = WHITE / 1023
"""Stored value of one count of the sensor's 10 bits."""


def tabletop() -> Scene:
    """Wall at 2.4 m, a table rising towards the camera, and objects from 1.1 m to 0.3 m."""
    generator = torch.Generator().manual_seed(SEED)
    dice = Dice(generator, 1)
    h, w = HEIGHT + 2 * MARGIN, WIDTH + 2 * MARGIN
    y, x = pixel_grid(h, w, generator.device)

    def surface(field: Tensor, base: float, contrast: float) -> Tensor:
        return base * torch.exp(torch.clamp(contrast * field, -2.5, 1.5))[0]

    def flat(depth: float) -> Tensor:
        return torch.full((h, w), 1 / depth)

    def box(cy: float, cx: float, ry: float, rx: float, tilt: float) -> Tensor:
        v = (y - cy) * np.cos(tilt) - (x - cx) * np.sin(tilt)
        u = (y - cy) * np.sin(tilt) + (x - cx) * np.cos(tilt)
        return torch.clamp(torch.minimum(ry - v.abs(), rx - u.abs()) + 0.5, 0.0, 1.0)

    def disc(cy: float, cx: float, r: float) -> Tensor:
        return torch.clamp(r - torch.sqrt((y - cy) ** 2 + (x - cx) ** 2) + 0.5, 0.0, 1.0)

    noise = [fractal_noise(dice, h, w) for _ in range(4)]
    print_, leaves = written_lines(dice, h, w), dead_leaves(dice, h, w, 60)
    stripes = grating(dice, h, w)
    edge = 60.0
    near_table = torch.clamp((y - edge) / (h / 2 - edge), 0.0, 1.0)
    table = 1 / 1.6 + (1 / 0.33 - 1 / 1.6) * near_table
    layers = [
        (surface(0.7 * noise[0] + 0.6 * leaves, 0.16, 0.8), torch.ones(h, w), flat(2.4)),
        (surface(noise[1], 0.30, 0.35), torch.clamp(y - edge + 0.5, 0.0, 1.0), table),
        (surface(noise[3] + 0.5 * stripes, 0.22, 0.6), box(-60, -560, 330, 210, 0.04), flat(1.1)),
        (surface(noise[3], 0.38, 0.5), disc(20, 210, 260), flat(0.70)),
        (surface(print_ + 0.3 * noise[2], 0.30, 0.5), box(330, -330, 250, 340, -0.18), flat(0.45)),
        (surface(leaves + 0.5 * noise[1], 0.20, 0.6), box(260, 690, 420, 150, 0.1), flat(0.36)),
        (surface(noise[2] + 0.5 * leaves, 0.14, 0.7), disc(610, 120, 190), flat(0.31)),
    ]
    stacked = [torch.stack(part)[None] for part in zip(*layers, strict=True)]
    return Scene(stacked[0], stacked[1], stacked[2])


def camera() -> Camera:
    """A phone whose two half apertures are no mirror images of each other."""
    return thin_lens_camera(PIXEL_4, aperture("butterworth", shape=0.4, right_shape=0.7, offset=-0.02))


def main() -> None:
    """Write both views and the true disparity (px at 2016 px width, 16-bit PNG: value / 1024 - 32)."""
    rendered = render_pair(tabletop(), camera(), margin=MARGIN)
    views = torch.cat([rendered.left, rendered.right], 1)
    counts = expose(views, SENSOR, torch.Generator().manual_seed(SEED)).stored[0].numpy()
    for name, view in zip(("left", "right"), counts, strict=True):
        write_pgm(SAMPLES / f"{STAMP}_{name}.pgm", np.asarray(view * STEP + 0.5, np.uint16))
    truth = cv2.resize(rendered.disparity[0, 0].numpy(), (WIDTH // 4, HEIGHT // 4), interpolation=cv2.INTER_NEAREST)
    encoded = np.asarray(np.clip((truth + 32.0) * 1024.0 + 0.5, 0, 65535), np.uint16)
    write_atomic(SAMPLES / f"{STAMP}_truth.png", bytes(cv2.imencode(".png", encoded)[1]))


if __name__ == "__main__":
    main()
