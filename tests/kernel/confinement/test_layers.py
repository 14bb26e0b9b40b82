"""Each layer of confinement refuses its attacks alone, and both refuse all of them, also for root."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from earwitness.kernel.confinement.landlock import WHOLE_ABI, abi
from earwitness.kernel.confinement.system_calls import this_processor
from tests.kernel.confinement import attacks
from tests.kernel.confinement.attacks import BY_A_THREAD, DONE, Target
from tests.kernel.confinement.victim import victim

HERE = Path(__file__).parents[3]

needs_landlock = pytest.mark.skipif(
    abi() < WHOLE_ABI, reason="THIS KERNEL HAS NO LANDLOCK, OR ONE WITHOUT SIGNALS (ABI 6): not tested"
)
needs_seccomp = pytest.mark.skipif(
    this_processor() is None, reason="THERE IS NO FILTER FOR THIS PROCESSOR: not tested"
)


def attacked(target: Target, layers: str, tried: str = "all") -> dict[str, str]:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.kernel.confinement.attacks", layers, tried, target.as_text()],
        capture_output=True,
        cwd=HERE,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    found: dict[str, str] = json.loads(ran.stdout)
    return found


def refused_all_but_clone3_as_unknown(found: dict[str, str], clone3: str) -> bool:
    unknown = {name for name, came in found.items() if came == "ENOSYS"}
    return set(found.values()) == {"EPERM", "ENOSYS"} and unknown == {clone3, f"{clone3}{BY_A_THREAD}"}


@needs_landlock
@needs_seccomp
@pytest.mark.parametrize(
    "user",
    [
        "",
        pytest.param(
            "nobody", marks=pytest.mark.skipif(os.geteuid() != 0, reason="only root becomes another user")
        ),
    ],
)
def test_both_layers_refuse_everything(tmp_path: Path, user: str) -> None:
    with victim(tmp_path) as target:
        found = attacked(target, f"landlock seccomp {user}")
    assert refused_all_but_clone3_as_unknown(found, "fork by clone3")


@needs_seccomp
def test_the_filter_alone_refuses_everything(tmp_path: Path) -> None:
    with victim(tmp_path) as target:
        found = attacked(target, "seccomp")
    assert refused_all_but_clone3_as_unknown(found, "fork by clone3")


@needs_seccomp
def test_a_call_that_is_not_listed_is_refused(tmp_path: Path) -> None:
    with victim(tmp_path) as target:
        found = attacked(target, "seccomp", "not on the list")
    assert len(found) > 2000
    assert refused_all_but_clone3_as_unknown(found, "call 435")


@pytest.mark.skipif(this_processor() != "x86-64", reason="only x86-64 has calls of 32 bits by `int 0x80`")
def test_a_filter_ends_the_process_for_a_call_of_another_processor() -> None:
    """`mov eax, 20; int 0x80; ret`: getpid of 32 bits. A kernel without such calls ends it by SIGSEGV."""
    program = (
        "import ctypes, mmap\n"
        "from earwitness.kernel.confinement.privileges import give_up_privileges\n"
        "from earwitness.kernel.confinement.seccomp import seal\n"
        "code = mmap.mmap(-1, 4096, prot=7)\n"
        "code.write(bytes.fromhex('b814000000cd80c3'))\n"
        "call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))\n"
        "give_up_privileges()\n"
        "print(seal(), flush=True)\n"
        "call()\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.stdout == "True\n"
    assert -ran.returncode in (signal.SIGSYS, signal.SIGSEGV)


@needs_seccomp
def test_under_an_emulator_a_process_goes_on_without_a_filter() -> None:
    """The kernel's filters see the real processor, not the one that the program was built for."""
    program = (
        "from earwitness.kernel.confinement import system_calls\n"
        "from earwitness.kernel.confinement.privileges import give_up_privileges\n"
        "from earwitness.kernel.confinement.seccomp import seal\n"
        "system_calls.AUDIT[system_calls.this_processor()] = 0x40000003\n"
        "give_up_privileges()\n"
        "print(seal(), open('/etc/passwd').readline().split(':')[0])\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.stdout == "False root\n"


@needs_landlock
def test_landlock_alone_protects_files_processes_and_abstract_sockets(tmp_path: Path) -> None:
    with victim(tmp_path) as target:
        found = attacked(target, "landlock", "held by landlock")
    assert set(found.values()) == {"EPERM", "EACCES"}
    assert len(found) == 2 * len(attacks.held_by_landlock(target))


@needs_landlock
def test_without_a_filter_root_has_no_capability_left(tmp_path: Path) -> None:
    with victim(tmp_path) as target:
        found = attacked(target, "landlock", "by privileges")
    assert set(found.values()) == {"EPERM"}


def test_the_attacks_are_real(tmp_path: Path) -> None:
    """Without confinement all attacks succeed, so it is the confinement that refuses them."""
    found: dict[str, str] = {}
    with pytest.raises(AssertionError), victim(tmp_path) as target:
        found.update(attacked(target, "", "held by landlock"))
    refused = {name: came for name, came in found.items() if came != DONE and not name.endswith(BY_A_THREAD)}
    assert found
    assert refused == {}
