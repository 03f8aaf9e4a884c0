"""References of a classes.dex against API levels: a small API by hand, and a planted call against the whole one."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from android_demo.tools import api_check, api_file, api_levels, build_apk, dex, setup
from android_demo.tools.api_check import Api, Finding
from android_demo.tools.toolbox import Unavailable, call, require

SIGNATURES = """
package java.lang {
  public class Object {
    ctor public Object();
    method public String toString();
  }
  public final class String {
  }
}
package android.view {
  public class View {
    ctor public View(int);
    method public final <T extends android.view.View> T find(java.lang.String, int...);
    method public void draw(float);
    method public void draw(android.view.View);
    field public int left;
  }
  public static interface View.Listener<T> {
    method public void clicked(T);
  }
}
package android.app {
  public class Activity extends android.view.View {
    method public void draw(float);
    method public void turnOn();
  }
}
"""
LEVELS = """
declare module android {
	export module view {
		export class View extends java.lang.Object {
			public static class: java.lang.Class<android.view.View>;
			public left: number;
			public find(name: string, ids: androidNative.Array<number>): any;
			public draw(how: number): void;
			/** @since 28 */
			public draw(other: android.view.View | null): void;
			public constructor(implementation: {
				clicked(param0: any): void;
			});
			public constructor(a: number);
		}
		export module View {
			/** @since 27 */
			export class Listener extends java.lang.Object {
				public clicked(param0: any): void;
			}
		}
	}
}
declare module android {
	export module app {
		export class Activity extends android.view.View {
			/** @since 29 */
			public draw(how: number): void;
			/** @since 27 */
			public turnOn(): void;
		}
	}
}
"""
DUMP = """Class #0            -
  Class descriptor  : 'Lorg/dpocket/Main;'
  Superclass        : 'Landroid/app/Activity;'
  Interfaces        -
  Direct methods    -
    #0              : (in Lorg/dpocket/Main;)
      name          : 'own'
      type          : '()V'
{code}
"""


def small_api() -> Api:
    levels = {"java.lang.Object": api_levels.ClassLevels(members={("toString", ()): 21})}
    levels["java.lang.String"] = api_levels.ClassLevels()
    return Api(api_file.parse(SIGNATURES.splitlines()), levels | api_levels.parse(LEVELS.splitlines()))


def found(*instructions: str, min_sdk: int = 26) -> list[Finding]:
    code = "".join(f"000100: 6e10 0100 |0000: {line} // method@0001\n" for line in instructions)
    return api_check.check(dex.parse_dump(DUMP.format(code=code)), small_api(), min_sdk)[1]


def test_levels_are_read_member_by_member() -> None:
    view = api_levels.parse(LEVELS.splitlines())["android.view.View"]
    assert view.members[("draw", ("number",))] == 21
    assert view.members[("draw", ("android.view.View",))] == 28
    assert view.members[("<init>", ("number",))] == 21
    assert api_levels.parse(LEVELS.splitlines())["android.view.View.Listener"].since == 27


def test_parameter_types_are_cut_at_the_right_commas() -> None:
    text = "(a: java.util.Map<string, number>, f: (x: number) => void, c: number | null): void;"
    assert api_levels.parameter_types(text) == ("java.util.Map", "(x: number) => void", "number")


def test_overloads_of_one_count_are_told_apart_by_their_types() -> None:
    assert found("invoke-virtual {v0, v1}, Landroid/view/View;.draw:(F)V") == []
    newer = found("invoke-virtual {v0, v1}, Landroid/view/View;.draw:(Landroid/view/View;)V")
    assert newer == [Finding("android.view.View.draw(Landroid/view/View;)V", "since API 28")]


def test_a_type_variable_is_erased_to_its_bound() -> None:
    line = "invoke-virtual {v0, v1}, Landroid/view/View;.find:(Ljava/lang/String;[I)Landroid/view/View;"
    assert found(line) == []
    assert found(line.replace(")Landroid/view/View;", ")Ljava/lang/Object;"))[0].problem == "no such member in API 29"


def test_a_call_through_the_apps_own_class_is_a_call_of_what_it_inherits() -> None:
    assert found("invoke-virtual {v0}, Lorg/dpocket/Main;.own:()V") == []
    assert [f.problem for f in found("invoke-virtual {v0}, Lorg/dpocket/Main;.turnOn:()V")] == ["since API 27"]
    assert found("invoke-virtual {v0}, Lorg/dpocket/Main;.turnOn:()V", min_sdk=27) == []
    assert found("invoke-virtual {v0}, Lorg/dpocket/Main;.toString:()Ljava/lang/String;") == []


def test_an_override_that_came_later_does_not_make_an_inherited_method_newer() -> None:
    assert found("invoke-virtual {v0, v1}, Landroid/app/Activity;.draw:(F)V") == []


def test_a_field_a_constructor_and_an_unknown_class() -> None:
    assert found("iget v0, v1, Landroid/view/View;.left:I") == []
    assert found("invoke-direct {v0, v1}, Landroid/view/View;.<init>:(I)V") == []
    # A constructor is not inherited.
    assert found("invoke-direct {v0, v1}, Landroid/app/Activity;.<init>:(I)V")[0].problem == "no such member in API 29"
    assert found("invoke-static {}, Ljava/awt/Toolkit;.getDefaultToolkit:()V")[0].problem == "no such class in API 29"


def test_the_level_of_a_class_counts_even_where_no_member_is_called() -> None:
    newer = found("check-cast v0, Landroid/view/View$Listener;")
    assert newer == [Finding("android.view.View.Listener", "since API 27")]


def test_names_in_strings_are_no_references() -> None:
    assert found('const-string v0, "Landroid/none/Such;.call:()V"') == []


@functools.cache
def whole_api() -> Api:
    return api_check.load_api()


PLANTED = """package org.dpocket.planted;
public final class Planted extends android.app.Activity {
  @Override protected void onCreate(android.os.Bundle state) {
    super.onCreate(state);
    java.nio.ByteBuffer.allocateDirect(4).rewind();
    setContentView(new android.view.View(this));
    PLANT
  }
}
"""


@pytest.mark.parametrize(
    ("call_of", "problem"),
    [
        ("getWindow().getDecorView().isAccessibilityHeading();", "since API 28"),
        ("getMainExecutor();", "since API 28"),
        ("javax.swing.SwingUtilities.isEventDispatchThread();", "no such class"),
        ("findViewById(1).performClick();", ""),
    ],
)
def test_a_planted_call_is_found_in_a_real_dex(tmp_path: Path, call_of: str, problem: str) -> None:
    try:
        setup.require_set_up()
        require("java", "javac", "dexdump")
    except Unavailable as e:
        pytest.skip(str(e))
    source = tmp_path / "Planted.java"
    source.write_text(PLANTED.replace("PLANT", call_of))
    options = ["--release", "7", "-Xlint:-options", "-cp", setup.ANDROID_JAR]
    call(["javac", *options, "-d", tmp_path / "classes", source], "compiling")
    code = build_apk.to_dex(tmp_path / "classes", tmp_path / "classes.dex")
    problems = [f.problem for f in api_check.check(dex.read(code), whole_api(), 26)[1]]
    assert bool(problems) == bool(problem)
    assert all(p.startswith(problem) for p in problems)
