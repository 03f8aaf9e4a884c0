"""`RigScenes`: what three phones in a row see, labelled by a stereo teacher, as samples for a dual-pixel student."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from runtime_py.errors import CaptureError
from training.affine import fit_line
from training.data.datasets.pictures import luminance
from training.data.plane_pool import hashed_with
from training.data.rendered import RenderedData
from training.data.sample import Sample
from training.dice import pixel_grid
from training.interpolate import transformed, warp
from training.rig import NEIGHBOUR, PLACES
from training.tasks.rig_frames import SOURCES as FRAMES
from training.tasks.rig_frames import PhoneView, RigFrames
from training.tasks.stereo_teacher import claims_run, stereo_network
from training.teachers import Teacher, make_teacher

TRUTH = "truth"
"""The teacher that knows the geometry, and what is hidden from the neighbour: as good as stereo can be."""

FITS = ("matching", "student", "none")
"""How a label comes to px of the pair: "matching" by the line that fits block matching of the pair, "none" not at all,
"student" not at all either, but at every step the student's answer comes to px of the label by the best line."""

BESIDE = ((0.0, -1.0),)
"""Where the neighbour stands once a portrait frame is turned to a horizontal DP axis: above."""

FEWEST = 0.02
"""Share of pixels that stereo and dual pixels must agree to know, for a line to be fitted between them."""

HERE = Path(__file__).parent
SOURCES = (
    *FRAMES,
    HERE.parent / "affine.py",
    *sorted((HERE.parent / "teachers").glob("*.py")),
    HERE / "stereo_teacher.py",
    HERE / "rig_scenes.py",
)


@dataclass(frozen=True)
class RigScenes:
    """`data.count` scenes of `data.size` px, cut from pictures `width` px wide; one sample per phone.

    teacher: `TRUTH`, what `training.teachers` takes, or the folder of a run of Stereo-Net. Its disparity stays in px of
    the stereo pair; with the fit "matching" it is brought to px of the dual-pixel pair by the line that fits block
    matching of that pair best, per sample. frames: the finished file of a pool of `RigFrames` of the same
    scenes, which are rendered anew without one.
    """

    data: RenderedData
    width: int
    teacher: str = TRUTH
    fit: str = "matching"
    frames: Path | None = field(default=None, repr=False, compare=False)

    def identity(self) -> str:
        """Also of the teacher's weights, where it is a network."""
        teacher = repr(stereo_network(self.teacher).identity()) if claims_run(self.teacher) else ""
        return hashed_with(repr(self) + teacher, SOURCES)

    @property
    def count(self) -> int:
        return self.data.count

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return len(PLACES), 12, self.data.size, self.data.size

    def planes(self, index: int) -> NDArray[np.float16]:
        """left, right, rgb, the neighbour's rgb on the same pixels, label, its confidence, truth px, visible."""
        frames, kept = RigFrames(self.data, self.width), None
        if self.frames is not None:
            kept = torch.from_numpy(_kept(self.frames)[index * len(PLACES) : (index + 1) * len(PLACES)].copy())
        views = frames.views(index, kept)
        made = torch.cat([self._phone(views, name, f"rig_{self.data.seed}_{index}_{name}") for name in views])
        return made.numpy().astype(np.float16)

    def sample(self, planes: Tensor) -> Sample:
        """The label as `disparity` where its `confidence` is above 0; `depth` is not known."""
        left, right, rgb, beside, label, confidence, _, visible = torch.split(planes, [1, 1, 3, 3, 1, 1, 1, 1], 1)
        return Sample(
            left=left,
            right=right,
            disparity=label,
            valid=(confidence > 0).float(),
            rgb=rgb,
            confidence=confidence,
            occluded=1.0 - visible.clamp(0.0, 1.0),
            views=beside[:, None],
            view_offsets=BESIDE,
        )

    def truth(self, planes: Tensor) -> Tensor:
        """(B, 1, H, W) the true disparity of the pairs in px, which no student is shown."""
        return planes[:, 10:11]

    def _phone(self, views: Mapping[str, PhoneView], name: str, called: str) -> Tensor:
        view, beside = views[name], views[NEIGHBOUR[name]]
        mirrored = PLACES[NEIGHBOUR[name]] < PLACES[name]
        label, confidence = self._label(view, beside, mirrored, called)
        back = torch.linalg.inv(view.homography.double()).float()
        planes = torch.cat(
            [
                view.left,
                view.right,
                view.registered,
                warp(beside.rgb, back),
                _nearest(label, back),
                _nearest(confidence, back),
                view.truth,
                view.visible,
            ],
            1,
        )
        # The pair's axis is vertical, so that a mirror along the baseline leaves the views their roles.
        planes = torch.rot90(planes.flip(-1) if mirrored else planes, 1, (-2, -1)).clamp(-6e4, 6e4)
        return fitted(planes) if self.fit == "matching" else planes

    def _label(self, view: PhoneView, beside: PhoneView, mirrored: bool, called: str) -> tuple[Tensor, Tensor]:
        """(1, 1, H, W) stereo disparity in px on the pixels of the rectified picture, 0 where unknown; confidence."""
        if self.teacher == TRUTH:
            return view.stereo, 1.0 - view.hidden
        pictures = [picture.flip(-1) if mirrored else picture for picture in (view.rgb, beside.rgb)]
        left, right = (luminance(picture) for picture in pictures)
        unknown = torch.zeros_like(left)
        # A view to the right stands where networks for stereo pairs look for their right picture.
        sample = Sample(left, right, unknown, unknown, pair="stereo", rgb=pictures[0], names=(called,))
        sample = replace(sample, views=pictures[1][:, None], view_offsets=((1.0, 0.0),))
        try:
            label = _teacher(self.teacher).label(sample)
        except CaptureError:  # nothing to match in this picture: it teaches nothing
            return unknown, unknown
        found = torch.from_numpy(np.ascontiguousarray(label.disparity))[None, None]
        confidence = torch.isfinite(found).float()
        if label.confidence is not None:
            confidence = confidence * torch.from_numpy(np.ascontiguousarray(label.confidence))[None, None]
        found = torch.nan_to_num(found, nan=0.0, posinf=0.0, neginf=0.0)
        return (found.flip(-1), confidence.flip(-1)) if mirrored else (found, confidence)


def fitted(planes: Tensor) -> Tensor:
    """(1, 12, H, W) planes with the label on the line that fits matching of the pair; no confidence where none does."""
    pair = Sample(planes[:, :1], planes[:, 1:2], planes[:, 8:9], planes[:, 9:10])
    try:
        matched = _matcher().label(pair)
    except CaptureError:
        return torch.cat([planes[:, :9], torch.zeros_like(planes[:, 9:10]), planes[:, 10:]], 1)
    trust = planes[:, 9:10] * torch.from_numpy(np.asarray(matched.confidence))[None, None]
    slope, offset = fit_line(planes[:, 8:9], torch.from_numpy(matched.disparity)[None, None], trust)
    enough = float((trust > 0).float().mean() >= FEWEST)
    return torch.cat([planes[:, :8], slope * planes[:, 8:9] + offset, enough * planes[:, 9:10], planes[:, 10:]], 1)


@lru_cache(maxsize=4)
def _kept(file: Path) -> NDArray[np.float16]:
    kept: NDArray[np.float16] = np.load(file, mmap_mode="r", allow_pickle=False)
    return kept


@lru_cache(maxsize=4)
def _teacher(text: str) -> Teacher:
    return stereo_network(text) if claims_run(text) else make_teacher(text)


@lru_cache(maxsize=1)
def _matcher() -> Teacher:
    """Block matching of dual pixels: of the classical ones it has the slopes that are least wrong."""
    return make_teacher("zncc", ["window=21"])


def _nearest(plane: Tensor, homography: Tensor) -> Tensor:
    """(1, 1, H, W) `plane` at `homography` (1, 3, 3) times each pixel, rounded to a pixel, 0 outside.

    A disparity between two surfaces would belong to neither.
    """
    h, w = plane.shape[-2:]
    y, x = pixel_grid(h, w, plane.device)
    points = transformed(homography, torch.stack([x, y, torch.ones_like(x)], -1).expand(1, h, w, 3))
    columns = (points[..., 0] / points[..., 2] + (w - 1) / 2).round().long()
    rows = (points[..., 1] / points[..., 2] + (h - 1) / 2).round().long()
    inside = (rows >= 0) & (rows < h) & (columns >= 0) & (columns < w)
    return torch.where(inside, plane[0, 0][rows.clamp(0, h - 1), columns.clamp(0, w - 1)], 0.0)[:, None]
