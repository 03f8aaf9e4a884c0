"""`AppBuild`: what the app is called, which Android it needs, where its parts lie; app/build.gradle says the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from android_demo.tools.toolbox import DEMO, MAIN


@dataclass(frozen=True)
class AppBuild:
    """One app. `main` is its Gradle source set (AndroidManifest.xml, java/, res/).

    `compile_only` are Java folders that javac needs and the APK does not get: the doubles of an AAR's classes.
    """

    main: Path
    application_id: str
    min_sdk: int
    target_sdk: int
    version_code: int
    version_name: str
    abis: tuple[str, ...]
    compile_only: tuple[Path, ...] = ()

    @property
    def manifest(self) -> Path:
        return self.main / "AndroidManifest.xml"

    @property
    def java(self) -> Path:
        return self.main / "java"

    @property
    def resources(self) -> Path:
        return self.main / "res"


APP = AppBuild(
    main=MAIN,
    application_id="org.dpocket.app",
    min_sdk=26,
    target_sdk=34,
    version_code=1,
    version_name="0.1.0",
    abis=("arm64-v8a", "x86_64"),
    compile_only=(DEMO / "tests" / "executorch_double" / "java",),
)
