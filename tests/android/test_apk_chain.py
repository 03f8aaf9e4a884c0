"""The chain from sources to an APK, on an app of one activity that is made here; and Android made mockable."""

from __future__ import annotations

import dataclasses
import zipfile
from pathlib import Path

import pytest

from android_demo.tools import build_apk, mockable, setup, stubs
from android_demo.tools.app_build import APP, AppBuild
from android_demo.tools.build_apk import Built
from android_demo.tools.toolbox import Unavailable, call, jars, missing_packages, require
from runtime_py.errors import DpocketError

MANIFEST = """<manifest xmlns:android="http://schemas.android.com/apk/res/android">
  <uses-permission android:name="android.permission.INTERNET"/>
  <application><activity android:name=".Main" android:exported="true"><intent-filter>
    <action android:name="android.intent.action.MAIN"/><category android:name="android.intent.category.LAUNCHER"/>
  </intent-filter></activity></application>
</manifest>
"""
ACTIVITY = "package org.dpocket.app;\npublic class Main extends android.app.Activity { BODY }\n"


def _app(folder: Path, body: str = "", manifest: str = MANIFEST) -> AppBuild:
    source = folder / "main" / "java" / "org" / "dpocket" / "app" / "Main.java"
    source.parent.mkdir(parents=True)
    source.write_text(ACTIVITY.replace("BODY", body))
    (folder / "main" / "AndroidManifest.xml").write_text(manifest)
    return dataclasses.replace(APP, main=folder / "main", compile_only=())


def _ready() -> None:
    try:
        if absent := missing_packages():
            raise Unavailable(f"not installed: {', '.join(absent)}")
        setup.require_set_up()
    except Unavailable as e:
        pytest.skip(str(e))


@pytest.fixture(scope="module")
def networked(tmp_path_factory: pytest.TempPathFactory) -> tuple[AppBuild, Built]:
    """An app that asks for the network, with an asset and a library for one ABI."""
    _ready()
    folder = tmp_path_factory.mktemp("networked")
    (folder / "assets").mkdir()
    (folder / "assets" / "model.bin").write_bytes(b"m" * 5000)
    (folder / "libone.so").write_bytes(b"\x7fELF")
    app = _app(folder)
    return app, build_apk.build(app, folder / "out", folder / "assets", {"arm64-v8a": folder / "libone.so"})


def test_an_apk_holds_code_assets_and_libraries_where_android_looks(networked: tuple[AppBuild, Built]) -> None:
    with zipfile.ZipFile(networked[1].apk) as apk:
        assert {"AndroidManifest.xml", "classes.dex", "assets/model.bin", "lib/arm64-v8a/libone.so"} <= set(
            apk.namelist()
        )
        assert apk.getinfo("lib/arm64-v8a/libone.so").compress_type == zipfile.ZIP_STORED
    said = build_apk.badging(networked[1].apk)
    assert (said["package"], said["minSdk"], said["abis"]) == (APP.application_id, "26", "arm64-v8a")
    assert said["activity"] == "org.dpocket.app.Main"


def test_an_app_that_asks_for_the_network_is_refused(networked: tuple[AppBuild, Built]) -> None:
    with pytest.raises(DpocketError, match="asks for the network"):
        build_apk.verify(*networked, ["arm64-v8a"])


def test_an_abi_without_its_library_is_refused(networked: tuple[AppBuild, Built]) -> None:
    with pytest.raises(DpocketError, match="'abis': 'arm64-v8a'"):
        build_apk.verify(*networked, APP.abis)


def test_an_apk_that_was_changed_after_signing_is_refused(networked: tuple[AppBuild, Built], tmp_path: Path) -> None:
    app, built = networked
    data = bytearray(built.apk.read_bytes())
    data[data.index(b"mmmm") if b"mmmm" in data else 60] ^= 1
    changed = tmp_path / "changed.apk"
    changed.write_bytes(data)
    with pytest.raises(DpocketError, match="verifying the signature failed"):
        build_apk.verify(app, dataclasses.replace(built, apk=changed), ["arm64-v8a"])


@pytest.mark.parametrize(
    "body", ["Runnable r = () -> {};", "java.util.List<String> l = java.util.List.of();", "{ String s = 1; }"]
)
def test_sources_above_java_7_do_not_compile(tmp_path: Path, body: str) -> None:
    """Lambdas would become invoke-custom; List.of is Java 9, which no phone of API 26 has."""
    _ready()
    app = _app(tmp_path, body)
    with pytest.raises(DpocketError, match="compiling the app failed"):
        build_apk.compile_java(app, tmp_path)


def test_a_manifest_of_another_package_is_refused(tmp_path: Path) -> None:
    assert 'package="org.dpocket.app"' in build_apk.manifest_with_package(_app(tmp_path / "a"))
    other = _app(tmp_path / "b", manifest=MANIFEST.replace("<manifest ", '<manifest package="com.other" '))
    with pytest.raises(DpocketError, match=r"the manifest says package com\.other"):
        build_apk.manifest_with_package(other)


SIGNATURES = """
package android.view {
  public class Context {
  }
  public class View {
    ctor public View(android.view.Context, long, double);
    method public final String name();
    method public long width();
    method public float[] corners();
    method public static android.view.View of(int, long);
  }
  public final class Button extends android.view.View {
    ctor public Button(android.view.Context);
    method public boolean pressed();
  }
  public class Failure extends java.lang.RuntimeException {
    ctor public Failure(String);
  }
  public enum Mode {
    enum_constant public static final android.view.Mode DARK;
    enum_constant public static final android.view.Mode LIGHT;
  }
}
"""
PROBE = """
import android.view.*;
public class Probe extends Button {
  Probe() { super(null); }
  @Override public boolean pressed() { return !super.pressed(); }
  public static void main(String[] none) {
    Probe p = new Probe();
    System.out.println(p.name() + " " + p.width() + " " + p.corners() + " " + View.of(1, 2L) + " " + p.pressed());
    Mode light = Mode.valueOf("LIGHT");
    System.out.println(Mode.values().length + " " + light.ordinal() + " " + new Failure("x").getMessage());
  }
}
"""


def test_stubs_throw_and_mockable_stubs_give_defaults(tmp_path: Path) -> None:
    try:
        require("java", "javac")
        jars("asm.jar")
    except Unavailable as e:
        pytest.skip(str(e))
    (tmp_path / "current.txt").write_text(SIGNATURES)
    (tmp_path / "Probe.java").write_text(PROBE)
    throwing = stubs.make_stub_jar(tmp_path / "current.txt", tmp_path / "android.jar")
    giving = mockable.make(throwing, tmp_path / "mockable.jar")
    # A final class can be extended, and its final method overridden, in the mockable jar only.
    with pytest.raises(DpocketError, match="cannot inherit from final"):
        call(["javac", "-cp", throwing, "-d", tmp_path, tmp_path / "Probe.java"], "compiling")
    call(["javac", "-cp", giving, "-d", tmp_path, tmp_path / "Probe.java"], "compiling")
    printed = call(["java", "-Xverify:all", "-cp", f"{tmp_path}:{giving}", "Probe"], "running")
    assert [line for line in printed.splitlines() if "warning" not in line] == ["null 0 null null true", "2 1 null"]
    with pytest.raises(DpocketError, match=r"IncompatibleClassChangeError|VerifyError|cannot inherit from final"):
        call(["java", "-cp", f"{tmp_path}:{throwing}", "Probe"], "running")
