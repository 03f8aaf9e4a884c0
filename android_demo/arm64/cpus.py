"""The emulated CPUs, and the file tree that a program emulated as one of them sees.

Both runtimes choose their kernels by what /proc/cpuinfo says, not by what the CPU does: with the host's file LiteRT
crashes, and with a file of another CPU it would execute instructions that this one lacks. qemu's `-L` folder hides the
host's files behind these. `-cpu max` is not here: qemu 7.2 computes int8 kernels wrongly with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

SYSROOT = Path("/usr/aarch64-linux-gnu")
"""Debian's libc and libstdc++ for aarch64, of its cross compilers."""

ARMV8_0 = "fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid"
ARMV8_2 = f"{ARMV8_0} atomics fphp asimdhp asimdrdm lrcpc dcpop asimddp ssbs"


@dataclass(frozen=True)
class Cpu:
    """`part`, `variant`, `revision`: fields of MIDR_EL1 as qemu emulates them; `features`: the kernel's words."""

    part: int
    variant: int
    revision: int
    features: str

    @property
    def has_dot_product(self) -> bool:
        return "asimddp" in self.features.split()

    def cpuinfo(self) -> str:
        """/proc/cpuinfo of a machine with one such core, by Arm (implementer 0x41)."""
        fields = {
            "processor": "0",
            "BogoMIPS": "50.00",
            "Features": self.features,
            "CPU implementer": "0x41",
            "CPU architecture": "8",
            "CPU variant": f"{self.variant:#x}",
            "CPU part": f"{self.part:#x}",
            "CPU revision": str(self.revision),
        }
        return "".join(f"{name}\t: {value}\n" for name, value in fields.items()) + "\n"


CPUS: Mapping[str, Cpu] = MappingProxyType(
    {
        "cortex-a53": Cpu(0xD03, 0, 4, ARMV8_0),
        "cortex-a76": Cpu(0xD0B, 4, 1, ARMV8_2),
        "neoverse-n1": Cpu(0xD0C, 4, 1, ARMV8_2),
    }
)
"""By qemu's name: a phone's small core, a phone's big core since 2019, and the server core most like it."""


def write_prefix(cpu: Cpu, folder: Path) -> Path:
    """The folder for qemu's -L: one core of `cpu`, and the cross compiler's libraries. Returns `folder`."""
    (folder / "proc").mkdir(parents=True, exist_ok=True)
    (folder / "proc" / "cpuinfo").write_text(cpu.cpuinfo())
    cores = folder / "sys" / "devices" / "system" / "cpu"
    cores.mkdir(parents=True, exist_ok=True)
    for name in ("possible", "present", "online", "kernel_max"):
        (cores / name).write_text("0\n")
    libraries = folder / "lib"
    if not libraries.is_symlink():
        libraries.symlink_to(SYSROOT / "lib")
    return folder
