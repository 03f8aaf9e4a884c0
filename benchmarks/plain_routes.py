"""The vendors' plain routes: artifacts of a checkpoint's network as their own converters make them.

    python -m benchmarks.plain_routes CHECKPOINT --out DIR [--size HxW] [--routes NAME,NAME]
    dpocket bench student_int8.tflite DIR/litert_int8.tflite ...

Each route is the shortest that its vendor documents. The int8 routes are calibrated on rendered scenes of the size of
the artifacts. LiteRT's need litert-torch, which dpocket does not need:

    pip install litert-torch==0.10.0

beside dpocket[convert] (it was installed together with torch 2.13, torchao 0.18, executorch 1.4.1, ai-edge-litert 2.3).
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import torch
from torch import Tensor, nn

from convert.commands import parse_size
from convert.student import require_sees_dual_pixels, require_size
from runtime_py.errors import DpocketError
from runtime_py.files import write_atomic
from runtime_py.progress import progress_bar
from runtime_py.quiet import quiet
from training.checkpoint import Checkpoint, load_checkpoint
from training.data.preprocess import preprocess
from training.data.rendered import RenderedData, RenderedPool

Inputs = tuple[Tensor, ...]

SCENES = 8
"""Rendered scenes that the int8 routes are calibrated on."""

SEED = 7919

INSTALL = "pip install litert-torch==0.10.0 beside dpocket[convert]"


@dataclass(frozen=True)
class Source:
    """What every route starts from: the network, and inputs (left, right), float32 (1, 1, H, W), to calibrate on."""

    network: nn.Module
    calibration: tuple[Inputs, ...]

    @property
    def example(self) -> Inputs:
        return self.calibration[0]


def source_of(checkpoint: Checkpoint, size: tuple[int, int], scenes: int = SCENES) -> Source:
    """The network of `checkpoint`, and rendered scenes like those of its training, the middle `size` of each."""
    require_sees_dual_pixels(checkpoint)
    require_size(checkpoint, size)
    side = max(size)
    data = RenderedData(**{**vars(checkpoint.data), "count": scenes, "seed": SEED, "size": side})
    sample = RenderedPool(data, None).every()
    height, width = size
    top, first = (side - height) // 2, (side - width) // 2
    views = [preprocess(view, checkpoint.preprocess) for view in (sample.left, sample.right)]
    cut = [view[..., top : top + height, first : first + width].contiguous() for view in views]
    pairs = tuple((cut[0][i : i + 1], cut[1][i : i + 1]) for i in range(scenes))
    return Source(checkpoint.student.eval(), pairs)


def litert_fp32(source: Source) -> bytes:
    """`litert_torch.convert` of the module as it is."""
    return _tflite(source.network, source.example)


def litert_fp32_channel_last(source: Source) -> bytes:
    """The same behind `to_channel_last_io`, litert-torch's way to NHWC at the boundary."""
    return _tflite(*_channel_last(source.network, source.example))


def litert_int8(source: Source) -> bytes:
    """PT2E with litert-torch's own quantiser, per channel."""
    return _litert_int8(source.network, source.calibration)


def litert_int8_channel_last(source: Source) -> bytes:
    """The same behind `to_channel_last_io`."""
    module, _ = _channel_last(source.network, source.example)
    return _litert_int8(module, tuple(_moved(pair) for pair in source.calibration))


def executorch_fp32(source: Source) -> bytes:
    """`to_edge_transform_and_lower` with XNNPACK's partitioner."""
    return _pte(torch.export.export(source.network, source.example))


def executorch_int8(source: Source) -> bytes:
    """PT2E with ExecuTorch's XNNPACKQuantizer, per channel, then the same."""
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
        XNNPACKQuantizer,
        get_symmetric_quantization_config,
    )

    quantizer = XNNPACKQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))
    converted = _pt2e(source.network, source.calibration, quantizer, fold=True)
    return _pte(torch.export.export(converted, source.example))


ROUTES: Mapping[str, tuple[str, Callable[[Source], bytes]]] = {
    "litert_fp32": (".tflite", litert_fp32),
    "litert_fp32_channel_last": (".tflite", litert_fp32_channel_last),
    "litert_int8": (".tflite", litert_int8),
    "litert_int8_channel_last": (".tflite", litert_int8_channel_last),
    "executorch_fp32": (".pte", executorch_fp32),
    "executorch_int8": (".pte", executorch_int8),
}
"""Every route by name, with the suffix of what it makes."""


def _channel_last(network: nn.Module, example: Inputs) -> tuple[nn.Module, Inputs]:
    import litert_torch

    outputs = network(*example)
    count = len(outputs) if isinstance(outputs, tuple) else 1
    module = litert_torch.to_channel_last_io(network, args=list(range(len(example))), outputs=list(range(count)))
    return module, _moved(example)


def _moved(inputs: Inputs) -> Inputs:
    return tuple(x.permute(0, 2, 3, 1).contiguous() for x in inputs)


def _tflite(module: nn.Module, example: Inputs, **settings: Any) -> bytes:
    import litert_torch

    made = litert_torch.convert(module, example, **settings)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made.tflite"
        made.export(str(path))
        return path.read_bytes()


def _litert_int8(module: nn.Module, calibration: tuple[Inputs, ...]) -> bytes:
    from litert_torch.quantize.pt2e_quantizer import PT2EQuantizer, get_symmetric_quantization_config
    from litert_torch.quantize.quant_config import QuantConfig

    quantizer = PT2EQuantizer().set_global(get_symmetric_quantization_config(is_per_channel=True))
    # With folded weights litert-torch 0.10.0 cannot convert its own quantiser's graph.
    converted = _pt2e(module, calibration, quantizer, fold=False)
    return _tflite(converted, calibration[0], quant_config=QuantConfig(pt2e_quantizer=quantizer))


def _pt2e(module: nn.Module, calibration: tuple[Inputs, ...], quantizer: Any, fold: bool) -> nn.Module:
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    prepared = prepare_pt2e(torch.export.export(module, calibration[0]).module(), quantizer)
    for pair in calibration:
        prepared(*pair)
    converted: nn.Module = convert_pt2e(prepared, fold_quantize=fold)
    return converted


def _pte(exported: Any) -> bytes:
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    return bytes(to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()]).to_executorch().buffer)


def make(source: Source, routes: list[str], out: Path, progress: Callable[[str], None]) -> list[Path]:
    """Write the artifact of each route into `out`. Raises DpocketError for an unknown route or a missing converter."""
    unknown = [name for name in routes if name not in ROUTES]
    if unknown:
        raise DpocketError(f"there is no route '{unknown[0]}'; there are: {', '.join(ROUTES)}")
    made = []
    for name in routes:
        progress(name)
        suffix, route = ROUTES[name]
        try:
            # litert-torch tells its progress on stdout.
            with quiet(native=True), contextlib.redirect_stdout(io.StringIO()), torch.no_grad():
                content = route(source)
        except ModuleNotFoundError as e:
            raise DpocketError(f"route {name} needs {e.name}, which is not installed ({INSTALL})") from e
        made.append(out / f"{name}{suffix}")
        write_atomic(made[-1], content)
    return made


def main() -> None:
    """Makes the artifacts and prints their paths; exit 2 with a sentence for what cannot be done."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", default="384x512")
    parser.add_argument("--routes", default=",".join(ROUTES))
    given = parser.parse_args()
    torch.set_num_threads(1)
    try:
        routes = [name.strip() for name in given.routes.split(",")]
        with progress_bar() as bar:
            steps = iter(range(len(routes) + 1))
            bar.report("plain", "render", 0, len(routes))
            source = source_of(load_checkpoint(given.checkpoint), parse_size(given.size))
            made = make(source, routes, given.out, lambda what: bar.report("plain", what, next(steps), len(routes)))
            bar.report("plain", "done", len(routes), len(routes))
    except DpocketError as e:
        print(f"plain_routes: {e}", file=sys.stderr)
        sys.exit(2)
    for path in made:
        print(f"{path}  {path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
