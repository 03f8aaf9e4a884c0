"""ExecuTorch's portable kernels by name, and how a call of each becomes operations of a Program."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from runtime_py.readers.pte_arithmetic import ARITHMETIC_KERNELS
from runtime_py.readers.pte_calls import Call
from runtime_py.readers.pte_image_ops import IMAGE_KERNELS
from runtime_py.readers.pte_moves import MOVING_KERNELS
from runtime_py.readers.pte_norms import NORM_KERNELS

KERNELS: Mapping[str, Callable[[Call], None]] = {
    **ARITHMETIC_KERNELS,
    **MOVING_KERNELS,
    **IMAGE_KERNELS,
    **NORM_KERNELS,
}
"""Every kernel that is read, by operator and overload."""
