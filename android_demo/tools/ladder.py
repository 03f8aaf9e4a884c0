"""Every check of the phone app, in order: `python -m android_demo.tools.ladder [STEP ...]` runs all, or those named.

A step that cannot run on this machine is skipped with the reason and what to install; a step whose ground did not
build is skipped too. The exit status is 1 when a step failed, 0 otherwise.
"""

from __future__ import annotations

import argparse
import functools
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from android_demo.tools import (
    api_check,
    build_apk,
    build_native,
    dex,
    gradle_check,
    jvm_tests,
    model_assets,
    roundtrip,
    screens,
)
from android_demo.tools.app_build import APP
from android_demo.tools.build_apk import Built
from android_demo.tools.setup import require_set_up
from android_demo.tools.toolbox import BUILD, Unavailable, fresh_folder
from runtime_py.errors import DpocketError
from runtime_py.files import locked_folder, write_atomic

TABLE = BUILD / "ladder.json"


@functools.cache
def built() -> Built:
    """The app's APK, built once for all steps of a run."""
    return build_apk.build_app()


def compile_sources() -> str:
    require_set_up()
    work = fresh_folder(BUILD / "compile")
    build_apk.link_resources(APP, work)
    classes = build_apk.compile_java(APP, work)
    return (
        f"{len(list(classes.rglob('*.class')))} classes from {len(build_apk.sources_below([APP.java]))} files, Java 7"
    )


def native() -> str:
    found = build_native.android(APP.abis)
    sizes = ", ".join(f"{abi} {path.stat().st_size / 1024:.0f} KiB" for abi, path in found.items())
    return f"{build_native.LIBRARY}: {sizes}, only names that bionic has"


def assets() -> str:
    files = [p for p in model_assets.make().iterdir() if p.is_file()]
    return ", ".join(f"{p.name} {p.stat().st_size / 1024:.0f} KiB" for p in sorted(files))


def apk() -> str:
    return build_apk.verify(APP, built(), APP.abis)


def api_level() -> str:
    return api_check.report(built().dex, APP.min_sdk)


def no_invoke_custom() -> str:
    code = dex.read(built().dex)
    if code.invoke_custom:
        raise DpocketError(f"{code.invoke_custom} invoke-custom: write lambdas and method references as classes")
    return f"{len(code.classes)} classes, {len(code.references)} references, 0 invoke-custom"


@dataclass(frozen=True)
class Step:
    """One check: what it shows, how it is run (one line of what holds), and the steps that must not have failed."""

    shows: str
    run: Callable[[], str]
    needs: tuple[str, ...] = ()


STEPS: dict[str, Step] = {
    "compile": Step("the app's sources compile against the stubs of android.jar", compile_sources),
    "native": Step("the JNI library for both ABIs", native),
    "assets": Step("the student, its contract and golden pair", assets),
    "apk": Step("the APK is built, signed, verified, small", apk, ("compile", "native", "assets")),
    "api": Step("everything of Android that the code names exists at minSdk", api_level, ("apk",)),
    "dex": Step("no invoke-custom", no_invoke_custom, ("apk",)),
    "junit": Step("core and engines on the JVM, with the real models", jvm_tests.core, ("compile", "assets")),
    "roundtrip": Step(
        "the same tests on the APK's own dex and x86-64 library", lambda: roundtrip.report(built()), ("apk",)
    ),
    "activity": Step("the activity's logic against a mocked Android", jvm_tests.activity, ("compile",)),
    "gradle": Step("build.gradle builds the same app", gradle_check.report),
    "screens": Step("the app's own drawing code paints its screens", screens.report, ("compile", "assets")),
}


@dataclass(frozen=True)
class Result:
    """How one step went: `state` is ok, skip or FAIL; `said` is what holds, or why not."""

    step: str
    state: str
    seconds: float
    said: str

    def line(self) -> str:
        return f"{self.state:4}  {self.step:9}  {self.seconds:6.1f} s  {self.said}"


def run_step(name: str, step: Step, before: Sequence[Result]) -> Result:
    """Run one step after others of the same run."""
    if fallen := [r.step for r in before if r.step in step.needs and r.state != "ok"]:
        return Result(name, "skip", 0.0, f"needs {', '.join(fallen)}")
    start = time.perf_counter()
    try:
        state, said = "ok", step.run()
    except Unavailable as e:
        state, said = "skip", str(e)
    except DpocketError as e:
        state, said = "FAIL", str(e)
    return Result(name, state, round(time.perf_counter() - start, 1), said)


def climb(names: Sequence[str], steps: dict[str, Step]) -> list[Result]:
    """Run the named steps in the order of the table, printing a line for each as it ends."""
    results: list[Result] = []
    for name in (n for n in steps if n in names):
        results.append(run_step(name, steps[name], results))
        print(results[-1].line(), flush=True)
    return results


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m android_demo.tools.ladder", description=__doc__.splitlines()[0])
    listed = "; ".join(f"{name}: {step.shows}" for name, step in STEPS.items())
    parser.add_argument(
        "step", nargs="*", choices=[[], *STEPS], metavar="STEP", help=f"all when none is given; {listed}"
    )
    chosen = parser.parse_args(arguments).step or list(STEPS)
    BUILD.mkdir(parents=True, exist_ok=True)
    # Steps share folders below build/android; a second ladder waits.
    with locked_folder(BUILD):
        results = climb(chosen, STEPS)
    counts = {state: sum(r.state == state for r in results) for state in ("ok", "skip", "FAIL")}
    print(f"{counts['ok']} ok, {counts['skip']} skipped, {counts['FAIL']} failed")
    if chosen == list(STEPS):
        write_atomic(TABLE, (json.dumps([asdict(r) for r in results], indent=1) + "\n").encode())
    return 1 if counts["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
