"""The vendors' runtimes, called directly: NCHW arrays by name in, one output in NCHW out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]


def litert(path: Path, inputs: Arrays, output: str = "disparity") -> NDArray[Any]:
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(str(path), num_threads=1).get_signature_runner("serving_default")
    nhwc = {name: np.ascontiguousarray(value.transpose(0, 2, 3, 1)) for name, value in inputs.items()}
    return np.asarray(runner(**nhwc)[output]).transpose(0, 3, 1, 2)


def executorch(path: Path, inputs: Arrays, output: str = "disparity") -> NDArray[Any]:
    import torch
    from executorch.runtime import Runtime

    method = Runtime.get().load_program(path).load_method("forward")
    # A .pte knows its outputs by position only.
    found = method.execute([torch.from_numpy(inputs[n]) for n in ("left", "right")])
    return np.asarray(found[("disparity", "confidence").index(output)].numpy())


def onnxruntime(path: Path, inputs: Arrays, optimised: bool = True, output: str = "disparity") -> NDArray[Any]:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    if not optimised:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    # On x86 the default rewrites int8 to uint8 and then fuses only half of the convolutions.
    options.add_session_config_entry("session.qdqisint8allowed", "1")
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run([output], dict(inputs))[0])
