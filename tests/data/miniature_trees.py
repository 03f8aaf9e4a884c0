"""The smallest tree of every dataset's layout, with values known by hand, made where a test asks for it."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from runtime_py.captures.pfm import write_pfm

VIDEOS = [f"2023010{day}_1200{second:02d}_000" for day in (1, 2) for second in range(10)]
"""Twenty videos: 16, 2 and 2 of them when split 80/10/10."""

SKIPPED_VIDEO = "20230212_090000_000"


def save(path: Path, pixels: NDArray[Any]) -> Path:
    """A picture by its extension, .npy included; parents are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, pixels, allow_pickle=False)
    elif path.suffix == ".pfm":
        write_pfm(path, pixels)
    else:
        assert cv2.imwrite(str(path), pixels)
    return path


def texture(size: tuple[int, int], seed: int = 0) -> NDArray[np.uint8]:
    """Smooth grey noise with a mean of about 128."""
    noise = np.random.default_rng(seed).standard_normal(size)
    smooth = cv2.GaussianBlur(noise, (0, 0), 1.5)
    return np.asarray(np.clip(128 + 40 * smooth / smooth.std(), 1, 254), np.uint8)


def tear(path: Path) -> None:
    """Keep the first 60 bytes of a file."""
    path.write_bytes(path.read_bytes()[:60])


def dpmv(root: Path, frames: int = 3, videos: list[str] | None = None, teacher: str = "pfm") -> Path:
    """Colour 16×12 (h×w), stored pairs 24×32; the phones' frame numbers differ by 100; teacher disparity 18.5 px."""
    for video in videos or [*VIDEOS, SKIPPED_VIDEO]:
        for offset, phone in enumerate("ABC"):
            for n in range(frames):
                name = f"image_{100 * offset + n:03d}"
                red = np.zeros((16, 12, 3), np.uint8)
                red[..., 2] = 200
                save(root / "rectified" / phone / "Video_data" / video / f"{name}.jpg", red)
                for side in ("left", "right"):
                    plane = texture((24, 32), seed=n)
                    save(
                        root / "unrectified" / phone / "dp_data" / video / f"{name}_{side}.jpg", np.dstack([plane] * 3)
                    )
        for n in range(frames):
            disparity = np.full((16, 12), 18.5, np.float32)
            disparity[0, 0] = np.inf
            stored = disparity if teacher == "pfm" else np.full((16, 12), round(18.5 * 256), np.uint16)
            save(root / "disp_pixel4_BA" / video / f"image_{100 + n:03d}_disp.{teacher}", stored)
    return root


def dpmv_list(root: Path, split: str, moments: list[tuple[str, dict[str, str]]]) -> None:
    """A list in the form of the release: one piece of one frame for each (video, {phone: colour file})."""
    pieces = [{"name": video, "frames": [{"rgb": files}]} for video, files in moments]
    (root / f"{split}_files.json").write_text(json.dumps({"skip": 1, "videos": pieces}))


def dpmv_table(root: Path, name: str, rows: list[tuple[str, object]]) -> None:
    with (root / name).open("w", newline="") as file:
        csv.writer(file).writerows([("video", "frames"), *rows])


def google(root: Path, split: str = "train", raw: bool = False, positions: tuple[str, ...] = ("center", "top")) -> Path:
    """Views 1024×768 portrait; depth code 0 (0.2 m) but 255 (100 m) in its upper left pixel; colour half as large."""
    folder = root / split
    for position in positions:
        if raw:
            counts = np.full((1024, 768), 8184, np.uint16)
            save(folder / "raw_left_pd" / "cap" / f"result_pd_left_{position}.npy", counts)
            save(folder / "raw_right_pd" / "cap" / f"result_pd_right_{position}.npy", counts)
        else:
            for side in ("left", "right"):
                save(folder / f"{side}_pd" / "cap" / f"result_{side}Pd_{position}.png", texture((1024, 768)))
        code = np.zeros((512, 384), np.uint8)
        code[0, 0] = 255
        save(folder / "merged_depth" / "cap" / f"result_merged_depth_{position}.png", code)
        save(
            folder / "scaled_images" / "cap" / f"result_scaled_image_{position}.jpg",
            np.full((512, 384, 3), 90, np.uint8),
        )
    return root


def dpdd(root: Path, split: str = "train", scenes: int = 3) -> Path:
    """16-bit colour 20×30, n-th scene of one grey level n+1 tenths; names differ between the folders."""
    for n in range(scenes):
        grey = np.full((20, 30, 3), round(65535 * (n + 1) / 10), np.uint16)
        for start, side in ((100, "c"), (200, "l"), (300, "r")):
            save(root / f"{split}_{side}" / "source" / f"1P0A{start + n:04d}.png", grey)
        save(root / f"{split}_c" / "target" / f"1P0A{400 + n:04d}.png", grey)
    return root


def dp_disp(root: Path) -> Path:
    """Colour 20×30; nearness 51 (of 255) but unknown in the first row."""
    for side in "LRB":
        save(root / f"007_{side}.jpg", np.full((20, 30, 3), 128, np.uint8))
    near = np.full((20, 30), 51, np.uint8)
    near[0] = 0
    save(root / "007_D.TIF", near)
    return root


def cmu(root: Path) -> Path:
    """Two scenes of the full size (the layout fixes it); defocus code 51 in the left half of the truth."""
    whole = np.full((1512, 2016), 1024 + 8000, np.uint16)
    for side in ("left", "right"):
        save(root / "calibration" / f"white_sheet_{side}.png", whole)
        for scene in ("001", "002"):
            save(root / f"{scene}_{side}.png", whole)
    code = np.zeros((1008, 1344), np.uint8)
    code[:, :672] = 51
    for scene in ("001", "002"):
        save(root / "gt_defocus_map" / f"{scene}_gt.png", code)
    return root


def dp119(root: Path) -> Path:
    """One scene of each family; depths 2 m (box), 1.5 m (orbbec), 0.6 m (flat); the box's map is twice as large."""
    for scene in ("box/001", "casual/orbbec/001", "flat/001/0600/f4"):
        for name in ("l.png", "r.png"):
            save(root / scene / name, np.dstack([texture((20, 30))] * 3))
    save(root / "box/001/d.png", np.full((40, 60), 51, np.uint8))
    save(root / "casual/orbbec/001/d.png", np.full((20, 30), 1500, np.uint16))
    return root


def middlebury(root: Path, split: str = "trainingQ") -> Path:
    """Disparity 10 px but infinity in the first row; pixel (1, 1) occluded; f 700 px, baseline 0.1 m, offset 4 px."""
    scene, truth = root / "MiddEval3" / split / "Chair", root / "MiddEval3_GT" / split / "Chair"
    for name in ("im0.png", "im1.png"):
        save(scene / name, np.dstack([texture((20, 30))] * 3))
    (scene / "calib.txt").write_text(
        "cam0=[700 0 15; 0 700 10; 0 0 1]\ncam1=[700 0 19; 0 700 10; 0 0 1]\ndoffs=4\nbaseline=100\n"
    )
    disparity = np.full((20, 30), 10, np.float32)
    disparity[0] = np.inf
    save(truth / "disp0GT.pfm", disparity)
    mask = np.full((20, 30), 255, np.uint8)
    mask[1, 1] = 128
    save(truth / "mask0nocc.png", mask)
    return root


def _projections(prefix: str) -> str:
    """Cameras 2 and 3 at 0.06 and -0.48 m: 0.54 m apart, focal 720 px."""
    lines = ["calib_time: 09-Jan-2012 13:57:47"]
    for camera, position in ((0, 0.0), (1, -0.54), (2, 0.06), (3, -0.48)):
        numbers = [720, 0, 15, 720 * position, 0, 720, 10, 0, 0, 0, 1, 0]
        lines.append(f"{prefix}{camera}: " + " ".join(str(n) for n in numbers))
    return "\n".join(lines) + "\n"


def kitti(root: Path, year: int = 2015) -> Path:
    """Disparity 12.5 px but unknown in the first row; pixel (1, 1) seen from the left only; frames _11 do not count."""
    names = {
        2015: ("image_2", "image_3", "disp_occ_0", "disp_noc_0"),
        2012: ("colored_0", "colored_1", "disp_occ", "disp_noc"),
    }
    left, right, occ, noc = names[year]
    folder = root / "training"
    for frame in ("000000_10", "000000_11"):
        for side in (left, right):
            save(folder / side / f"{frame}.png", np.dstack([texture((20, 30))] * 3))
    stored = np.full((20, 30), round(12.5 * 256), np.uint16)
    stored[0] = 0
    save(folder / occ / "000000_10.png", stored)
    seen = stored.copy()
    seen[1, 1] = 0
    save(folder / noc / "000000_10.png", seen)
    calibration = folder / ("calib_cam_to_cam" if year == 2015 else "calib") / "000000.txt"
    calibration.parent.mkdir(parents=True)
    calibration.write_text(_projections("P_rect_0" if year == 2015 else "P"))
    save(root / "testing" / left / "000000_10.png", np.dstack([texture((20, 30))] * 3))
    save(root / "testing" / right / "000000_10.png", np.dstack([texture((20, 30))] * 3))
    return root


def kitti_raw(root: Path) -> Path:
    """One drive of two frames; the second has depth, 27 m but unknown in the first row."""
    day = root / "2011_09_26"
    drive = day / "2011_09_26_drive_0001_sync"
    for camera in ("image_02", "image_03"):
        for n in range(2):
            save(drive / camera / "data" / f"{n:010d}.png", np.dstack([texture((20, 30))] * 3))
    (day / "calib_cam_to_cam.txt").write_text(_projections("P_rect_0"))
    depth = np.full((20, 30), 27 * 256, np.uint16)
    depth[0] = 0
    save(root / "train" / drive.name / "proj_depth" / "groundtruth" / "image_02" / f"{1:010d}.png", depth)
    return root


def light_field(root: Path, side: int = 5, parallax: int = 2, size: tuple[int, int] = (24, 48)) -> Path:
    """A near plane: a camera one step right sees it `parallax` px further left, one step down, higher."""
    reach = side // 2
    margin = parallax * reach
    wide = texture((size[0] + 2 * margin, size[1] + 2 * margin), seed=3)
    for row in range(side):
        for column in range(side):
            top, start = margin + (row - reach) * parallax, margin + (column - reach) * parallax
            view = wide[top : top + size[0], start : start + size[1]]
            save(root / f"plane_{row + 2:02d}_{column + 2:02d}.png", np.dstack([view] * 3))
    return root


def plain(root: Path, frames: int = 3, size: tuple[int, int] = (40, 60), disparity: float = 1.5) -> Path:
    """Linear 16-bit pairs with a disparity map, unknown (NaN) in the first row, and a colour picture."""
    for n in range(frames):
        for side in ("left", "right"):
            save(root / f"f{n:02d}_{side}.png", texture(size, seed=n).astype(np.uint16) * 257)
        truth = np.full(size, disparity, np.float32)
        truth[0] = np.nan
        save(root / f"f{n:02d}_disparity.pfm", truth)
        save(root / f"f{n:02d}_rgb.png", np.dstack([texture(size, seed=n)] * 3))
    return root
