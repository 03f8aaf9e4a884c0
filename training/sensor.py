"""What a dual-pixel sensor makes of the light that falls on it: gain, noise, saturation, tone and rounding."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from runtime_py.errors import DpocketError


@dataclass(frozen=True)
class Sensor:
    """B sensors (or one, B = 1, for any batch of views). Levels of light are shares of the white level.

    electrons: (B,) at the white level; read_noise: (B,) electrons; bits: (B,) of a stored value; black: (B,) stored
    value of darkness; full_well: (B,) level at which a photodiode is full, 1 where the converter saturates first;
    gamma: (B,) of the tone curve, stored = light^(1/gamma), 1 for a linear file; gain: (B, 2) of left and right in the
    middle; lean: (B, 2) gain added from the middle to the right edge; falloff: (B, 2) gain lost from the middle to the
    middle of an edge, quadratic, twice that in a corner. rows_binned: stored rows are the means of that many rows of
    square pixels (2 in Google's capture app).
    """

    electrons: Tensor
    read_noise: Tensor
    bits: Tensor
    black: Tensor
    full_well: Tensor
    gamma: Tensor
    gain: Tensor
    lean: Tensor
    falloff: Tensor
    rows_binned: int

    @property
    def white(self) -> Tensor:
        """(B,) largest stored value, that of the white level."""
        return 2.0**self.bits - 1.0

    def to(self, device: torch.device | str) -> Sensor:
        """The same sensors on `device`."""
        moved = {f.name: getattr(self, f.name).to(device) for f in fields(self) if f.name != "rows_binned"}
        return Sensor(**moved, rows_binned=self.rows_binned)


@dataclass(frozen=True)
class Exposure:
    """stored: (B, 2, H / rows_binned, W) int32, left and right; linear: (B, 2, H, W), what a reader makes of them: the
    black removed, white at 1, the tone curve undone, rows repeated until pixels are square."""

    stored: Tensor
    linear: Tensor


def sensor(
    electrons: float = 6000.0,
    read_noise: float = 3.0,
    bits: int = 10,
    black: float = 64.0,
    full_well: float = 1.0,
    gamma: float = 1.0,
    gain: tuple[float, float] = (1.0, 1.0),
    lean: tuple[float, float] = (0.0, 0.0),
    falloff: tuple[float, float] = (0.0, 0.0),
    rows_binned: int = 1,
) -> Sensor:
    """One sensor (B = 1) of these numbers; see `Sensor`. Raises DpocketError where they make none."""
    if not (electrons > 0 and read_noise >= 0 and gamma > 0 and rows_binned >= 1 and 0 < full_well <= 1):
        raise DpocketError(
            f"no sensor has {electrons:g} electrons, read noise {read_noise:g}, gamma {gamma:g}, {rows_binned} binned "
            f"rows and a full well at {full_well:g} of white; all must be positive (read noise may be 0), full well ≤ 1"
        )
    if not (1 <= bits <= 16 and 0 <= black < 2**bits - 1):
        raise DpocketError(
            f"a sensor of {bits} bits with black at {black:g} stores nothing; give 1..16 bits, black below white"
        )
    numbers = [torch.tensor([float(v)]) for v in (electrons, read_noise, bits, black, full_well, gamma)]
    pairs = [torch.tensor([pair]) for pair in (gain, lean, falloff)]
    named = dict(zip((f.name for f in fields(Sensor)), numbers + pairs, strict=False))
    return Sensor(**named, rows_binned=rows_binned)


def random_sensor(generator: torch.Generator, batch: int, rows_binned: int = 1) -> Sensor:
    """`batch` sensors as phones and cameras have them, left and right vignetted differently (FIELD.md section 1).

    8, 10, 12 or 14 bits; black at 0…1/16 of the range; three in four of the 8-bit ones with a tone curve, the others
    linear.
    """
    device = generator.device

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(batch, *shape, generator=generator, device=device)

    bits = 8.0 + 2.0 * torch.floor(uniform(0, 4))
    toned = (bits == 8.0) & (uniform(0, 1) < 0.75)
    lean = uniform(0.0, 0.2, 1) * torch.tensor([1.0, -1.0], device=device) + uniform(-0.05, 0.05, 2)
    return Sensor(
        electrons=10.0 ** uniform(2.5, 4.5),
        read_noise=uniform(0.5, 6.0),
        bits=bits,
        black=torch.where(toned, 0.0, torch.floor(2.0**bits * uniform(0.0, 1 / 16))),
        full_well=torch.clamp(uniform(0.85, 1.15), max=1.0),
        gamma=torch.where(toned, uniform(1.8, 2.4), 1.0),
        gain=1.0 + uniform(-0.12, 0.12, 2),
        lean=lean,
        falloff=uniform(0.05, 0.35, 1) + uniform(-0.05, 0.05, 2),
        rows_binned=rows_binned,
    )


def expose(views: Tensor, sensor: Sensor, generator: torch.Generator) -> Exposure:
    """What `sensor` stores of `views` (B, 2, H, W), linear radiance of left and right with 1 at the white level.

    In the order of the hardware: vignetting, binning, shot and read noise, full well, black level and tone, rounding to
    an integer. Raises DpocketError when H is not a multiple of the binned rows.
    """
    b, _, h, w = views.shape
    if h % sensor.rows_binned:
        raise DpocketError(f"views of {h} rows cannot be binned by {sensor.rows_binned}; crop them to a multiple of it")
    gained = views * vignetting(sensor, h, w)
    binned = gained.reshape(b, 2, h // sensor.rows_binned, sensor.rows_binned, w).mean(3)
    noisy = add_sensor_noise(binned, _column(sensor.electrons), _column(sensor.read_noise), generator)
    light = torch.minimum(noisy, _column(sensor.full_well))
    black, white, gamma = _column(sensor.black), _column(sensor.white), _column(sensor.gamma)
    toned = torch.sign(light) * light.abs() ** (1.0 / gamma)
    stored = torch.minimum(torch.round(black + toned * (white - black)).clamp(min=0.0), white)
    linear = torch.clamp((stored - black) / (white - black), min=0.0) ** gamma
    return Exposure(stored.to(torch.int32), linear.repeat_interleave(sensor.rows_binned, dim=2))


def vignetting(sensor: Sensor, h: int, w: int) -> Tensor:
    """Gain (B, 2, h, w) of left and right at every pixel."""
    y, x = (2.0 * (torch.arange(n, device=sensor.gain.device) - (n - 1) / 2) / n for n in (h, w))
    gain, lean, falloff = (t[..., None, None] for t in (sensor.gain, sensor.lean, sensor.falloff))
    return gain * (1.0 - falloff * (x**2 + y[:, None] ** 2)) * (1.0 + lean * x)


def add_sensor_noise(
    view: Tensor,
    electrons: Tensor,
    read_noise: Tensor,
    generator: torch.Generator,
    spread: Tensor | None = None,
) -> Tensor:
    """Shot and read noise in a linear view.

    view, electrons, read_noise: as in `with_noise`; spread: as in `correlated`, for noise that is not white.
    """
    noise = standard_noise(view, generator)
    return with_noise(view, noise if spread is None else correlated(noise, spread), electrons, read_noise)


def standard_noise(view: Tensor, generator: torch.Generator) -> Tensor:
    """White noise of mean 0 and variance 1, of the shape of `view`."""
    return torch.randn(view.shape, generator=generator, device=view.device)


def correlated(noise: Tensor, spread: Tensor) -> Tensor:
    """White `noise` (B, C, H, W) shared between neighbouring pixels, as resampling and demosaicking do.

    spread: (B, 1, 1, 1) in 0..1/3, the share of a pixel's noise that each neighbour along an axis gives. The variance
    stays what it is.
    """
    for axis in (2, 3):
        noise = (1.0 - 2.0 * spread) * noise + spread * (noise.roll(1, axis) + noise.roll(-1, axis))
    return noise / ((1.0 - 2.0 * spread) ** 2 + 2.0 * spread**2)


def with_noise(view: Tensor, noise: Tensor, electrons: Tensor, read_noise: Tensor) -> Tensor:
    """Shot and read noise in a linear view, from `noise` of variance 1 and the view's shape.

    view: (B, C, H, W) in 0..1; electrons: (B, 1, 1, 1) at the white level; read_noise: (B, 1, 1, 1) electrons.
    The Poisson law is replaced by a normal one of the same variance, which is exact enough above ten electrons.
    """
    sigma = torch.sqrt(torch.clamp(view, min=0.0) * electrons + read_noise**2) / electrons
    return view + sigma * noise


def _column(value: Tensor) -> Tensor:
    return value.view(-1, 1, 1, 1)
