"""What tflite-support reads in a .tflite, as JSON; runs in an environment that has it and no dpocket.

make metadata-check
"""

import json
import sys

from tensorflow_lite_support.metadata.cc.python import _pywrap_metadata_version
from tflite_support import metadata
from tflite_support import metadata_schema_py_generated as schema


def read_back(path: str) -> dict:
    displayer = metadata.MetadataDisplayer.with_model_file(path)
    buffer = displayer.get_metadata_buffer()
    files = {name: displayer.get_associated_file_buffer(name) for name in displayer.get_packed_associated_file_list()}
    (subgraph,) = tables(schema.ModelMetadata.GetRootAsModelMetadata(buffer, 0), "SubgraphMetadata")
    return {
        "json": json.loads(displayer.get_metadata_json()),
        "files": {name: bytes(data).decode() for name, data in files.items()},
        "least_parser": _pywrap_metadata_version.GetMinimumMetadataParserVersion(bytes(buffer)),
        "inputs": [told(tensor) for tensor in tables(subgraph, "InputTensorMetadata")],
        "outputs": [told(tensor) for tensor in tables(subgraph, "OutputTensorMetadata")],
    }


def told(tensor) -> dict:
    return {
        "name": tensor.Name().decode(),
        "dimensions": [tensor.DimensionNames(i).decode() for i in range(tensor.DimensionNamesLength())],
        "range": [tensor.Stats().Min(0), tensor.Stats().Max(0)],
        "normalization": [normalization(unit) for unit in tables(tensor, "ProcessUnits")],
    }


def normalization(unit) -> list:
    assert unit.OptionsType() == schema.ProcessUnitOptions.NormalizationOptions
    options = schema.NormalizationOptions()
    options.Init(unit.Options().Bytes, unit.Options().Pos)
    return [options.MeanAsNumpy().tolist(), options.StdAsNumpy().tolist()]


def tables(owner, field: str) -> list:
    return [getattr(owner, field)(i) for i in range(getattr(owner, f"{field}Length")())]


if __name__ == "__main__":
    json.dump(read_back(sys.argv[1]), sys.stdout)
