"""Do Gradle's build and build_apk.py build the same app? Evaluates app/build.gradle and settings.gradle without Gradle.

`RecordGradle.groovy` (Debian's groovy) runs the scripts against a delegate that records every call; what they say is
compared with `app_build.APP`, the manifest, the files that exist and the versions in constraints.txt.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from android_demo.tools import build_native
from android_demo.tools.app_build import APP, AppBuild
from android_demo.tools.toolbox import BUILD, DEMO, ROOT, call, jars, printed, require
from runtime_py.errors import DpocketError

Record = dict[str, list[Any]]

# Coordinates of an AAR -> the Python package of the same release in constraints.txt.
AARS = {"com.google.ai.edge.litert:litert": "ai-edge-litert", "org.pytorch:executorch-android": "executorch"}


def evaluate(*scripts: Path) -> list[Record]:
    """What each Gradle script (Groovy) sets, by dotted path. Raises DpocketError when one does not even run."""
    require("java")
    recorder = Path(__file__).with_name("RecordGradle.groovy")
    opens = ["--add-opens", "java.base/java.lang=ALL-UNNAMED", "--add-opens", "java.base/java.util=ALL-UNNAMED"]
    command: list[str | Path] = ["java", *opens, "-cp", *jars("groovy-all.jar"), "groovy.ui.GroovyMain"]
    printed = call([*command, recorder, *scripts], f"evaluating {' and '.join(s.name for s in scripts)}")
    try:
        found: list[Record] = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    except ValueError as e:
        raise DpocketError(f"what the scripts set cannot be read: {printed[-400:]}") from e
    if len(found) != len(scripts):
        raise DpocketError(f"{len(scripts)} scripts were evaluated, {len(found)} said something: {printed[-400:]}")
    return found


def constrained(package: str) -> str:
    """The version of a package in constraints.txt. Raises DpocketError when it is not there."""
    found = re.search(rf"^{re.escape(package)}==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    if not found:
        raise DpocketError(f"constraints.txt has no {package}")
    return found.group(1)


def identity(app: AppBuild, said: Record) -> list[str]:
    """Ids, levels, versions and ABIs that differ from the APK's."""
    default = "android.defaultConfig."
    wanted: Record = {
        "android.namespace": [app.application_id],
        f"{default}applicationId": [app.application_id],
        f"{default}minSdk": [app.min_sdk],
        f"{default}targetSdk": [app.target_sdk],
        f"{default}versionCode": [app.version_code],
        f"{default}versionName": [app.version_name],
        f"{default}ndk.abiFilters": sorted(app.abis),
        "plugins.id": ["com.android.application"],
    }
    found = {key: said.get(key, []) for key in wanted}
    found[f"{default}ndk.abiFilters"].sort()
    wrong = [f"{key} is {found[key]}, build_apk.py has {value}" for key, value in wanted.items() if found[key] != value]
    if said.get("android.compileSdk", [0])[-1] < app.target_sdk:
        wrong.append(f"compileSdk {said.get('android.compileSdk')} is below targetSdk {app.target_sdk}")
    return wrong


def places(app: AppBuild, said: Record) -> list[str]:
    """Source folders that are not those that build_apk.py compiles and packs."""
    module = app.main.parents[1]
    wrong = []
    for kind, default, own in (("java", "src/main/java", app.java), ("res", "src/main/res", app.resources)):
        folders = said.get(f"android.sourceSets.main.{kind}.srcDirs", [default])
        if [(module / f).resolve() for f in folders] != [own.resolve()]:
            wrong.append(f"{kind} sources are {folders}, build_apk.py takes {own}")
    assets = said.get("android.sourceSets.main.assets.srcDirs", ["src/main/assets"])
    if [(module / f).resolve() for f in assets] != [(BUILD / "assets").resolve()]:
        wrong.append(f"assets come from {assets}, build_apk.py takes {BUILD / 'assets'}")
    for script in said.get("android.externalNativeBuild.cmake.path", ["(none)"]):
        cmake = module / script
        if not cmake.is_file():
            wrong.append(f"there is no CMake file {cmake}")
        elif missing := [s.name for s in build_native.SOURCES if s.name not in cmake.read_text()]:
            wrong.append(f"{cmake.name} does not compile {', '.join(missing)}, build_native.py does")
    return wrong


def libraries(said: Record) -> list[str]:
    """AARs that are missing, unknown, or of another release than the Python packages that made the models."""
    found = dict(d.rsplit(":", 1) for d in said.get("dependencies.implementation", []))
    wrong = [f"unknown dependency {name}" for name in found if name not in AARS]
    for name, package in AARS.items():
        if found.get(name) != constrained(package):
            wrong.append(
                f"{name} is {found.get(name, 'missing')}, constraints.txt has {package} {constrained(package)}"
            )
    return wrong


def manifest(app: AppBuild, said: Record) -> list[str]:
    """What the manifest must leave to Gradle, and components without a class."""
    if not app.manifest.is_file():
        return [f"there is no {app.manifest}"]
    text = app.manifest.read_text(encoding="utf-8")
    wrong = []
    if re.search(r"<uses-sdk\b|\spackage=|android:versionCode=", text):
        wrong.append("the manifest repeats levels, package or version, which build.gradle says")
    for name in re.findall(r"<(?:activity|service|provider|receiver)\b[^>]*?android:name=\"([^\"]+)\"", text):
        full = said.get("android.namespace", [""])[-1] + name if name.startswith(".") else name
        if not (app.java / (full.replace(".", "/") + ".java")).is_file():
            wrong.append(f"the manifest names {full}, which has no source")
    return wrong


CHECKS: tuple[Callable[[AppBuild, Record], list[str]], ...] = (
    identity,
    places,
    lambda _, said: libraries(said),
    manifest,
)


def differences(app: AppBuild, said: Record, settings: Record) -> list[str]:
    """Every way in which app/build.gradle and settings.gradle would build another app, one clause each."""
    wrong = [line for check in CHECKS for line in check(app, said)]
    if settings.get("include") != [":app"]:
        wrong.append(f"settings.gradle includes {settings.get('include')}, not the app alone")
    return wrong


def report(app: AppBuild = APP, folder: Path = DEMO) -> str:
    """One line when both builds agree. Raises DpocketError with every difference."""
    said, settings = evaluate(folder / "app" / "build.gradle", folder / "settings.gradle")
    if wrong := differences(app, said, settings):
        raise DpocketError("the two builds differ:\n" + "\n".join(f"  {line}" for line in wrong))
    return f"{len(said)} settings; ids, levels, ABIs, sources and AAR versions agree"


if __name__ == "__main__":
    sys.exit(printed(report))
