"""`Manifest`: what an artifact is and what made it, as JSON beside it; and the contract of any artifact."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from runtime_py.contract import CONTRACT_KEY, Contract
from runtime_py.errors import ArtifactError, DpocketError
from runtime_py.files import locked_folder, sha256_of, write_atomic

VERSION = 2

READABLE = (1, 2)
"""Version 1 has no `recipe` and no `calibration`, and an empty `parity` where nothing was measured."""

NOT_MEASURED: Mapping[str, Any] = MappingProxyType({"status": "not measured"})


@dataclass(frozen=True)
class Manifest:
    """Content of `<artifact>.json`. `bytes` and `sha256` are of the artifact; of a folder, of its files together.

    `student` is the hash of the trained weights as exported, `recipe` what the checkpoint's card says of their
    training. `grid` is the hash of the integer grid ("" for a float artifact), `calibration` the method that found it
    and the hash of the images that it was found on. `tools` are versions by distribution, `parity` is what was
    measured after the export (`runtime_py.parity.record`). The same export on the same machine gives the same text:
    there is no time in it.
    """

    artifact: str
    target: str
    precision: str
    sha256: str
    bytes: int
    contract: Contract
    student: str
    recipe: Mapping[str, Any] = field(default_factory=dict)
    grid: str = ""
    calibration: Mapping[str, str] = field(default_factory=dict)
    tools: Mapping[str, str] = field(default_factory=dict)
    parity: Mapping[str, Any] = field(default_factory=lambda: dict(NOT_MEASURED))
    version: int = VERSION

    def to_json(self) -> str:
        raw = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        raw["contract"] = json.loads(self.contract.to_json())
        return json.dumps(raw, indent=1)


def manifest_path(artifact: Path) -> Path:
    """Where an artifact's manifest lies: beside it, under its name and ".json"."""
    return artifact.with_name(artifact.name + ".json")


def read_manifest(artifact: Path) -> Manifest:
    """The manifest beside an artifact. Raises ArtifactError when it is missing, damaged or of another version."""
    path = manifest_path(Path(artifact))
    try:
        raw = json.loads(path.read_bytes())
        if raw["version"] not in READABLE:
            readable = " and ".join(map(str, READABLE))
            raise ArtifactError(f"{path} has version {raw['version']}, this dpocket reads versions {readable}")
        fields = {name: _checked(name, raw[name]) for name in KINDS if name in raw}
        fields["contract"] = Contract.from_json(json.dumps(raw["contract"]))
        fields["parity"] = fields.get("parity") or dict(NOT_MEASURED)
        return Manifest(**fields)
    except OSError as e:
        raise ArtifactError(f"{path} cannot be read: {e.strerror or e}") from e
    except (KeyError, TypeError, ValueError, AttributeError) as e:
        raise ArtifactError(f"{path} is not a manifest: {type(e).__name__} {e}") from e


KINDS: Mapping[str, type] = {
    **dict.fromkeys(("artifact", "target", "precision", "sha256", "student", "grid"), str),
    **dict.fromkeys(("bytes", "version"), int),
    **dict.fromkeys(("contract", "recipe", "calibration", "tools", "parity"), dict),
}
"""What each entry of a manifest is in JSON."""


def _checked(name: str, value: Any) -> Any:
    if not isinstance(value, KINDS[name]):
        raise TypeError(f"'{name}' is a {type(value).__name__}")
    return value


def with_parity(artifact: Path, parity: Mapping[str, Any], sha256: str | None = None) -> Manifest:
    """Record measured `parity` (JSON values) in an artifact's manifest and return it.

    `sha256` is that of the artifact that was measured. Raises ArtifactError when the manifest describes another one by
    now.
    """
    path = manifest_path(Path(artifact))
    with locked_folder(path.parent):
        found = read_manifest(artifact)
        if sha256 is not None and found.sha256 != sha256:
            raise ArtifactError(
                f"{artifact} was replaced by another export while its parity was measured; give each its own folder"
            )
        manifest = dataclasses.replace(found, parity={**parity}, version=VERSION)
        write_atomic(path, manifest.to_json().encode())
    return manifest


def contract_of(artifact: Path) -> Contract:
    """The contract of an artifact: from the manifest beside it, otherwise from inside the file.

    Raises ArtifactError when there is no such artifact, when it is not the one its manifest describes (another
    SHA-256), or when neither holds a contract.
    """
    artifact = Path(artifact)
    if not artifact.exists():
        raise ArtifactError(f"there is no artifact {artifact}")
    if not manifest_path(artifact).exists():
        return _embedded(artifact)
    manifest = read_manifest(artifact)
    found = sha256_of(artifact)
    if found != manifest.sha256:
        raise ArtifactError(
            f"{artifact} is not the file that {manifest_path(artifact).name} describes (sha256 {found[:12]}…, expected "
            f"{manifest.sha256[:12]}…): it is damaged or was replaced; export it again, or delete the manifest"
        )
    return manifest.contract


def _embedded(artifact: Path) -> Contract:
    from runtime_py.readers import FOLDERS, READERS, read

    known = artifact.suffix.lower() in {**READERS, **FOLDERS}
    text = read(artifact).metadata.get(CONTRACT_KEY) if known else None
    if text is None:
        raise ArtifactError(
            f"{artifact} has no contract: there is no {manifest_path(artifact).name} beside it and none in the file; "
            "was it made by dpocket?"
        )
    try:
        return Contract.from_json(text)
    except DpocketError as e:
        raise ArtifactError(f"{artifact}: {e}") from e
