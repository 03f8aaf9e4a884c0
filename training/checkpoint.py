"""A trained student on disk: `NAME.safetensors` and its card `NAME.json`, and `NAME.grid.json` once it is quantised."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from runtime_py.contract import Preprocess
from runtime_py.errors import ArtifactError, DpocketError
from runtime_py.files import sha256_of, write_atomic
from training.data.rendered import RenderedData
from training.losses import CONFIDENT
from training.models import build, form_of
from training.quantize.grid import Grid

WEIGHTS = Path(__file__).parent / "weights"
"""The folder of the checkpoints that ship."""

SHIPPED = WEIGHTS / "pyramid-int8.safetensors"
"""The student that ships with the project."""


@dataclass(frozen=True)
class Checkpoint:
    """A student with its weights loaded, in evaluation mode, and the card that says where they come from."""

    path: Path
    student: nn.Module
    card: dict[str, Any]

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def model(self) -> str:
        """The network's name. A run may leave several networks; the card then says which one this is."""
        return str(self.card.get("model", self.card["recipe"]["model"]))

    @property
    def preprocess(self) -> Preprocess:
        return Preprocess(**self.card["recipe"]["preprocess"])

    @property
    def working_width(self) -> int:
        return int(self.card["recipe"]["working_width"])

    @property
    def output_stride(self) -> int:
        return int(self.card["recipe"]["output_stride"])

    @property
    def size_multiple(self) -> int:
        """Height and width of an input are multiples of this."""
        return form_of(self.model).size_multiple

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the student's outputs, in their order; none for a network that is no student."""
        return form_of(self.model).outputs

    @property
    def confident_px(self) -> float | None:
        """The error in px of the working width up to which a disparity counts as right; None without a confidence."""
        return CONFIDENT if "confidence" in self.outputs else None

    @property
    def data(self) -> RenderedData:
        """The scenes that the student was trained on."""
        return RenderedData(**self.card["recipe"]["data"])

    @property
    def origin(self) -> dict[str, Any]:
        """What the card says of where the weights come from; None where a card does not say it."""
        recipe = self.card["recipe"]
        return {
            "name": recipe.get("name"),
            "model": self.model,
            "seed": recipe.get("seed"),
            "steps": self.card.get("steps"),
            "data": self.card.get("data"),
            "commit": self.card.get("commit"),
            "weights_sha256": self.card["weights_sha256"],
        }

    @property
    def grid_path(self) -> Path:
        return grid_path(self.path)

    def answer(self, left_NCHW: Tensor, right_NCHW: Tensor) -> dict[str, Tensor]:
        """Outputs by name, as the network makes them, for preprocessed float32 (N, 1, H, W) views."""
        found = self.student(left_NCHW, right_NCHW)
        return dict(zip(self.outputs, found if isinstance(found, tuple) else (found,), strict=True))


def save_checkpoint(path: Path, weights: dict[str, Tensor], card: dict[str, Any], grid: Grid | None = None) -> None:
    """Write weights, card and grid, each atomically; the card holds the weights' hash, so a mixed pair is found out.

    A grid of earlier weights does not stay beside new ones.
    """
    contiguous = {name: t.detach().cpu().contiguous() for name, t in weights.items()}
    grid_path(path).unlink(missing_ok=True)
    write_atomic(path, save_tensors(contiguous))
    if grid is not None:
        write_grid(path, grid)
    write_card(path, card)


def grid_path(weights: Path) -> Path:
    """Where the grid of the weights at that path lies."""
    return weights.with_suffix(".grid.json")


def write_grid(weights: Path, grid: Grid) -> Path:
    """Write `grid` beside the weights at that path."""
    path = grid_path(weights)
    write_atomic(path, (grid.to_json() + "\n").encode())
    return path


def write_card(path: Path, card: dict[str, Any]) -> None:
    """Write the card of the weights at `path`, with their hash."""
    full = {**card, "weights_sha256": sha256_of(path)}
    write_atomic(path.with_suffix(".json"), (json.dumps(full, indent=1, sort_keys=True) + "\n").encode())


def load_checkpoint(path: Path) -> Checkpoint:
    """Load `path` (.safetensors, or a training run's folder). Raises ArtifactError with what is missing or damaged."""
    path = Path(path)
    path = path / "student.safetensors" if path.is_dir() else path
    card_path = path.with_suffix(".json")
    for file in (path, card_path):
        if not file.is_file():
            raise ArtifactError(
                f"no checkpoint at {path}: {file.name} is missing (a checkpoint is a .safetensors file and its .json)"
            )
    try:
        card = json.loads(card_path.read_text())
        expected, named = card["weights_sha256"], card if "model" in card else card["recipe"]
        name, settings = named["model"], named["model_settings"]
    except (ValueError, KeyError, TypeError) as e:
        raise ArtifactError(f"{card_path.name} is not the card of a checkpoint ({type(e).__name__} {e})") from e
    if sha256_of(path) != expected:
        raise ArtifactError(
            f"{path.name} is damaged or does not belong to {card_path.name}: its hash is not the card's"
        )
    try:
        student = build(name, **settings)
    except TypeError as e:
        raise ArtifactError(f"{card_path.name} has settings that the '{name}' network does not take ({e})") from e
    try:
        student.load_state_dict(load_tensors(path.read_bytes()))
    except Exception as e:
        raise ArtifactError(
            f"{path.name} does not hold the weights of a '{name}' network: {str(e).splitlines()[0]}"
        ) from e
    return Checkpoint(path, student.eval(), card)


def require_writable(out: Path) -> None:
    """Raise DpocketError early when a run could not save its results in `out`."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise DpocketError(f"cannot use {out} for the results: {e.strerror}") from e
