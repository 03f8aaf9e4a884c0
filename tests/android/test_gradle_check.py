"""Gradle's build against build_apk.py's: what a script sets, and differences that were planted."""

from __future__ import annotations

import dataclasses
import functools
import json
from pathlib import Path
from typing import Any

import pytest

from android_demo.tools import gradle_check
from android_demo.tools.app_build import APP, AppBuild
from android_demo.tools.gradle_check import Record
from android_demo.tools.toolbox import DEMO, Unavailable, jars, require
from runtime_py.errors import DpocketError

SCRIPT = """
plugins { id 'a.b' version '1.2' apply false }
def level = 20
android {
    namespace = 'x.y'
    defaultConfig { minSdk level + 6; ndk { abiFilters 'one', "two${1 + 1}" } }
    sourceSets { main { java.srcDirs = ['here', 'there'] } }
    compileOptions { sourceCompatibility JavaVersion.VERSION_1_8 }
}
dependencies { implementation 'g:a:1'; implementation 'g:b:2'; testImplementation project(':x') }
"""


@pytest.fixture(scope="module", autouse=True)
def _groovy() -> None:
    try:
        require("java")
        jars("groovy-all.jar")
    except Unavailable as e:
        pytest.skip(str(e))


def test_a_script_is_evaluated_and_not_searched(tmp_path: Path) -> None:
    script = tmp_path / "build.gradle"
    script.write_text(SCRIPT)
    (said,) = gradle_check.evaluate(script)
    assert said["plugins.id"] == ["a.b"]
    assert said["plugins.id.version"] == ["1.2"]
    assert said["android.namespace"] == ["x.y"]
    assert said["android.defaultConfig.minSdk"] == [26]
    assert said["android.defaultConfig.ndk.abiFilters"] == ["one", "two2"]
    assert said["android.sourceSets.main.java.srcDirs"] == ["here", "there"]
    assert said["android.compileOptions.sourceCompatibility"] == ["JavaVersion.VERSION_1_8"]
    assert said["dependencies.implementation"] == ["g:a:1", "g:b:2"]


def test_a_script_that_does_not_parse_is_refused_with_groovys_words(tmp_path: Path) -> None:
    script = tmp_path / "build.gradle"
    script.write_text("android { minSdk 26\n")
    with pytest.raises(DpocketError, match=r"evaluating build\.gradle failed"):
        gradle_check.evaluate(script)


def test_the_apps_gradle_build_takes_the_same_releases_as_the_exporter() -> None:
    said, _ = _said()
    assert gradle_check.libraries(said) == []
    assert gradle_check.identity(APP, said) == []


@functools.cache
def _evaluated() -> str:
    return json.dumps(gradle_check.evaluate(DEMO / "app" / "build.gradle", DEMO / "settings.gradle"))


def _said() -> tuple[Record, Record]:
    """What the app's two scripts set: copies, to be changed."""
    build, settings = json.loads(_evaluated())
    return build, settings


def _app(folder: Path, manifest: str) -> AppBuild:
    """An app of one activity in the place that build.gradle knows as the app's."""
    main = folder / "app" / "src" / "main"
    source = main / "java" / "org" / "dpocket" / "app" / "Main.java"
    source.parent.mkdir(parents=True)
    source.write_text("package org.dpocket.app; class Main {}")
    (main / "cpp").mkdir()
    (main / "cpp" / "CMakeLists.txt").write_text("add_library(dpocket SHARED engine.c jni.c)")
    (main / "AndroidManifest.xml").write_text(manifest)
    return dataclasses.replace(APP, main=main)


MANIFEST = '<manifest><application><activity android:name=".Main"/></application></manifest>'
ASSETS = "android.sourceSets.main.assets.srcDirs"

PLANTED: dict[str, tuple[str, list[Any], str]] = {
    "minSdk": ("android.defaultConfig.minSdk", [24], "minSdk is [24]"),
    "id": ("android.defaultConfig.applicationId", ["com.dpocket.app"], "applicationId is"),
    "ABI": ("android.defaultConfig.ndk.abiFilters", ["arm64-v8a"], "abiFilters is"),
    "compileSdk": ("android.compileSdk", [33], "below targetSdk"),
    "AAR": ("dependencies.implementation", ["org.pytorch:executorch-android:9.9"], "executorch-android is 9.9"),
    "library": ("dependencies.implementation", ["x:y:1"], "unknown dependency x:y"),
    "sources": ("android.sourceSets.main.java.srcDirs", ["elsewhere"], "java sources are"),
    "assets": (ASSETS, ["src/main/assets"], "assets come from"),
    "CMake": ("android.externalNativeBuild.cmake.path", ["none/CMakeLists.txt"], "there is no CMake file"),
}


def test_two_builds_that_agree_have_no_difference(tmp_path: Path) -> None:
    said, settings = _said()
    said[ASSETS] = [str(gradle_check.BUILD / "assets")]
    assert gradle_check.differences(_app(tmp_path, MANIFEST), said, settings) == []


@pytest.mark.parametrize("planted", PLANTED)
def test_a_planted_difference_is_named(tmp_path: Path, planted: str) -> None:
    key, value, words = PLANTED[planted]
    said, settings = _said()
    said[ASSETS] = [str(gradle_check.BUILD / "assets")]
    said[key] = value
    assert any(words in line for line in gradle_check.differences(_app(tmp_path, MANIFEST), said, settings))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (".Main", ".Gone", "org.dpocket.app.Gone, which has no source"),
        ("<application>", '<uses-sdk android:minSdkVersion="26"/><application>', "repeats levels"),
    ],
)
def test_a_manifest_that_contradicts_the_build_is_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    app = _app(tmp_path, MANIFEST.replace(old, new))
    assert any(words in line for line in gradle_check.differences(app, *_said()))


def test_a_second_module_and_a_source_that_cmake_leaves_out_are_named(tmp_path: Path) -> None:
    app = _app(tmp_path, MANIFEST)
    (app.main / "cpp" / "CMakeLists.txt").write_text("add_library(dpocket SHARED jni.c)")
    said, settings = _said()
    settings["include"] = [":app", ":more"]
    wrong = "\n".join(gradle_check.differences(app, said, settings))
    assert "settings.gradle includes" in wrong
    assert "does not compile engine.c" in wrong
