"""The JUnit tests on a JVM: of the app's numeric code and engines, and of its activity against a mocked Android."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from android_demo.tools import build_native, junit, mockable, model_assets
from android_demo.tools.app_build import APP
from android_demo.tools.build_apk import compile_java, link_resources, sources_below
from android_demo.tools.toolbox import BUILD, ROOT, Unavailable, call, class_path, fresh_folder, jars, require
from runtime_py.errors import DpocketError

ON_THE_JVM = ("core", "engine")
"""Packages below org.dpocket that name nothing of Android."""

JUNIT = ("junit4.jar", "hamcrest.jar")
MOCKITO = ("mockito-core.jar", "byte-buddy.jar", "byte-buddy-agent.jar", "objenesis.jar")


@dataclass(frozen=True)
class Jvm:
    """A run of JUnit: what is on the class path, where native libraries are, properties and variables of the run."""

    class_path: tuple[str | Path, ...]
    library_path: Path | None = None
    properties: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(self, tests: Sequence[Path], what: str) -> str:
        """How many tests passed. Raises DpocketError with JUnit's words when one fails, or when none was run."""
        require("java")
        names = [".".join(t.relative_to(junit.TESTS).with_suffix("").parts) for t in tests]
        command: list[str | Path] = ["java", f"-Ddpocket.golden={junit.GOLDEN}", f"-Ddpocket.assets={BUILD / 'assets'}"]
        if self.library_path:
            command += ["-Xcheck:jni", f"-Djava.library.path={self.library_path}"]
        command += [f"-D{name}={value}" for name, value in self.properties.items()]
        # JUnit first: Android's stubs have classes of the same names.
        path = class_path([*jars(*JUNIT), *self.class_path])
        command += ["-cp", path, "org.junit.runner.JUnitCore", *names]
        printed = call(command, what, folder=ROOT, environment=self.environment)
        passed = re.search(r"^OK \((\d+) tests?\)", printed, re.MULTILINE)
        if not passed:
            raise DpocketError(f"{what}: JUnit did not say OK:\n{printed[-2000:]}")
        return f"{passed.group(1)} tests of {len(tests)} classes pass"


def compile_into(folder: Path, sources: Sequence[Path], path: Sequence[str | Path]) -> Path:
    """Class files of given sources below `folder`; nothing else is compiled. Raises DpocketError when javac refuses."""
    require("javac")
    fresh_folder(folder)
    # Tests may be newer than the app: they never go to a phone.
    options = ["--release", "8", "-Xlint:-options", "-nowarn", "-encoding", "UTF-8", "-proc:none", "-implicit:none"]
    command: list[str | Path] = ["javac", *options, "-cp", class_path([*jars(*JUNIT), *path]), "-d", folder]
    call([*command, *sources], f"compiling {len(sources)} sources")
    return folder


def tests_of(*packages: str) -> list[Path]:
    """The test classes of packages below org.dpocket; of those packages that have any."""
    return sorted(t for p in packages for t in (junit.TESTS / junit.PACKAGE / p).rglob("*Test.java"))


def sources_of(*packages: str) -> list[Path]:
    """All test sources of packages: the test classes and what helps them."""
    return sources_below([junit.TESTS / junit.PACKAGE / p for p in packages])


def core_classes() -> Path:
    """Class files of core and engine, compiled without any android.jar: they name nothing of Android."""
    own = sources_below([junit.SOURCES / junit.PACKAGE / p for p in ON_THE_JVM])
    return compile_into(BUILD / "jvm" / "core", [*own, *sources_below(APP.compile_only)], [])


def runtimes(properties: Mapping[str, str]) -> str:
    """Which runtimes the engines' tests had here, and why not the others (`build_native.properties`)."""
    absent = {name.split(".")[1]: why for name, why in properties.items() if name.endswith(".absent")}
    here = [name.split(".")[1] for name in properties if not name.endswith(".absent")]
    return "; ".join([f"with {' and '.join(here) or 'no runtime'}", *(f"no {n}: {why}" for n, why in absent.items())])


def core() -> str:
    """Run the tests of core and engine with this machine's build of the JNI library and the real models."""
    model_assets.make()
    classes = core_classes()
    tests = compile_into(BUILD / "jvm" / "tests", sources_of(*ON_THE_JVM), [classes])
    properties = build_native.properties()
    jvm = Jvm((tests, classes), build_native.host(), properties)
    return f"{jvm.run(tests_of(*ON_THE_JVM), 'the tests of core and engine')}, {runtimes(properties)}"


def activity() -> str:
    """Run the tests of org.dpocket.app with the mockable android.jar and Mockito."""
    if not (tests := tests_of("app")):
        raise Unavailable(f"there are no tests in {junit.TESTS / junit.PACKAGE / 'app'}")
    android = mockable.make()
    path: list[str | Path] = [*jars(*MOCKITO)]
    work = fresh_folder(BUILD / "jvm" / "activity")
    link_resources(APP, work)
    classes = compile_java(APP, work)
    compiled = compile_into(work / "tests", sources_of("app"), [*path, classes, android])
    return Jvm((compiled, classes, *path, android)).run(tests, "the activity's tests")
