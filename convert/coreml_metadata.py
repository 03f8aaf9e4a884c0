"""What Xcode and `MLModelDescription` show of a package: names, units, signs, and the contract."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from convert.coreml_options import CODES, HALF_FLOATS, CoreMLOptions
from runtime_py.contract import CONTRACT_KEY, Contract, TensorSpec


def describe(description: Any, contract: Contract, options: CoreMLOptions, precision: str) -> None:
    """Fills in a ModelDescription protobuf: inputs, outputs, short description, author, licence, version, contract.

    What coremltools says there is taken away: it names the day of the conversion, and the same student is to give the
    same bytes tomorrow.
    """
    for feature in description.input:
        feature.shortDescription = _input(contract.input(feature.name))
    for feature in description.output:
        feature.shortDescription = _output(contract.output(feature.name), contract)
    metadata = description.metadata
    metadata.Clear()
    metadata.shortDescription = f"Dual-pixel depth, {precision}, {options.deployment_target} and later"
    metadata.author = options.author
    metadata.license = options.licence
    metadata.versionString = _version()
    metadata.userDefined[CONTRACT_KEY] = json.dumps(_said(json.loads(contract.to_json())), separators=(",", ":"))


def _said(value: Any) -> Any:
    """A contract's JSON without fields that say nothing."""
    if isinstance(value, dict):
        return {key: _said(one) for key, one in value.items() if one not in (None, "")}
    return [_said(one) for one in value] if isinstance(value, list) else value


def _input(spec: TensorSpec) -> str:
    low, high = spec.valid_range
    real = f"{spec.name} view, preprocessed as the contract says, {low:g}...{high:g}"
    if spec.pixel_format == CODES:
        return f"{real}, as grey = round(x / {spec.scale:.9g}) + {spec.zero_point}"
    return f"{real}, as half floats" if spec.pixel_format == HALF_FLOATS else real


def _output(spec: TensorSpec, contract: Contract) -> str:
    low, high = spec.valid_range
    unit = f"px of a {contract.working_width} px wide image" if spec.unit == "px" else f"unit {spec.unit}"
    within = f", of an error of at most {spec.within_px:g} px" if spec.within_px is not None else ""
    return f"{spec.name}{within}, {unit}, {low:.4g}...{high:.4g}" + (f", {spec.sign}" if spec.sign else "")


def _version() -> str:
    try:
        return version("dpocket")
    except PackageNotFoundError:
        return "unknown"
