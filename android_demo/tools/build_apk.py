"""The app as a signed APK from Debian's tools: aapt2, javac, dx, zipalign, apksigner; no Gradle, no SDK.

    python -m android_demo.tools.build_apk [--assets FOLDER] [--out FOLDER]

The same sources as app/build.gradle takes. The app's own native library is in it for both ABIs; libLiteRt.so and
ExecuTorch come from Maven when Gradle builds, so this APK says in words that it has no runtime.
"""

from __future__ import annotations

import argparse
import re
import sys
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from android_demo.tools import build_native, dex, model_assets
from android_demo.tools.app_build import APP, AppBuild
from android_demo.tools.setup import ANDROID_JAR, DX_JAR, require_set_up
from android_demo.tools.stubs import EPOCH
from android_demo.tools.toolbox import BUILD, FRAMEWORK_RES, call, class_path, fresh_folder, require
from runtime_py.errors import DpocketError

MAX_BYTES = 15_000_000
STORED = (".so", ".arsc")  # a phone maps these from the APK: not compressed, aligned
KEY = BUILD / "debug.p12"
PASSWORD = "android"  # Android's public convention for debug keys; it protects nothing


@dataclass(frozen=True)
class Built:
    """One APK and what it was made of."""

    apk: Path
    classes: Path
    dex: Path


def manifest_with_package(app: AppBuild) -> str:
    """The manifest with `package=`, which aapt2 needs and Gradle (which has `namespace`) refuses.

    Raises DpocketError when there is no manifest or its package differs from the app's.
    """
    if not app.manifest.is_file():
        raise DpocketError(f"there is no {app.manifest}; the app's manifest belongs there")
    text = app.manifest.read_text(encoding="utf-8")
    found = re.search(r'<manifest\b[^>]*?\spackage="([^"]*)"', text)
    if found:
        if found.group(1) != app.application_id:
            raise DpocketError(
                f"the manifest says package {found.group(1)}, the build {app.application_id}; make them equal"
            )
        return text
    return re.sub(r"<manifest\b", f'<manifest package="{app.application_id}"', text, count=1)


def link_resources(app: AppBuild, out: Path) -> Path:
    """Resources and manifest as an APK without code, and R.java below `out`/gen."""
    require("aapt2", str(FRAMEWORK_RES))
    manifest = out / "AndroidManifest.xml"
    manifest.write_text(manifest_with_package(app), encoding="utf-8")
    link: list[str | Path] = ["aapt2", "link", "-o", out / "base.apk", "-I", FRAMEWORK_RES, "--manifest", manifest]
    link += ["--java", out / "gen", "--min-sdk-version", str(app.min_sdk), "--target-sdk-version", str(app.target_sdk)]
    link += ["--version-code", str(app.version_code), "--version-name", app.version_name]
    (out / "gen").mkdir(exist_ok=True)
    if app.resources.is_dir():
        call(["aapt2", "compile", "--dir", app.resources, "-o", out / "res.zip"], "compiling the resources")
        link.append(out / "res.zip")
    call(link, "linking the resources")
    return out / "base.apk"


def sources_below(folders: Iterable[Path]) -> list[Path]:
    return sorted(p for folder in folders if folder.is_dir() for p in folder.rglob("*.java"))


def compile_java(app: AppBuild, out: Path) -> Path:
    """Class files of the app (Java 7) below `out`/classes; warnings of javac -Xlint are errors, deprecation aside."""
    require("javac")
    require_set_up()
    names = out / "sources.txt"
    options = ["--release", "7", "-encoding", "UTF-8", "-proc:none", "-g:source,lines", "-Xlint:-options", "-nowarn"]
    path: list[str | Path] = [ANDROID_JAR]
    if doubles := sources_below(app.compile_only):
        names.write_text("\n".join(f'"{p}"' for p in doubles))
        call(
            ["javac", *options, "-cp", ANDROID_JAR, "-d", out / "compile_only", f"@{names}"],
            "compiling the AAR's doubles",
        )
        path.append(out / "compile_only")
    if not (own := sources_below([app.java])):
        raise DpocketError(f"there are no Java sources below {app.java}")
    names.write_text("\n".join(f'"{p}"' for p in [*own, *sources_below([out / "gen"])]))
    call(["javac", *options, "-cp", class_path(path), "-d", out / "classes", f"@{names}"], "compiling the app")
    return out / "classes"


def to_dex(classes: Path, target: Path) -> Path:
    """classes.dex of a folder of class files. Raises DpocketError when dx refuses one."""
    require("java")
    require_set_up()
    command: list[str | Path] = ["java", "-cp", DX_JAR, "com.android.dx.command.Main", "--dex"]
    call([*command, f"--output={target}", classes], "translating class files to dex")
    return target


def pack(base: Path, code: Path, assets: Path, libraries: Mapping[str, Path], target: Path) -> None:
    """The unsigned APK: linked resources, code, assets and native libraries, the same bytes for the same parts."""
    parts = {"classes.dex": code}
    parts |= {f"assets/{p.relative_to(assets).as_posix()}": p for p in sorted(assets.rglob("*")) if p.is_file()}
    parts |= {f"lib/{abi}/{p.name}": p for abi, p in sorted(libraries.items())}
    with zipfile.ZipFile(base) as linked, zipfile.ZipFile(target, "w") as apk:
        for entry in linked.infolist():
            apk.writestr(_entry(entry.filename, entry.compress_type), linked.read(entry))
        for name, path in parts.items():
            method = zipfile.ZIP_STORED if name.endswith(STORED) else zipfile.ZIP_DEFLATED
            apk.writestr(_entry(name, method), path.read_bytes())


def _entry(name: str, method: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.compress_type = method
    entry.external_attr = 0o644 << 16
    return entry


def sign(unsigned: Path, target: Path, min_sdk: int) -> None:
    """Align `unsigned` to 4 bytes (libraries to pages) and sign it with the debug key, which is made when missing."""
    require("zipalign", "apksigner", "keytool")
    aligned = unsigned.with_name("aligned.apk")
    call(["zipalign", "-f", "-p", "4", unsigned, aligned], "aligning the APK")
    if not KEY.is_file():
        command: list[str | Path] = [
            "keytool",
            "-genkeypair",
            "-keystore",
            KEY,
            "-storetype",
            "PKCS12",
            "-keyalg",
            "RSA",
        ]
        command += ["-storepass", PASSWORD, "-alias", "debug", "-keysize", "2048", "-validity", "10000"]
        call([*command, "-dname", "CN=dpocket debug"], "making the debug key")
    key: list[str | Path] = ["--ks", KEY, "--ks-pass", f"pass:{PASSWORD}", "--min-sdk-version", str(min_sdk)]
    call(["apksigner", "sign", *key, "--out", target, aligned], "signing the APK")
    aligned.unlink()


def build(app: AppBuild, out: Path, assets: Path, libraries: Mapping[str, Path]) -> Built:
    """The signed APK of an app, with given assets and native libraries (ABI -> file).

    Raises Unavailable when a tool is missing, DpocketError with the tool's words when one refuses.
    """
    work = fresh_folder(out / "work")
    base = link_resources(app, work)
    classes = compile_java(app, work)
    code = to_dex(classes, work / "classes.dex")
    pack(base, code, assets, libraries, work / "unsigned.apk")
    apk = out / f"{app.application_id}.apk"
    sign(work / "unsigned.apk", apk, app.min_sdk)
    return Built(apk, classes, code)


def badging(apk: Path) -> dict[str, str]:
    """What `aapt2 dump badging` says of the APK's identity, levels, activity, ABIs (sorted) and permissions."""
    require("aapt2")
    text = call(["aapt2", "dump", "badging", apk], "reading the APK's badging")

    def first(pattern: str) -> str:
        found = re.search(pattern, text, re.MULTILINE)
        return found.group(1) if found else ""

    return {
        "package": first(r"^package: name='([^']*)'"),
        "versionCode": first(r"versionCode='([^']*)'"),
        "versionName": first(r"versionName='([^']*)'"),
        "minSdk": first(r"^(?:sdkVersion|minSdkVersion):'([^']*)'"),
        "targetSdk": first(r"^targetSdkVersion:'([^']*)'"),
        "activity": first(r"^launchable-activity: name='([^']*)'"),
        "abis": " ".join(sorted(re.findall(r"'([^']*)'", first(r"^native-code: (.*)$")))),
        "permissions": " ".join(re.findall(r"^uses-permission: name='([^']*)'", text, re.MULTILINE)),
    }


def verify(app: AppBuild, built: Built, abis: Iterable[str]) -> str:
    """Signature, badging, size and no invoke-custom; one line of what holds. Raises DpocketError otherwise."""
    signature = call(["apksigner", "verify", "--verbose", built.apk], "verifying the signature")
    schemes = re.findall(r"Verified using (v\d) scheme[^:]*: true", signature)
    if "v2" not in schemes:
        raise DpocketError(f"{built.apk.name} has no v2 signature: {signature.strip()}")
    said = badging(built.apk)
    wanted = {"package": app.application_id, "minSdk": str(app.min_sdk), "targetSdk": str(app.target_sdk)}
    wanted |= {"versionCode": str(app.version_code), "versionName": app.version_name, "abis": " ".join(sorted(abis))}
    if wrong := {k: said[k] for k, v in wanted.items() if said[k] != v}:
        raise DpocketError(f"the badging says {wrong}, the build {wanted}")
    if not said["activity"]:
        raise DpocketError("no activity can be launched: the manifest needs one with MAIN and LAUNCHER")
    if "android.permission.INTERNET" in said["permissions"].split():
        raise DpocketError("the APK asks for the network, which the app must not")
    size = built.apk.stat().st_size
    if size >= MAX_BYTES:
        raise DpocketError(f"{built.apk.name} has {size / 1e6:.1f} MB; at most {MAX_BYTES / 1e6:.0f} MB are wanted")
    if custom := dex.read(built.dex).invoke_custom:
        raise DpocketError(f"{custom} invoke-custom instructions: write lambdas and method references as classes")
    return f"{size / 1e6:.2f} MB, {'+'.join(schemes)}, ABIs {said['abis'] or 'none'}, 0 invoke-custom"


def build_app(assets: Path | None = None, out: Path = BUILD / "apk") -> Built:
    """The project's own app, with assets and native libraries made when they are not given."""
    require_set_up()
    return build(APP, out, assets or model_assets.make(), build_native.android(APP.abis))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m android_demo.tools.build_apk", description=__doc__.splitlines()[0])
    parser.add_argument("--assets", type=Path, help="folder with the assets, instead of exporting the student")
    parser.add_argument("--out", type=Path, default=BUILD / "apk")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.out.exists() and not chosen.out.is_dir():
            raise DpocketError(f"{chosen.out} is a file; give a folder")
        built = build_app(chosen.assets, chosen.out)
        print(f"{built.apk}: {verify(APP, built, APP.abis)}")
    except DpocketError as e:
        print(e, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
