"""Compile and run the JUnit tests in android_demo/tests/java with javac and Debian's JUnit 4.

    python -m android_demo.tools.junit [core | core/JsonTest]...

Only the tests and what they refer to of the app are compiled. Exit status: 0 when all pass, 1 when one fails or does
not compile, 2 when a tool is missing, with the install line.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from android_demo.tools.toolbox import (
    BUILD,
    DEMO,
    MAIN,
    ROOT,
    Unavailable,
    call,
    class_path,
    fresh_folder,
    jars,
    require,
)
from runtime_py.errors import DpocketError

SOURCES = MAIN / "java"
TESTS = DEMO / "tests" / "java"
PACKAGE = Path("org") / "dpocket"
GOLDEN = DEMO / "tests" / "golden"
DOUBLES = DEMO / "tests" / "executorch_double" / "java"

# The app is written in Java 7, whose class files hold no lambdas to translate; javac 20 and newer begin at 8.
LANGUAGE, LANGUAGE_OF_NEW_JAVAC = "7", "8"


def test_sources(wanted: Sequence[str]) -> list[Path]:
    """Files of test classes in the named packages below org.dpocket, or the named ones; all of them without a name.

    Raises DpocketError for a name without tests.
    """
    found: set[Path] = set()
    for name in wanted or ["."]:
        place = TESTS / PACKAGE / name
        one = place.with_name(f"{place.name}.java")
        here = [one] if one.is_file() else list(place.rglob("*Test.java"))
        if not here:
            raise DpocketError(f"{TESTS / PACKAGE} has no tests called {name}; name a package in it, or package/Class")
        found.update(here)
    return sorted(found)


def compile_tests(tests: Sequence[Path], classes: Path) -> None:
    """javac into a fresh folder. Raises DpocketError with its complaints, Unavailable where it is missing."""
    require("java", "javac")
    fresh_folder(classes)
    version = re.search(r"\d+", call(["javac", "-version"], "asking javac for its version"))
    language = LANGUAGE if version and int(version[0]) < 20 else LANGUAGE_OF_NEW_JAVAC
    options = ["--release", language, "-Xlint:-options", "-encoding", "UTF-8", "-implicit:class", "-d", str(classes)]
    paths = [
        "-cp",
        class_path(jars("junit4.jar", "hamcrest.jar")),
        "-sourcepath",
        class_path([SOURCES, TESTS, DOUBLES]),
    ]
    call(["javac", *options, *paths, *tests], "compiling the JUnit tests")


def run_tests(tests: Sequence[Path], classes: Path) -> int:
    """JUnitCore's exit status; what it prints goes to this process's output."""
    names = [".".join(test.relative_to(TESTS).with_suffix("").parts) for test in tests]
    path = class_path([classes, *jars("junit4.jar", "hamcrest.jar")])
    # These runs are short: the second compiler would cost more than it gains.
    command = ["java", "-XX:TieredStopAtLevel=1", f"-Ddpocket.golden={GOLDEN}", "-cp", path]
    return subprocess.run([*command, "org.junit.runner.JUnitCore", *names], check=False, cwd=ROOT).returncode


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m android_demo.tools.junit", description="Run the JUnit tests.")
    parser.add_argument("tests", nargs="*", help="a package below org.dpocket, or package/Class; default: all")
    wanted = parser.parse_args(arguments).tests
    try:
        tests = test_sources(wanted)
        classes = BUILD / "junit" / "-".join(name.replace("/", ".") for name in wanted or ["all"])
        compile_tests(tests, classes)
        return 1 if run_tests(tests, classes) else 0
    except DpocketError as e:
        print(e, file=sys.stderr)
        return 2 if isinstance(e, Unavailable) else 1


if __name__ == "__main__":
    sys.exit(main())
