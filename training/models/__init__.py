"""Networks by name: adding one is one file and one line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from torch import nn

from runtime_py.errors import DpocketError
from training.models import blocks, pocket, pyramid
from training.models.mobile_unet import MobileUNet
from training.models.mono_net import MonoNet
from training.models.mono_stereo import MonoStereo
from training.models.pocket import PocketStudent
from training.models.pyramid import PyramidStudent
from training.models.stereo_net import StereoNet

MODELS: Mapping[str, Callable[..., nn.Module]] = MappingProxyType(
    {
        "pocket": PocketStudent,
        "pyramid": PyramidStudent,
        "mobile_unet": MobileUNet,
        "mono_net": MonoNet,
        "stereo_net": StereoNet,
        "mono_stereo": MonoStereo,
    }
)


@dataclass(frozen=True)
class Form:
    """What a network takes and gives.

    Heights and widths must be multiples of `size_multiple`. `outputs` names the tensors of a student in the order in
    which its forward returns them; a network with none is no student and cannot be exported. `exportable`: a student is
    made of what every target runs (`training.tracing`).
    """

    size_multiple: int
    outputs: tuple[str, ...] = ()
    exportable: bool = True


FORMS: Mapping[str, Form] = MappingProxyType(
    {
        "pocket": Form(pocket.SIZE_MULTIPLE, ("disparity",)),
        "pyramid": Form(pyramid.SIZE_MULTIPLE, ("disparity", "confidence")),
        "mobile_unet": Form(blocks.SIZE_MULTIPLE, ("disparity",), exportable=False),
        "mono_net": Form(blocks.SIZE_MULTIPLE),
        "stereo_net": Form(blocks.SIZE_MULTIPLE),
        "mono_stereo": Form(blocks.SIZE_MULTIPLE),
    }
)
"""The form of every network in `MODELS`."""


def build(name: str, **settings: int) -> nn.Module:
    """The network `name` with freshly initialised weights; raises DpocketError listing the known names."""
    if name not in MODELS:
        raise DpocketError(f"no network is called '{name}'; known are: {', '.join(MODELS)}")
    return MODELS[name](**settings)


def form_of(name: str) -> Form:
    """The form of the network `name`; raises DpocketError listing the known names."""
    if name not in FORMS:
        raise DpocketError(f"no network is called '{name}'; known are: {', '.join(FORMS)}")
    return FORMS[name]
