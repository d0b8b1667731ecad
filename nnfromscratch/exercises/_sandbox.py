"""Run a learner's answer where it can do no harm: no endless loop, no full memory, no flood.

On Linux and macOS the answer runs in a forked copy of this process, with limits on time and (on
Linux) memory; whatever it does there, the notebook's kernel goes on. Windows has no fork: there the
answer runs in a thread that is left behind when its time is up, without a limit on memory.
"""

import contextlib
import copy
import ctypes
import functools
import gc
import io
import os
import pickle
import select
import signal
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType
from typing import NamedTuple

import numpy as np
import threadpoolctl

from ._compare import same

CPU_SECONDS = 4
WALL_SECONDS = 8
MEMORY = 2 << 30
LARGEST_RESULT = 10_000_000
"""Entries of an array beyond which a result is only described."""
MOST_TEXT = 100_000
KEPT_TEXT = 1_000
PACKAGE = str(Path(__file__).resolve().parent.parent)


@dataclass(frozen=True)
class Other:
    """A result that is neither number, text, array, nor a tuple, list or dict of them."""

    type: str


@dataclass(frozen=True)
class Raised:
    """An exception instead of a result."""

    type: str
    message: str
    line: str
    """The last line of the learner's own code on the way to it, if it is known."""
    function: str = ""
    """The function that this line stands in, if it is known."""


class Behaviour(NamedTuple):
    """What an answer did with one case."""

    result: object
    changed: tuple[int, ...] = ()
    """Positions of the arguments that are no longer what they were."""
    after: tuple = ()
    """What these arguments are now, in the same order, if it is known."""


class Observed(NamedTuple):
    """What an answer did with all cases."""

    behaviours: list[Behaviour]
    trouble: str = ""
    """Why there are fewer behaviours than cases: "time", "memory", "text" or "end"."""
    printed: str = ""
    used: tuple[str, ...] = ()
    """Functions it called that are out of reach."""


class _TooMuchText(BaseException):
    pass


class _Text(io.TextIOBase):
    """Keeps the beginning of what is written, and stops a flood."""

    def __init__(self):
        self.kept, self.length = "", 0

    def writable(self):
        return True

    def write(self, text):
        self.length += len(text)
        self.kept += text[: max(0, KEPT_TEXT - len(self.kept))]
        if self.length > MOST_TEXT:
            raise _TooMuchText
        return len(text)


def plain(value: object) -> object:
    """Return a value made of NumPy arrays, numbers, texts, tuples, lists and dicts alone."""
    if value is None or type(value) in (bool, int, float, complex, str):
        return value
    if isinstance(value, np.ndarray | np.generic):
        if value.size > LARGEST_RESULT or value.dtype.kind not in "biufcSU":
            return Other(f"array of {value.dtype}, shape {value.shape}")
        return np.array(value)
    if isinstance(value, tuple | list):
        return (list if isinstance(value, list) else tuple)([plain(part) for part in value])
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, type):
        return Other("class")
    return Other("function" if callable(value) else type(value).__name__)


def behaviour(function: Callable, arguments: tuple, call: Callable) -> Behaviour:
    """Call a function once and return what it did. Its arguments are copied first."""
    given = copy.deepcopy(arguments)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            result = plain(call(_bare(function), *given))
        except _TooMuchText:
            raise
        except MemoryError:
            raise
        except BaseException as error:
            result = Raised(type(error).__name__, _text_of(error), *_place_of(error))
    changed = [i for i, pair in enumerate(zip(given, arguments, strict=True)) if not same(*pair)]
    return Behaviour(result, tuple(changed), tuple(plain(given[i]) for i in changed))


class Behaviours(Sequence):
    """What a function does with some cases, each tried when it is first asked for.

    Most mistakes are told from an answer by the first case.
    """

    def __init__(self, function: Callable, cases: Sequence[tuple], call: Callable):
        self._one = functools.cache(lambda case: behaviour(function, cases[case], call))
        self._count = len(cases)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, case):
        return self._one(range(self._count)[case])


def _bare(function: Callable) -> Callable:
    """Return a function without the contract above it, which would refuse what a check can name."""
    return getattr(function, "__wrapped__", function) if hasattr(function, "contract") else function


def _text_of(error: BaseException) -> str:
    try:
        return str(error)[:300]
    except Exception:
        return ""


def _line_of(error: BaseException) -> str:
    """Return the innermost line of code that is neither ours nor a library's."""
    return _place_of(error)[0]


def _place_of(error: BaseException) -> tuple[str, str]:
    """Return this line, and the name of the function in which it stands."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        library = frame.filename.startswith(PACKAGE) or "site-packages" in frame.filename
        if not library and frame.line:
            return frame.line.strip(), frame.name
    return "", ""


# Out of reach

_used: list[str] = []
_originals: dict[int, tuple[str, FunctionType]] = {}
_others: set[int] = set()
"""Threads that are no part of the answer: what is out of its reach is not out of theirs."""


class OutOfReach(RuntimeError):
    """Raised by a function of the package that a blank asks the learner to write."""


def _reach(key: int, args: tuple, kwargs: dict) -> object:
    """Refuse an answer; serve everybody else, such as an answer left behind by an earlier check."""
    name, function = _originals[key]
    if threading.get_ident() in _others:
        return function(*args, **kwargs)
    _used.append(name)
    raise OutOfReach(f"{name} is out of reach while your own is checked")


def _stub(code: CodeType, key: int) -> CodeType:
    """Return code that asks `_reach` and fits in the place of `code`."""
    cells = [f"cell{i}" for i in range(len(code.co_freevars))]
    lines = [
        "def outer():",
        *[f"    {cell} = None" for cell in cells],
        "    def stub(*args, **kwargs):",
        f"        ({''.join(cell + ', ' for cell in cells)})",
        f"        sandbox = __import__({__name__!r}, fromlist=['_'])",
        f"        return sandbox._reach({key}, args, kwargs)",
        "    return stub",
    ]
    space: dict = {}
    exec("\n".join(lines), space)
    return space["outer"]().__code__


def _copy(function: FunctionType) -> FunctionType:
    """Return a function that does the same, whatever becomes of this one's code."""
    parts = function.__globals__, function.__name__, function.__defaults__, function.__closure__
    copied = FunctionType(function.__code__, *parts)
    copied.__kwdefaults__ = function.__kwdefaults__
    return copied


@contextlib.contextmanager
def out_of_reach(functions: dict[str, object]):
    """Make functions, and the methods of classes, raise, under whatever name they are called."""
    before = []
    try:
        for name, thing in functions.items():
            parts = vars(thing).values() if isinstance(thing, type) else [thing]
            for part in [*parts, *(p.__wrapped__ for p in parts if hasattr(p, "__wrapped__"))]:
                if isinstance(part, FunctionType):
                    before.append((part, part.__code__))
                    _originals[id(part)] = name, _copy(part)
                    part.__code__ = _stub(part.__code__, id(part))
        yield
    finally:
        for part, code in reversed(before):
            part.__code__ = code


# The runs


@functools.cache
def _blas() -> threadpoolctl.ThreadpoolController:
    return threadpoolctl.ThreadpoolController().select(user_api="blas")


def one_thread() -> contextlib.AbstractContextManager:
    """Return a context in which matrix products run on one thread, here and in a forked process.

    A limit on processor time counts the threads together, and while they wait for each other they
    use it up: beside other work, a right answer with two threads has taken ten times as long.
    """
    return _blas().limit(limits=1)


def observe(
    function: Callable, cases: Sequence[tuple], call: Callable, forbidden: dict[str, object]
) -> Observed:
    """Run an answer on all cases, under guard."""
    if not hasattr(os, "fork"):
        return _in_thread(function, cases, call, forbidden)
    observed = _in_fork(function, cases, call, forbidden)
    if observed.trouble == "stuck":
        # It has not even used the processor. A fork of a process with threads may, rarely, find a
        # lock closed that nobody will open; an answer that waits will wait again.
        observed = _in_fork(function, cases, call, forbidden)
    return observed._replace(trouble=observed.trouble.replace("stuck", "time"))


@contextlib.contextmanager
def _guard(forbidden, text):
    """Take out of reach what is forbidden, and catch what is printed; give all of it back."""
    _used.clear()
    with (
        out_of_reach(forbidden),
        contextlib.redirect_stdout(text),
        contextlib.redirect_stderr(text),
    ):
        yield


def _run(function, cases, call, behaviours):
    """Fill the list of behaviours; return what stopped it, or nothing."""
    try:
        for case in cases:
            behaviours.append(behaviour(function, case, call))
            if isinstance(behaviours[-1].result, Raised) and _is_blank(behaviours[-1].result):
                break
    except _TooMuchText:
        return "text"
    except MemoryError:
        return "memory"
    return ""


def _is_blank(raised: Raised) -> bool:
    return raised.type == "NotImplementedError"


def _in_fork(function, cases, call, forbidden) -> Observed:
    receive, send = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # newer Pythons warn of every fork with threads around
        process = os.fork()
    if not process:
        with contextlib.suppress(BaseException):
            os.close(receive)
            _child(send, function, cases, call, forbidden)
        os._exit(1)
    os.close(send)
    try:
        data, seconds = _read(receive, process)
    finally:
        os.close(receive)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
        _, status, usage = os.wait4(process, 0)
    behaviours, rest = [], Observed([], "end")
    stream = io.BytesIO(data)
    with contextlib.suppress(EOFError, pickle.UnpicklingError):
        while True:
            part = pickle.load(stream)
            if isinstance(part, Observed):
                rest = part
                break
            behaviours.append(part)
    if rest.trouble == "end":
        spent = usage.ru_utime + usage.ru_stime
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU:
            rest = rest._replace(trouble="time")
        elif seconds >= WALL_SECONDS / 2:
            rest = rest._replace(trouble="time" if spent > 0.2 else "stuck")
    return rest._replace(behaviours=behaviours)


def _read(receive: int, process: int) -> tuple[bytes, float]:
    """Read all that the child sends, until it ends or its time is up."""
    start, data = time.monotonic(), bytearray()
    while True:
        seconds = time.monotonic() - start
        limit = WALL_SECONDS / 2
        with contextlib.suppress(OSError, ValueError, IndexError):
            # A crowded machine: as long as it works, it may have the rest of its time.
            fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
            spent = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            limit = WALL_SECONDS if spent > 0.2 else limit
        if seconds >= limit:
            return bytes(data), seconds
        if select.select([receive], [], [], 0.1)[0]:
            part = os.read(receive, 1 << 20)
            if not part:
                return bytes(data), seconds
            data += part


def _child(send: int, function, cases, call, forbidden) -> None:
    import resource

    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGXCPU, signal.SIG_DFL)
    gc.disable()  # what the parent left for collection may be tied to its threads
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
    with contextlib.suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        room = pages * resource.getpagesize() + MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (room, room))
    with os.fdopen(send, "wb") as pipe:

        class Sent(list):
            """Sends at once, so that what is known survives what comes next."""

            def append(self, behaviour):
                super().append(behaviour)
                pickle.dump(behaviour, pipe)
                pipe.flush()

        text, behaviours = _Text(), Sent()
        with _guard(forbidden, text):
            trouble = _run(function, cases, call, behaviours)
        pickle.dump(Observed([], trouble, text.kept, tuple(_used)), pipe)


def _in_thread(function, cases, call, forbidden) -> Observed:
    behaviours, text, trouble = [], _Text(), []
    thread = threading.Thread(
        target=lambda: trouble.append(_run(function, cases, call, behaviours)), daemon=True
    )
    _others.update(other.ident for other in threading.enumerate())
    # An answer that does not end is left behind with its thread. So all that holds for the whole
    # process is changed and given back here, not there.
    try:
        with warnings.catch_warnings(), _guard(forbidden, text):
            thread.start()
            thread.join(WALL_SECONDS)
            if thread.is_alive():  # this ends a loop in Python, if not a call that waits
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(thread.ident), ctypes.py_object(_TooMuchText)
                )
            return Observed(
                list(behaviours), trouble[0] if trouble else "time", text.kept, tuple(_used)
            )
    finally:
        _others.clear()
