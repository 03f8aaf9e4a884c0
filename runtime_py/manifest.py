"""`Manifest`: what an artifact is and what made it, as JSON beside it; and the contract of any artifact."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime_py.contract import CONTRACT_KEY, Contract
from runtime_py.errors import ArtifactError, DpocketError
from runtime_py.files import sha256_of, write_atomic

VERSION = 1


@dataclass(frozen=True)
class Manifest:
    """Content of `<artifact>.json`. `bytes` and `sha256` are of the artifact; of a folder, of its files together.

    `student` is the hash of the trained weights, `grid` that of the integer grid ("" for a float artifact), `tools`
    versions by distribution, `parity` measured deviations (empty when nothing was measured).
    """

    artifact: str
    target: str
    precision: str
    sha256: str
    bytes: int
    contract: Contract
    student: str
    grid: str = ""
    tools: Mapping[str, str] = dataclasses.field(default_factory=dict)
    parity: Mapping[str, Any] = dataclasses.field(default_factory=dict)
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
        if raw["version"] != VERSION:
            raise ArtifactError(f"{path} has version {raw['version']}, this dpocket reads version {VERSION}")
        names = {f.name for f in dataclasses.fields(Manifest)}
        fields = {name: value for name, value in raw.items() if name in names}
        fields["contract"] = Contract.from_json(json.dumps(raw["contract"]))
        return Manifest(**fields)
    except OSError as e:
        raise ArtifactError(f"{path} cannot be read: {e.strerror or e}") from e
    except (KeyError, TypeError, ValueError, AttributeError) as e:
        raise ArtifactError(f"{path} is not a manifest: {type(e).__name__} {e}") from e


def with_parity(artifact: Path, parity: Mapping[str, Any]) -> Manifest:
    """Record measured `parity` (JSON values) in an artifact's manifest and return it."""
    manifest = dataclasses.replace(read_manifest(artifact), parity={**parity})
    write_atomic(manifest_path(Path(artifact)), manifest.to_json().encode())
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
