"""Under a memory limit the command runs in a child process, so that somebody is left to say what ended it.

Native code that is refused memory ends the process where no Python can catch it: XLA, LLVM and Rust abort,
OpenBLAS exits.
"""

import atexit
import os
import signal
import sys
from contextlib import suppress
from types import TracebackType
from typing import Any, NoReturn

from rnncli.cli import console

OUT_OF_MEMORY = (
    "out of memory: use a smaller --batch-size or --max-length, end other programs or raise the "
    "limit (ulimit -v)"
)
PASSED_ON = (signal.SIGINT, signal.SIGTERM)
ORDERLY = 0  # what the child writes when it ends by itself; no signal has this number
GRACE = 0.5  # seconds in which a signal to the whole process group has reached the child too
PR_SET_PDEATHSIG = 1  # of prctl(2)


def fork_under_memory_limit() -> None:
    """Where memory is limited, return in a child process only; this one waits for it and ends like it.

    To be called before anything starts a thread. Without a limit, or elsewhere than on Linux,
    this does nothing.
    """
    if sys.platform != "linux" or not _is_limited():
        return
    reader, writer = os.pipe()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # ignored, it would never come
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {*PASSED_ON, signal.SIGCHLD})
    child = os.fork()
    if child:
        os.close(writer)
        _end_like(*_watch(child, reader))
    os.close(reader)
    _prepare_child(writer)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def leave_child_at_once(code: int) -> None:
    """End if this is such a child process: without memory, tidying up would fail too, and at length."""
    writer = signal.set_wakeup_fd(-1)
    if writer < 0:
        return
    if sys.stdout:
        with suppress(OSError):
            sys.stdout.flush()
    os.write(writer, bytes([ORDERLY]))
    os._exit(code)


def _is_limited() -> bool:
    import resource  # not there on Windows

    limits = (resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA))
    return any(limit != resource.RLIM_INFINITY for limit in limits)


def _watch(child: int, reader: int) -> tuple[int, bool]:
    """Pass signals on until the child ends; return its exit code and whether it ended by itself.

    The child writes the number of each signal that reaches it. One from the terminal or to the whole
    group reaches it by itself, and a second one would tell it to stop at once.
    """
    from select import select

    heard = b""
    while True:
        number = signal.sigwait({*PASSED_ON, signal.SIGCHLD})
        if number != signal.SIGCHLD:
            ready, _, _ = select([reader], [], [], GRACE)
            signal.sigtimedwait({number}, 0)  # timeout(1) sends it to the process and to its group
            news = os.read(reader, 4096) if ready else b""
            heard += news
            if number not in news:
                os.kill(child, number)
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            heard += os.read(reader, 4096)
            return os.waitstatus_to_exitcode(status), ORDERLY in heard


def _end_like(code: int, orderly: bool) -> NoReturn:
    """End with the child's exit code or signal; explain an end that Python had no part in."""
    crashes = (signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGKILL, signal.SIGSEGV)
    if code < 0 and -code not in crashes:
        signal.signal(-code, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {-code})
        os.kill(os.getpid(), -code)
    if code < 0 or not orderly:
        if sys.stderr:
            if sys.stderr.isatty():  # a progress bar leaves its line behind, and hides the cursor
                sys.stderr.write("\r\x1b[K\x1b[?25h")
            console.fail(OUT_OF_MEMORY)
        code = 1
    sys.exit(code)


def _prepare_child(writer: int) -> None:
    """Let the child report signals and its end, die with its parent, and keep native noise to itself."""
    atexit.register(os.write, writer, bytes([ORDERLY]))
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # for each it sets 32 MiB aside
    sys.addaudithook(_require_memory)
    if "--debug" not in sys.argv and "RNNCLI_DEBUG" not in os.environ:
        sys.excepthook = _abort_without_memory
        sys.unraisablehook = _ignore_without_memory
        _silence_native_code()
    import ctypes

    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _require_memory(event: str, arguments: tuple[Any, ...]) -> None:
    """Fail before SciPy's OpenBLAS is loaded: where it is refused memory it asks again for ever."""
    if event == "import" and arguments[0] == "scipy.linalg._fblas":
        from mmap import mmap

        mmap(-1, 128 << 20).close()


def _abort_without_memory(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    """Show an uncaught exception, unless it is how the interpreter or Rust ends for lack of memory."""
    if issubclass(kind, (MemoryError, SystemError)) or kind.__name__ == "PanicException":
        os.abort()
    sys.__excepthook__(kind, error, traceback)


def _ignore_without_memory(failure: "sys.UnraisableHookArgs") -> None:
    """Show a failure that Python ignores, unless it is one for lack of memory: that shows elsewhere too."""
    if not issubclass(failure.exc_type, MemoryError):
        sys.__unraisablehook__(failure)


def _silence_native_code() -> None:
    """Let Python's stderr be a copy of descriptor 2, to which native code writes its last words."""
    if sys.stderr is None:
        return
    stderr = open(  # noqa: SIM115 - open for as long as the process lives
        os.dup(2), "w", buffering=1, encoding=sys.stderr.encoding, errors=sys.stderr.errors, closefd=False
    )
    sys.stderr = sys.__stderr__ = stderr  # type: ignore[misc]
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
