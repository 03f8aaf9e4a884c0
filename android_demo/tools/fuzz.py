"""Damaged files through the app's own Java on a JVM: whatever comes must be a result or a sentence, never a crash.

    python -m android_demo.tools.fuzz [--count 20000] [--seed N] [--kind NAME,...] [--json FILE]

File N of a kind is always the same file. Captures are read, made linear, preprocessed and cut into tiles around a
network that gives zeros. Models go the app's way: the SHA-256 of their manifest is asked for before native code sees
them; damaged manifests come with a sound model, which then runs. The kinds "tflite-unchecked" and "pte-unchecked" leave
that question out, which the app never does: they show what it is there for, and are not among the default. A JVM that
dies is replaced, and its file is a defect. Defects lie in build/android/fuzz; exit status 1 when there is any.
"""

from __future__ import annotations

import argparse
import functools
import hashlib
import json
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from android_demo.tools import build_native, junit
from android_demo.tools.build_apk import sources_below
from android_demo.tools.fuzz_jvm import Jvm
from android_demo.tools.jvm_tests import ON_THE_JVM, compile_into
from android_demo.tools.toolbox import BUILD, ROOT, Unavailable, class_path
from benchmarks.fuzzing.mutations import Seed, mutated
from benchmarks.fuzzing.packages import mutated_json, mutated_package, package_seeds, pgm_seeds
from runtime_py.contract import CONTRACT_KEY, Contract, TensorSpec
from runtime_py.errors import DpocketError
from runtime_py.files import write_atomic
from runtime_py.manifest import Manifest
from runtime_py.readers import READERS

RESULTS = ROOT / "benchmarks" / "results" / "android_fuzz.json"
DEFECTS = BUILD / "fuzz" / "defects"
HEAP = "512m"
"""What an app with a large heap has."""

Damage = Callable[[random.Random, Seed, Sequence[Seed]], bytes]


def contract() -> Contract:
    """A student small enough that thousands of captures can go through everything around it."""

    def spec(name: str, height: int, width: int, scale: float) -> TensorSpec:
        limits = (0.0, 1.0) if name == "confidence" else (-3.0, 3.0)
        return TensorSpec(name, (1, height, width, 1), "NHWC", "int8", "px", limits, scale=scale, zero_point=0)

    inputs = tuple(spec(name, 24, 32, 3 / 127) for name in ("left", "right"))
    return Contract("fuzz", inputs, (spec("disparity", 6, 8, 0.05), spec("confidence", 6, 8, 1 / 255)), 48, 4)


def contract_seeds() -> list[Seed]:
    return [Seed("contract", contract().to_json().encode(), ())]


@functools.cache
def model_seeds(suffix: str) -> list[Seed]:
    """Sound models of a format with the places of the numbers that its own reader goes by, the smallest first."""
    from benchmarks.fuzzing.seeds import artifacts

    found = [artifact[""] for artifact in artifacts(suffix, sources=["exported"], precisions=["int8"])]
    return sorted(found, key=lambda seed: len(seed.content))


def manifest(model: Seed, suffix: str) -> str:
    """The manifest of a sound model, as `dpocket export` writes it."""
    meaning = READERS[f".{suffix}"](model.content, model.name).metadata[CONTRACT_KEY]
    digest = hashlib.sha256(model.content).hexdigest()
    sound = Contract.from_json(meaning)
    return Manifest(f"model.{suffix}", "", "int8", digest, len(model.content), sound, "").to_json()


def manifest_seeds(suffix: str) -> list[Seed]:
    return [Seed("manifest", manifest(model_seeds(suffix)[0], suffix).encode(), ())]


def _json(rng: random.Random, seed: Seed, others: Sequence[Seed]) -> bytes:
    return mutated_json(rng, seed.content)


@dataclass(frozen=True)
class Kind:
    """One kind of file: the byte that names it to the JVM, its sound files, how they are damaged, and the suffix of the
    models that it is about ("" for captures). Those that are not `usual` are no test of the app."""

    code: bytes
    seeds: Callable[[], list[Seed]]
    damage: Damage
    suffix: str = ""
    usual: bool = True


KINDS: Mapping[str, Kind] = {
    "dpz": Kind(b"d", package_seeds, mutated_package),
    "pgm": Kind(b"p", pgm_seeds, mutated),
    "contract": Kind(b"c", contract_seeds, _json),
    "tflite": Kind(b"m", lambda: model_seeds("tflite"), mutated, "tflite"),
    "tflite-manifest": Kind(b"f", lambda: manifest_seeds("tflite"), _json, "tflite"),
    "tflite-unchecked": Kind(b"n", lambda: model_seeds("tflite"), mutated, "tflite", usual=False),
    "pte": Kind(b"m", lambda: model_seeds("pte"), mutated, "pte"),
    "pte-manifest": Kind(b"f", lambda: manifest_seeds("pte"), _json, "pte"),
    "pte-unchecked": Kind(b"n", lambda: model_seeds("pte"), mutated, "pte", usual=False),
}


@dataclass(frozen=True)
class Tally:
    """What came of the damaged files of one kind. `memory`: the user is told that there is not enough of it; `thrown`:
    something else than a sentence; `died` and `stuck`: the process; `sentences`: different refusals, numbers and hashes
    aside."""

    kind: str
    files: int
    results: int
    refused: int
    memory: int
    thrown: int
    died: int
    stuck: int
    sentences: int
    slowest_s: float
    seconds: float

    @property
    def defects(self) -> int:
        return self.thrown + self.died + self.stuck


def fuzzed(name: str, numbers: range, java: Java, defects: Path = DEFECTS) -> Tally:
    """File number so-and-so of a kind, for every number, through `java`'s JVM; defects are kept."""
    kind = KINDS[name]
    sound = kind.seeds()
    counts: Counter[str] = Counter()
    sentences: set[str] = set()
    slowest, started = 0.0, time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        command = java.command(kind, Path(place))
        jvm = Jvm(command)
        if (line := jvm.answer(kind.code, sound[0].content)) != "result":
            jvm.end()
            raise DpocketError(f"a sound file of kind {name} is not taken ({line}), so damaged ones would show nothing")
        for number in numbers:
            rng = random.Random(f"{name.partition('-unchecked')[0]} {number}")
            content = kind.damage(rng, rng.choice(sound), sound)
            before = time.monotonic()
            line = jvm.answer(kind.code, content)
            slowest = max(slowest, time.monotonic() - before)
            word = line.partition(" ")[0]
            counts[word] += 1
            if word == "refused":
                sentences.add(re.sub(r"\w*\d\w*", "", line))
            elif word not in ("result", "memory"):
                _keep(defects, name, number, content, line)
            if word in ("died", "stuck"):
                jvm.end()
                jvm = Jvm(command)
        jvm.end()
    return Tally(
        name, len(numbers), counts["result"], counts["refused"], counts["memory"],
        counts["defect"], counts["died"], counts["stuck"], len(sentences), round(slowest, 3),
        round(time.monotonic() - started, 1),
    )  # fmt: skip


def _keep(defects: Path, name: str, number: int, content: bytes, line: str) -> None:
    write_atomic(defects / f"{name}-{number}.{name}", content)
    write_atomic(defects / f"{name}-{number}.txt", line.encode())


@dataclass(frozen=True)
class Java:
    """The app's core and engines and the mains that damaged files go through, compiled."""

    classes: Path

    def command(self, kind: Kind, place: Path) -> list[str]:
        """What starts a JVM for files of a kind; `place` is a folder for what it is told of.

        Raises Unavailable where the runtime of a kind of models is not on this machine.
        """
        java = ["java", f"-Xmx{HEAP}", "-XX:+UseSerialGC", "-XX:-CreateCoredumpOnCrash", "-XX:ErrorFile=/dev/null"]
        java += ["-cp", class_path([self.classes])]
        if not kind.suffix:
            (place / "contract.json").write_text(contract().to_json())
            return [*java, "org.dpocket.core.Fuzz", str(place / "contract.json")]
        sound = model_seeds(kind.suffix)[0]
        (place / "model.json").write_text(manifest(sound, kind.suffix))
        (place / f"model.{kind.suffix}").write_bytes(sound.content)
        properties = build_native.properties()
        wanted = {"tflite": "dpocket.litert", "pte": "dpocket.executorch"}[kind.suffix]
        if wanted not in properties:
            raise Unavailable(properties[f"{wanted}.absent"])
        java += [f"-Djava.library.path={build_native.host()}", *(f"-D{n}={v}" for n, v in properties.items())]
        files = [place / "model.json", place / f"model.{kind.suffix}", place]
        return [*java, "org.dpocket.engine.FuzzModels", *map(str, files)]


def compiled(classes: Path) -> Java:
    """Everything into the folder `classes`. Raises Unavailable without a JDK."""
    own = sources_below([junit.SOURCES / junit.PACKAGE / room for room in ON_THE_JVM])
    doubles = sources_below([build_native.DOUBLE / "java"])
    mains = [junit.TESTS / junit.PACKAGE / name for name in ("core/Fuzz.java", "engine/FuzzModels.java")]
    return Java(compile_into(classes, [*own, *doubles, *mains], []))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m android_demo.tools.fuzz", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--count", type=int, default=20_000, help="files of each kind")
    parser.add_argument("--seed", type=int, default=0, help="number of the first file")
    usual = ",".join(name for name, kind in KINDS.items() if kind.usual)
    parser.add_argument("--kind", default=usual, help=f"of {', '.join(KINDS)}")
    parser.add_argument("--json", type=Path, help=f"write the figures, as {RESULTS.name} has them")
    given = parser.parse_args(arguments)
    defects = 0
    with tempfile.TemporaryDirectory() as place:
        try:
            java = compiled(Path(place) / "classes")
            for name in given.kind.split(","):
                tally = _told(name, range(given.seed, given.seed + given.count), java, given.json)
                defects += tally.defects if tally is not None and KINDS[name].usual else 0
        except DpocketError as e:
            print(e, file=sys.stderr)
            return 2
    return 1 if defects else 0


def _told(name: str, numbers: range, java: Java, store: Path | None) -> Tally | None:
    """The tally of a kind, printed and stored; None, with the reason on stderr, where its runtime is not here."""
    try:
        tally = fuzzed(name, numbers, java)
    except Unavailable as e:
        print(f"{name}: not done: {e}", file=sys.stderr)
        return None
    print(json.dumps(asdict(tally)), flush=True)
    if store is not None:
        _store(store, tally)
    return tally


def _store(path: Path, tally: Tally) -> None:
    """Puts the figures of one kind among those of the others."""
    known = json.loads(path.read_text()) if path.is_file() else {}
    known[tally.kind] = asdict(tally)
    write_atomic(path, (json.dumps(known, indent=1) + "\n").encode())


if __name__ == "__main__":
    sys.exit(main())
