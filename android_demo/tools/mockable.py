"""An android.jar for tests on a JVM: the stubs with default results and nothing final (`Mockable.java`, with ASM)."""

from __future__ import annotations

from pathlib import Path

from android_demo.tools.setup import ANDROID_JAR
from android_demo.tools.toolbox import BUILD, call, digest_of, is_current, jars, note_digest, require

MOCKABLE_JAR = BUILD / "mockable-android.jar"
REWRITER = Path(__file__).with_name("Mockable.java")


def make(stubs: Path = ANDROID_JAR, target: Path = MOCKABLE_JAR) -> Path:
    """The mockable jar of a stub jar; made anew only when the stubs or the rewriter changed.

    Raises Unavailable without a JDK or libasm-java.
    """
    require("java")
    digest = digest_of([stubs, REWRITER])
    if not is_current(target, digest):
        call(["java", "-cp", *jars("asm.jar"), REWRITER, stubs, target], "making android.jar mockable")
        note_digest(target, digest)
    return target
