"""The signature file of Android's classes, and the stubs that are made of it: on a small file, by hand."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from android_demo.tools import api_file, stubs
from android_demo.tools.api_file import ApiClass
from android_demo.tools.stub_source import StubWriter

SIGNATURES = """// Signature format: 2.0
package android.view {

  @UiThread public class View implements android.view.Watcher android.view.View.Other<java.lang.String, T> {
    ctor public View(@NonNull android.view.Source, @Nullable int...) throws java.io.IOException;
    ctor protected View(android.view.Source, int, int);
    method @Deprecated @IntRange(from=0, to=(1 << 3)) public final int height();
    method @NonNull public final <T extends android.view.View> T find(java.util.Map<String, int[]>, int);
    method public void clicked(android.view.View);
    field public static final int GONE = 8; // 0x8
    field public static final byte SMALL = -1; // 0xffffffff
    field public static final String NAME = "a; b";
    field public static final int UNKNOWN_UNTIL_RUN;
  }

  public interface Watcher {
    method public default boolean asked();
    method public void clicked(android.view.View);
  }

  public static interface View.Other<A, B> {
  }

  public class Source {
  }

  public abstract class ViewGroup extends android.view.View {
    ctor public ViewGroup(android.view.Source);
    method protected abstract void onLayout(boolean, int, int, int, int);
  }

  public class Frame extends android.view.ViewGroup {
    ctor public Frame(android.view.Source);
  }

  public enum Mode {
    method public static android.view.Mode valueOf(String);
    method public static final android.view.Mode[] values();
    enum_constant public static final android.view.Mode DARK;
    enum_constant public static final android.view.Mode LIGHT;
  }

  @a.Target({a.Type.METHOD, a.Type.FIELD}) public @interface Marked {
    method public abstract String value() default "x";
  }

}

package java.util {
  public interface Map<K, V> {
  }
}
"""


def small_api() -> dict[str, ApiClass]:
    # T is no variable of View: only the parser is asked, javac never sees this line.
    return api_file.parse(SIGNATURES.splitlines())


def test_a_class_has_its_kind_modifiers_and_bases() -> None:
    view = small_api()["android.view.View"]
    assert (view.kind, view.modifiers, view.extends) == ("class", ("public",), ())
    assert view.implements == ("android.view.Watcher", "android.view.View.Other<java.lang.String, T>")
    assert small_api()["android.view.View.Other"].generics == "<A, B>"


def test_a_method_has_its_types_without_annotations() -> None:
    find = small_api()["android.view.View"].of("method")[1]
    assert find.name == "find"
    assert find.generics == "<T extends android.view.View>"
    assert find.type == "T"
    assert find.parameters == ("java.util.Map<String, int[]>", "int")
    assert find.modifiers == ("public", "final")


def test_a_constructor_keeps_its_ellipsis_and_exceptions() -> None:
    made = small_api()["android.view.View"].of("ctor")[0]
    assert made.parameters == ("android.view.Source", "int...")
    assert made.throws == "throws java.io.IOException"


def test_constants_keep_their_values_and_comments_are_no_part_of_them() -> None:
    values = {f.name: f.value for f in small_api()["android.view.View"].of("field")}
    assert values == {"GONE": "8", "SMALL": "-1", "NAME": '"a; b"', "UNKNOWN_UNTIL_RUN": None}


def test_an_annotation_is_told_from_an_annotation_type() -> None:
    assert small_api()["android.view.Marked"].kind == "@interface"
    assert api_file.without_annotations("@A(b={@C(d)}) public @interface E") == "public @interface E"


def test_packages_of_the_jdk_get_no_stub() -> None:
    assert "java.util.Map" in small_api()
    assert "java.util.Map" not in StubWriter(small_api()).classes


@pytest.mark.skipif(shutil.which("javac") is None, reason="no javac: apt-get install openjdk-17-jdk-headless")
def test_stubs_compile_and_an_app_compiled_against_them_holds_only_true_constants(tmp_path: Path) -> None:
    signatures = tmp_path / "current.txt"
    signatures.write_text(
        SIGNATURES.replace("android.view.View.Other<java.lang.String, T>", "").replace("@UiThread ", "")
    )
    jar = stubs.make_stub_jar(signatures, tmp_path / "android.jar")
    first = jar.read_bytes()
    app = tmp_path / "App.java"
    app.write_text(
        "class App extends android.view.Frame { App() throws Exception { super(null); }\n"
        "int known() { return android.view.View.GONE; }\n"
        "int read() { return android.view.View.UNKNOWN_UNTIL_RUN; } }\n"
    )
    # Level 8 like the stubs: what a level 7 app may say of them is the APK's test.
    done = ["javac", "--release", "8", "-Xlint:-options", "-cp", str(jar), "-d", str(tmp_path), str(app)]
    subprocess.run(done, check=True, capture_output=True)
    shown = ["javap", "-c", "-cp", f"{tmp_path}:{jar}", "App"]
    code = subprocess.run(shown, check=True, capture_output=True, text=True).stdout
    assert "bipush        8" in code
    assert "View.UNKNOWN_UNTIL_RUN:I" in code
    (tmp_path / "android.jar.inputs").unlink()
    assert stubs.make_stub_jar(signatures, jar).read_bytes() == first
