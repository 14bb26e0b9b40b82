"""The filter of system calls, run by our own BPF machine for both processors."""

import errno
import re
import struct
from pathlib import Path

import pytest

from earwitness.kernel.confinement import system_calls
from earwitness.kernel.confinement.filters import INSTRUCTION, Instruction, alone, program, trial
from earwitness.kernel.confinement.system_calls import ALLOWED, AUDIT, Processor, SystemCall

PID = 4711
BOTH: tuple[Processor, ...] = ("x86-64", "arm64")
SOME = {
    "mmap": system_calls.MMAP,
    "mprotect": system_calls.MPROTECT,
    "clone": system_calls.CLONE,
    "clone3": system_calls.CLONE3,
    "prctl": system_calls.PRCTL,
    "prlimit64": system_calls.PRLIMIT64,
    "tgkill": system_calls.TGKILL,
    "ioctl": system_calls.IOCTL,
    "getppid": system_calls.GETPPID,
    "seccomp": system_calls.SECCOMP,
    "landlock_create_ruleset": SystemCall(
        system_calls.LANDLOCK_CREATE_RULESET, system_calls.LANDLOCK_CREATE_RULESET
    ),
    "landlock_add_rule": SystemCall(system_calls.LANDLOCK_ADD_RULE, system_calls.LANDLOCK_ADD_RULE),
    "landlock_restrict_self": SystemCall(
        system_calls.LANDLOCK_RESTRICT_SELF, system_calls.LANDLOCK_RESTRICT_SELF
    ),
}
CONDITIONAL = {"mmap", "mprotect", "clone", "clone3", "prctl", "prlimit64", "tgkill"}
# Calls that came after the kernel whose headers Debian 12 has: Linux 6.6 and 6.7.
NEWER = {"futex_wake", "futex_wait", "futex_requeue", "fchmodat2"}

ALLOWS, KILLS = 0x7FFF0000, 0x80000000
REFUSES, UNKNOWN = 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS

# As C libraries start threads: glibc, and musl, which adds CLONE_DETACHED.
GLIBC, MUSL = 0x3D0F00, 0x7D0F00


def run(listed: list[Instruction], number: int, *arguments: int, audit: int) -> int:
    """The answer of a machine for classic BPF."""
    data = struct.pack(
        "<iIQ6Q", number if number < 1 << 31 else number - (1 << 32), audit, 0, *(*arguments, *[0] * 6)[:6]
    )
    at, held = 0, 0
    while True:
        code, if_true, if_false, k = listed[at]
        at += 1
        if code == 0x20:
            (held,) = struct.unpack_from("<I", data, k)
        elif code == 0x15:
            at += if_true if held == k else if_false
        elif code == 0x35:
            at += if_true if held >= k else if_false
        elif code == 0x45:
            at += if_true if held & k else if_false
        else:
            assert code == 0x06
            return k


@pytest.fixture(params=BOTH)
def processor(request: pytest.FixtureRequest) -> Processor:
    found: Processor = request.param
    return found


def answer(processor: Processor, call: SystemCall | int, *arguments: int, **given: bool) -> int:
    number = call if isinstance(call, int) else call.number(processor)
    assert number is not None
    return run(program(processor, PID, **given), number, *arguments, audit=AUDIT[processor])


def test_only_listed_calls_are_allowed(processor: Processor) -> None:
    listed = {call.number(processor) for call in ALLOWED.values()}
    some = {call.number(processor) for name, call in SOME.items() if name in CONDITIONAL}
    for number in range(1024):
        if number in listed:
            assert answer(processor, number) == ALLOWS
        elif number not in some:
            assert answer(processor, number) == REFUSES


def test_a_thread_can_be_started_and_no_process(processor: Processor) -> None:
    for flags in (GLIBC, MUSL):
        assert answer(processor, system_calls.CLONE, flags) == ALLOWS
        assert answer(processor, system_calls.CLONE, flags & ~0x10000) == REFUSES
        for namespace in (0x20000, 0x80, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
            assert answer(processor, system_calls.CLONE, flags | namespace) == REFUSES
    assert answer(processor, system_calls.CLONE, 17) == REFUSES
    assert answer(processor, system_calls.CLONE, GLIBC | 0x2000) == REFUSES  # traced
    assert answer(processor, system_calls.CLONE3) == UNKNOWN


def test_memory_is_made_executable_only_where_code_is_generated(processor: Processor) -> None:
    for call in (system_calls.MMAP, system_calls.MPROTECT):
        for protection in range(8):
            is_code = bool(protection & 4)
            assert answer(processor, call, 0, 4096, protection) == (REFUSES if is_code else ALLOWS)
            assert answer(processor, call, 0, 4096, protection, generates_code=True) == ALLOWS


def test_only_the_name_of_a_thread_is_changed_by_prctl(processor: Processor) -> None:
    passed = {option for option in range(100) if answer(processor, system_calls.PRCTL, option) == ALLOWS}
    assert passed == {15}
    assert answer(processor, system_calls.PRCTL, 0x53564D41) == REFUSES


def test_a_confined_process_can_read_its_limits_but_not_set_them(processor: Processor) -> None:
    assert answer(processor, system_calls.PRLIMIT64, 0, 7, 0, 0x7FFF0000) == ALLOWS
    assert answer(processor, system_calls.PRLIMIT64, PID + 1, 7, 0, 0x7FFF0000) == REFUSES
    for address in (0x1000, 1 << 32):
        assert answer(processor, system_calls.PRLIMIT64, 0, 7, address, 0) == REFUSES


def test_a_process_can_only_end_itself(processor: Processor) -> None:
    assert answer(processor, system_calls.TGKILL, PID, PID, 6) == ALLOWS
    assert answer(processor, system_calls.TGKILL, PID + 1, PID + 1, 6) == REFUSES


def test_ioctl_is_allowed_only_with_devices(processor: Processor) -> None:
    assert answer(processor, system_calls.IOCTL, 0, 0x5412) == REFUSES
    assert answer(processor, system_calls.IOCTL, 0, 0x5412, uses_devices=True) == ALLOWS


def test_a_call_of_another_processor_ends_the_process(processor: Processor) -> None:
    listed = program(processor, PID)
    i386, arm = 0x40000003, 0x40000028
    [other] = set(AUDIT.values()) - {AUDIT[processor]}
    for audit in (i386, arm, other, 0):
        for number in range(512):
            assert run(listed, number, audit=audit) == KILLS


def test_a_loading_engine_starts_threads_but_no_process_or_connection(processor: Processor) -> None:
    listed, audit = alone(processor, PID), AUDIT[processor]
    of_others = (*system_calls.REFUSED_WHILE_LOADING.values(), system_calls.CLONE, system_calls.TGKILL)
    refused = {call.number(processor) for call in of_others}
    for number in range(1024):
        came = run(listed, number, audit=audit)
        assert came == (REFUSES if number in refused else UNKNOWN if number == 435 else ALLOWS)
    assert run(listed, system_calls.CLONE.number(processor) or 0, GLIBC, audit=audit) == ALLOWS
    assert run(listed, system_calls.TGKILL.number(processor) or 0, PID, PID, 6, audit=audit) == ALLOWS
    for number in range(0x40000000, 0x40000400):
        assert processor == "arm64" or run(listed, number, audit=audit) == REFUSES
    for foreign in (0x40000003, 0x40000028):
        assert run(listed, 0, audit=foreign) == KILLS


def test_a_trial_refuses_one_call_of_the_right_processor(processor: Processor) -> None:
    listed, number = trial(processor), system_calls.GETPPID.number(processor)
    assert number is not None
    assert run(listed, number, audit=AUDIT[processor]) == REFUSES
    assert run(listed, number + 1, audit=AUDIT[processor]) == ALLOWS
    assert run(listed, number, audit=0x40000003) == ALLOWS


def test_a_call_by_its_x32_number_is_refused() -> None:
    for number in range(0x40000000, 0x40000000 + 1024):
        assert answer("x86-64", number) == REFUSES
    assert answer("x86-64", 0xFFFFFFFF) == REFUSES


def test_a_filter_fits_into_the_kernel(processor: Processor) -> None:
    listed = program(processor, PID)
    assert len(listed) < 4096
    assert all(len(INSTRUCTION.pack(*one)) == 8 for one in listed)
    for at, (code, if_true, if_false, _) in enumerate(listed):
        if code in (0x15, 0x45):
            assert at + 1 + max(if_true, if_false) < len(listed)
    assert listed[-1][0] == 0x06


@pytest.mark.parametrize(
    ("header", "processor"),
    [
        ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", "x86-64"),
        ("/usr/include/asm-generic/unistd.h", "arm64"),
    ],
)
def test_the_numbers_are_the_kernels_own(header: str, processor: Processor) -> None:
    if not Path(header).exists():
        pytest.skip(f"THE KERNEL'S HEADERS ARE NOT INSTALLED (linux-libc-dev): no {header}")
    known = _numbers(Path(header).read_text())
    for name, call in (ALLOWED | system_calls.REFUSED_WHILE_LOADING | SOME).items():
        number = call.number(processor)
        if name not in NEWER or name in known:
            assert known.get(name) == number, name


def _numbers(header: str) -> dict[str, int]:
    defined = re.findall(r"^#define __NR(?:3264)?_(\w+) (\w+)$", header, re.MULTILINE)
    return {name: int(number) for name, number in defined if number.isdigit()}
