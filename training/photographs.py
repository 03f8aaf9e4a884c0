"""Real pictures in rendered scenes: photographs as the textures of layers, pictures with depth as whole scenes."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from runtime_py.captures.images import read_bytes, read_image
from runtime_py.captures.pfm import read_pfm
from runtime_py.errors import CaptureError
from training.camera import Camera
from training.dice import Dice
from training.scenes import Scene, disparity_range
from training.slices import sliced

PICTURES = (".png", ".jpg", ".jpeg")
LONGEST_SIDE = 1024
"""Larger pictures are reduced to this when they are read."""

KEPT = 24
"""Decoded pictures kept in memory, at most 13 MB each."""

TEXTURED, FRAMED = 0.7, 0.5
"""Of scenes with photographs: share of their surfaces that show one, and share of pictures with depth where there are
both."""


def _millimetres(path: Path) -> NDArray[np.float32]:
    stored = read_image(path)
    if stored.dtype != np.uint16 or stored.ndim != 2:
        raise CaptureError(
            f"{path} holds {stored.dtype} samples of shape {stored.shape}; depth is one 16-bit plane of mm"
        )
    return stored.astype(np.float32) / 1000.0


def _array(path: Path) -> NDArray[np.float32]:
    try:
        stored = np.array(np.lib.format.open_memmap(path, mode="r"))
    except (OSError, ValueError) as e:
        raise CaptureError(f"{path} is no NumPy array that can be read: {e}") from e
    return _metres(path, stored)


def _tiff(path: Path) -> NDArray[np.float32]:
    import cv2

    try:
        stored = cv2.imdecode(np.frombuffer(read_bytes(path), np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        stored = None
    if stored is None:
        raise CaptureError(f"{path} is a damaged or unsupported TIFF; copy or export it again")
    return _metres(path, stored)


def _metres(path: Path, stored: NDArray[Any]) -> NDArray[np.float32]:
    if stored.ndim != 2 or stored.dtype.kind not in "uf":
        raise CaptureError(
            f"{path} holds {stored.dtype} samples of shape {stored.shape}; depth is one plane of numbers"
        )
    scale = 1000.0 if stored.dtype == np.uint16 else 1.0
    return np.asarray(stored, np.float32) / np.float32(scale)


DEPTHS: Mapping[str, Callable[[Path], NDArray[np.float32]]] = MappingProxyType(
    {".png": _millimetres, ".pfm": read_pfm, ".npy": _array, ".tif": _tiff, ".tiff": _tiff}
)
"""How `<name>_depth` is read, by suffix: 16-bit samples are millimetres, floats metres; 0 and what is not finite is
unknown."""


class Photographs:
    """The pictures of a folder and its sub-folders, read when they are needed.

    `pictures`: files without depth; `frames`: (picture, depth) files; both in sorted order. `skipped`: pictures that
    could not be read so far, or their depth, with the reason; another one takes their place.
    """

    def __init__(self, folder: Path) -> None:
        found = sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))
        depths = {
            p.with_name(p.stem.removesuffix("_depth")): p
            for p in found
            if p.stem.endswith("_depth") and p.suffix.lower() in DEPTHS
        }
        colour = [p for p in found if p.suffix.lower() in PICTURES and p not in set(depths.values())]
        self.folder = folder
        self.frames = tuple((p, depths[p.with_suffix("")]) for p in colour if p.with_suffix("") in depths)
        self.pictures = tuple(p for p in colour if p.with_suffix("") not in depths)
        self.skipped: dict[Path, str] = {}
        if not colour:
            raise CaptureError(f"there is no PNG or JPEG picture in {folder}; name a folder with photographs")

    @property
    def listing(self) -> str:
        """Names and sizes of all files: another folder, or another content, has another one."""
        paths = [*self.pictures, *(path for pair in self.frames for path in pair)]
        return "\n".join(f"{path.relative_to(self.folder)} {path.stat().st_size}" for path in paths)

    def check(self) -> Mapping[Path, str]:
        """Read everything once; the files that cannot be used, with the reasons."""
        for path in self.pictures:
            self._usable(read_picture, path)
        for pair in self.frames:
            self._usable(read_frame, *pair)
        return self.skipped

    def textures(self, dice: Dice, h: int, w: int) -> Tensor:
        """(B, 3, H, W) linear red, green and blue of random parts of random pictures, mirrored in half of them."""
        crops = []
        paths = [*self.pictures, *(picture for picture, _ in self.frames)]
        for draw in _draws(dice):
            picture = self._first(read_picture, [(p,) for p in paths], draw[0])
            top, left, height, width = _part(picture.shape[-2:], (h, w), draw[1:])
            part = picture[None, :, top : top + height, left : left + width]
            crop = F.interpolate(part, size=(h, w), mode="bilinear", align_corners=False, antialias=True)[0]
            crops.append(crop.flip(-1) if draw[4] < 0.5 else crop)
        return torch.stack(crops).to(dice.device)

    def depths(self, dice: Dice, h: int, w: int) -> tuple[Tensor, Tensor, Tensor]:
        """(colour (B, 3, H, W), inverse depth (B, H, W) 1/m, known (B, H, W) bool) of parts of pictures with depth."""
        colours, inverses = [], []
        for draw in _draws(dice):
            colour, inverse = self._first(read_frame, list(self.frames), draw[0])
            top, left, height, width = _part(colour.shape[-2:], (h, w), draw[1:])
            rows, columns = slice(top, top + height), slice(left, left + width)
            crop = F.interpolate(
                colour[None, :, rows, columns], size=(h, w), mode="bilinear", align_corners=False, antialias=True
            )[0]
            depth = F.interpolate(inverse[None, None, rows, columns], size=(h, w), mode="nearest-exact")[0, 0]
            mirrored = draw[4] < 0.5
            colours.append(crop.flip(-1) if mirrored else crop)
            inverses.append(depth.flip(-1) if mirrored else depth)
        inverse = torch.stack(inverses).to(dice.device)
        return torch.stack(colours).to(dice.device), inverse, inverse > 0

    def mixed_into(self, scene: Scene, generator: torch.Generator, camera: Camera, reach: float, share: float) -> Scene:
        """`scene` with a `share` of its samples made of pictures; the others stay as they are.

        On those, `TEXTURED` of the surfaces show a part of a picture with the mean radiance that they had; where the
        folder has pictures with depth, `FRAMED` of them (all, when it has no others) are such a picture, at random
        distances within ±reach px of disparity.
        """
        b, layers, h, w = scene.texture.shape
        dice = Dice(generator, b)
        chosen, framed = dice.chance(share)[:, 0, 0], dice.chance(FRAMED if self.pictures else 1.0)[:, 0, 0]
        surfaces = Dice(generator, b * layers).chance(TEXTURED).reshape(b, layers) * (scene.coverage.amax((2, 3)) > 0)
        of_depth = (chosen * framed * bool(self.frames)).nonzero()[:, 0].tolist()
        painted = chosen[:, None] * surfaces
        painted[of_depth] = 0.0
        at = painted.nonzero(as_tuple=True)
        texture, coverage, inverse_depth = (t.clone() for t in (scene.texture, scene.coverage, scene.inverse_depth))
        colour = None if scene.colour is None else scene.colour.clone()
        if len(at[0]):
            light = self.textures(Dice(generator, len(at[0])), h, w)
            level = texture[at].mean((1, 2)) / light[:, 1].mean((1, 2)).clamp(min=1e-3)
            light = light * level[:, None, None, None]
            texture[at] = light[:, 1]
            if colour is not None:
                colour[at] = light
        if of_depth:
            part = self._sliced(Dice(generator, len(of_depth)), camera, of_depth, (layers, h, w), reach)
            texture[of_depth], coverage[of_depth] = part.texture, part.coverage
            inverse_depth[of_depth] = part.inverse_depth
            if colour is not None and part.colour is not None:
                colour[of_depth] = part.colour
        return Scene(texture, coverage, inverse_depth, colour)

    def _sliced(self, dice: Dice, camera: Camera, rows: list[int], size: tuple[int, int, int], reach: float) -> Scene:
        """Scenes out of pictures with depth before some of the cameras: inverse depth stretched into their range."""
        colour, inverse, known = self.depths(dice, *size[1:])
        lowest, far, _, span = (t[rows] for t in disparity_range(dice.of(len(camera.slope)), camera, reach))
        low = torch.where(known, inverse, math.inf).amin((1, 2), keepdim=True)
        high = torch.where(known, inverse, 0.0).amax((1, 2), keepdim=True)
        relative = (inverse - low) / (high - low).clamp(min=1e-6)
        disparity = torch.maximum(far + span * relative.clamp(0.0, 1.0), lowest)
        spread = torch.zeros(len(camera.slope), *disparity.shape[1:], device=dice.device)
        spread[rows] = disparity
        light = colour * (0.3 / colour[:, 1].mean((1, 2)).clamp(min=1e-3))[:, None, None, None]
        return sliced(light, camera.inverse_depth(spread)[rows], known, size[0])

    def _usable(self, read: Callable[..., Any], *paths: Path) -> Any | None:
        """What `read` makes of the files, or None and an entry in `skipped`."""
        if paths[0] in self.skipped:
            return None
        try:
            return read(*paths)
        except CaptureError as e:
            self.skipped[paths[0]] = str(e)
            warnings.warn(f"{len(self.skipped)} of the photographs skipped so far, now: {e}", stacklevel=4)
            return None

    def _first(self, read: Callable[..., Any], among: list[Any], draw: float) -> Any:
        """The usable picture that `draw` (0..1) points at, or the next in order."""
        start = min(int(draw * len(among)), len(among) - 1)
        for index in range(len(among)):
            found = self._usable(read, *among[(start + index) % len(among)])
            if found is not None:
                return found
        raise CaptureError(f"none of the {len(among)} photographs in {self.folder} can be read: {self.skipped}")


@lru_cache(maxsize=4)
def photographs(folder: Path) -> Photographs:
    """The pictures of `folder`; CaptureError where there are none. Listed once in a process."""
    return Photographs(folder)


@lru_cache(maxsize=KEPT)
def read_picture(path: Path) -> Tensor:
    """(3, H, W) float32 linear red, green and blue, 0..1, of an sRGB picture, reduced to `LONGEST_SIDE`."""
    stored = read_image(path)
    if stored.ndim == 2:
        stored = np.repeat(stored[..., None], 3, axis=2)
    if stored.shape[2] < 3 or min(stored.shape[:2]) < 16:
        raise CaptureError(f"{path} has shape {stored.shape}; a photograph has colours and sides of at least 16 px")
    value = torch.from_numpy(stored[..., 2::-1].astype(np.float32) / np.iinfo(stored.dtype).max).permute(2, 0, 1)
    # IEC 61966-2-1: sRGB to linear.
    linear = torch.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    ratio = LONGEST_SIDE / max(linear.shape[-2:])
    if ratio >= 1:
        return linear.contiguous()
    size = [round(side * ratio) for side in linear.shape[-2:]]
    return F.interpolate(linear[None], size=size, mode="bilinear", align_corners=False, antialias=True)[0]


@lru_cache(maxsize=KEPT)
def read_frame(picture: Path, depth: Path) -> tuple[Tensor, Tensor]:
    """(colour (3, H, W), inverse depth (H, W) 1/m, 0 where unknown) of a picture and its depth of any resolution."""
    colour = read_picture(picture)
    metres = torch.from_numpy(DEPTHS[depth.suffix.lower()](depth))
    known = torch.isfinite(metres) & (metres > 0)
    if float(known.float().mean()) < 0.05:
        raise CaptureError(f"{depth} knows the depth of less than 5 % of its pixels; it holds 0 or no number elsewhere")
    aspects = [side[1] / side[0] for side in (colour.shape[-2:], metres.shape)]
    if abs(aspects[0] / aspects[1] - 1) > 0.02:
        raise CaptureError(
            f"{depth} is {tuple(metres.shape)} and its picture of another shape; both show the same view"
        )
    inverse = torch.where(known, 1.0 / metres.clamp(min=1e-3), 0.0)
    return colour, F.interpolate(inverse[None, None], size=colour.shape[-2:], mode="nearest-exact")[0, 0]


def _draws(dice: Dice) -> list[list[float]]:
    """Five numbers in 0..1 for each picture."""
    drawn: list[list[float]] = torch.rand(dice.batch, 5, generator=dice.generator, device=dice.device).tolist()
    return drawn


def _part(size: tuple[int, ...], wanted: tuple[int, int], draw: list[float]) -> tuple[int, int, int, int]:
    """(top, left, height, width) of a random part with the aspect that is wanted: from its own px to all there is."""
    largest = min(size[0] / wanted[0], size[1] / wanted[1])
    zoom = max(largest, 1.0) ** draw[0] if largest > 1 else largest
    height, width = (max(min(int(zoom * side), have), 1) for side, have in zip(wanted, size, strict=True))
    return int(draw[1] * (size[0] - height)), int(draw[2] * (size[1] - width)), height, width
