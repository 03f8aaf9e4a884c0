"""`QuantisedStudent`: a student that computes, in torch and with gradients, what its int8 artifact computes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from runtime_py.errors import DpocketError
from training.folding import Foldable, folded_parameters, followed_layers
from training.graph import StudentGraph
from training.quantize.grid import Grid, Steps
from training.quantize.simulate import Parameters, simulate, trained_grid
from training.tracing import trace

METHOD = "quantisation-aware"
HASH_BYTES = 32
"""Of SHA-256."""


class QuantisedStudent(nn.Module):
    """`student` behind its integer grid; called as `student` is, and giving real values on the grid's steps.

    The steps of all activations are buffers, so that they are saved with the weights; they are those of no student
    until `set_steps`. Weight scales follow from the weights as these learn. A batch norm is folded as an export folds
    it, with the statistics that it has: they are frozen, its factor and offset learn. Raises DpocketError for a student
    that has no integer grid.
    """

    scales: Tensor
    zero_points: Tensor
    calibration: Tensor

    def __init__(self, student: nn.Module, outputs: tuple[str, ...], multiple: int) -> None:
        super().__init__()
        self.student = student
        example = torch.zeros(1, 1, 2 * multiple, 2 * multiple)
        self.graph: StudentGraph = trace(student, (example, example), outputs=outputs)
        self.names = tuple(self.graph.shapes)
        self._norms = {layer: norm for norm, layer in followed_layers(student.eval(), (example, example)).items()}
        self.register_buffer("scales", torch.ones(len(self.names)))
        self.register_buffer("zero_points", torch.zeros(len(self.names), dtype=torch.int64))
        self.register_buffer("calibration", torch.zeros(HASH_BYTES, dtype=torch.uint8))

    def train(self, mode: bool = True) -> QuantisedStudent:
        super().train(mode)
        for module in self.modules():
            if isinstance(module, _BatchNorm):
                module.eval()
        return self

    def set_steps(self, grid: Grid) -> None:
        """Take the steps of the activations from `grid`, and the hash of what they were found on."""
        if grid.equalised or grid.bias:
            raise DpocketError("a grid with post-training adjustments is one of other weights; calibrate without them")
        for i, name in enumerate(self.names):
            self.scales[i] = grid.tensors[name].scale
            self.zero_points[i] = grid.tensors[name].zero_point
        self.calibration.copy_(torch.tensor(list(bytes.fromhex(grid.calibration)) or [0] * HASH_BYTES))

    def steps(self) -> dict[str, Steps]:
        """The steps of every activation, inputs and outputs included."""
        pairs = zip(self.scales.tolist(), self.zero_points.tolist(), strict=True)
        return {name: Steps(float(np.float32(s)), z) for name, (s, z) in zip(self.names, pairs, strict=True)}

    def parameters_by_layer(self) -> dict[str, Parameters]:
        """Weight and bias of every layer of the graph, batch norms folded, as functions of what learns."""
        return {
            layer.name: self._folded(layer.module, layer.where)
            for layer in self.graph.layers
            if layer.weight is not None
        }

    def _folded(self, name: str, where: str) -> Parameters:
        layer = self.student.get_submodule(name)
        if not isinstance(layer, Foldable):
            raise DpocketError(f"{where}: its weights are not those of a module and cannot be trained in int8")
        norm = self._norms.get(name)
        if norm is None:
            return layer.weight, layer.bias
        folded = self.student.get_submodule(norm)
        if not isinstance(folded, _BatchNorm):
            raise TypeError("followed_layers names batch norms")
        return folded_parameters(layer, folded)

    def grid(self) -> Grid:
        """The grid on which this student computes now."""
        with torch.no_grad():
            made = trained_grid(self.graph, self.steps(), self.parameters_by_layer(), METHOD)
        return replace(made, calibration=bytes(self.calibration.tolist()).hex())

    def forward(self, *views: Tensor) -> Tensor | tuple[Tensor, ...]:
        """As the student's own forward; float32 NCHW."""
        inputs: Mapping[str, Tensor] = dict(zip(self.graph.inputs, views, strict=True))
        found = simulate(self.graph, self.steps(), inputs, self.parameters_by_layer())
        outputs = tuple(found[name] for name in self.graph.outputs)
        return outputs[0] if len(outputs) == 1 else outputs
