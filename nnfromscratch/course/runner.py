"""Inside the sandbox: run a learner's cells, then do with their functions what is asked.

Nothing here is trusted, for a learner's code runs beside it and may change all of it. It answers
requests (pickled, from the grader) with plain values (JSON, to the grader), which the grader
compares with the truth that only it knows. So whoever tampers with this file's objects can at most
send results, and to send the right ones is to have solved the exercise.

One process runs the cells. Each check gets a fork of it, so that a function that ends its process,
fills the memory or changes a library does so for its own check alone.
"""

import ast
import base64
import codeop
import contextlib
import ctypes
import inspect
import io
import json
import linecache
import operator
import os
import pickle
import shlex
import struct
import sys
import types
from pathlib import Path

import numpy as np

from ..exercises._compare import same
from ..exercises._sandbox import (
    MEMORY,
    Other,
    Raised,
    _line_of,
    _Text,
    _text_of,
    _TooMuchText,
    _used,
    behaviour,
    out_of_reach,
    plain,
)

LARGEST = 4 << 20
"""Bytes of an array beyond which a result is only described."""
MOST_COPIES = 50
"""Copies of the grader's things that are watched for changes."""
compiler = codeop.Compile()
"""Keeps what `from __future__` asks for, from one statement to the next."""
compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
kernel: dict = {}
"""What belongs to the one session of this process: its shell and its loop of events."""
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)


RUNS = ("time", "capture", "prun")
"""Magics that run their code in the notebook's own namespace."""


class Nothing:
    """What magics and the shell give here: every attribute, call and entry is itself."""

    def __getattr__(self, name):
        """Return itself, but no protocol that it does not have."""
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __getitem__(self, key):
        """Return itself."""
        return self

    def __call__(self, *arguments, **named):
        """Do nothing."""
        return self

    def __iter__(self):
        """Yield nothing."""
        return iter(())

    def __bool__(self):
        """Return False, as for what is empty."""
        return False

    def __float__(self):
        """Return a time that was not measured."""
        return 0.0

    def __format__(self, form):
        """Return the same text for every form."""
        return "nothing"


class Shell(Nothing):
    """Stands for IPython: magics and shell lines do nothing, but %time runs what it times.

    Args:
        space: the notebook's namespace.
        writes: whether %%writefile writes, and %run runs what it wrote.
    """

    def __init__(self, space: dict, *, writes: bool):
        self.user_ns, self.writes = space, writes

    def getoutput(self, *arguments, **named):
        """Return no lines."""
        return []

    def run_line_magic(self, name, line="", *more):
        """Run a line that is timed, with the variables of where it stands; run a file."""
        if name == "time":
            return self.ex(line, sys._getframe(1).f_locals)
        if name == "run" and self.writes:
            self._run_file(shlex.split(line))
        return Nothing()

    def _run_file(self, words):
        """Run a file in a namespace of its own, if not told otherwise; keep what it defines."""
        path = next((word for word in words if not word.startswith("-")), "")
        path = Path(path if Path(path).suffix else f"{path}.py")
        space = self.user_ns if "-i" in words else {"__name__": "__main__"}
        exec(compile(path.read_text(encoding="utf-8"), path, "exec"), space)
        self.user_ns.update({name: part for name, part in space.items() if name[:2] != "__"})

    def run_cell_magic(self, name, line="", cell=""):
        """Run a cell that is timed; write one that is a file."""
        if name in RUNS:
            self.ex(cell)
        elif self.writes and name in ("writefile", "file"):
            *options, path = shlex.split(line)
            with open(path, "a" if "-a" in options else "w", encoding="utf-8") as file:
                file.write(cell)
        return Nothing()

    def ex(self, code, local=None):
        """Run code in the notebook's namespace; return the value of an expression."""
        try:
            code = compile(code.strip(), "magic", "eval")
        except SyntaxError:
            return exec(code, self.user_ns, local)
        return eval(code, self.user_ns, local)

    run_cell = ex


def display(*objects, display_id=None, **named):
    """Print what a notebook would show; what could change it later does nothing."""
    for shown in objects:
        print(shown)
    return Nothing() if display_id else None


def ours_for_ipython(source: str) -> None:
    """Put `display` in the place of IPython's own, which finds no kernel here, if a cell names it.

    Few do, so the time to import IPython is not spent for all.
    """
    if "IPython" in source:
        with contextlib.suppress(Exception):  # the cell itself will say what is missing
            import IPython.core.display_functions
            import IPython.display

            IPython.display.display = IPython.core.display_functions.display = display


class Remote:
    """Something that lives with the grader: calls and attributes are asked for."""

    def __init__(self, channel, number):
        self._channel, self._number = channel, number

    def _ask(self, attribute, arguments):
        given = [encode(part, self._channel) for part in arguments]
        self._channel.send({"ask": [self._number, attribute, given]})
        fine, value = self._channel.receive()
        if fine:
            if attribute and _is_plain(value):  # a copy; what is written into it is sent back
                self._channel.read.append([self._number, attribute, value, pickle.dumps(value)])
            return value
        raise type(value[0], (Exception,), {})(value[1])

    def __call__(self, *arguments):
        """Call it where it lives."""
        return self._ask("", arguments)

    def __getattr__(self, name):
        """Read an attribute where it lives."""
        if name.startswith("__"):
            raise AttributeError(name)
        return self._ask(name, ())

    def __deepcopy__(self, memo):
        """Return itself: there is one, with the grader."""
        return self


class Channel:
    """Requests come in pickled, from the grader, who is to be trusted; answers go out as JSON."""

    def __init__(self, receiving: int, sending: int):
        self.receiving, self.sending, self.kept, self.read = receiving, sending, [], []

    def send(self, message: dict) -> None:
        """Send an answer, with what has changed of things that live with the grader."""
        puts = []
        for copy in self.read[-MOST_COPIES:]:
            number, name, value, before = copy
            copy[3] = pickle.dumps(value)
            if copy[3] != before:
                puts.append([number, name, encode(value)])
        message = message | {"puts": puts} if puts else message
        data = json.dumps(message).encode()
        data = struct.pack("<Q", len(data)) + data
        while data:
            data = data[os.write(self.sending, data) :]

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = os.read(self.receiving, count - len(data))
            if not part:
                os._exit(0)
            data += part
        return data

    def receive(self) -> object:
        """Return the next request."""
        (length,) = struct.unpack("<Q", self._read(8))
        unpickler = pickle.Unpickler(io.BytesIO(self._read(length)))
        unpickler.persistent_load = self._load
        return unpickler.load()

    def _load(self, key):
        return self.kept[key[1]] if key[0] == "inside" else Remote(self, key[1])


def encode(value: object, channel: Channel | None = None) -> object:
    """Return a value as JSON can hold it; what is not plain stays here and is named by a number.

    Without a channel, what is not plain is only described.
    """
    if channel and isinstance(value, Remote):
        return {"outside": value._number}
    if isinstance(value, Raised):
        return {"raised": [value.type, value.message, value.line]}
    if isinstance(value, np.ndarray | np.generic):
        value = plain(value)
        if isinstance(value, np.ndarray):
            if value.nbytes > LARGEST:
                return {"other": f"array of {value.dtype}, shape {value.shape}"}
            data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
            return {"array": [value.dtype.str, list(value.shape), data]}
    if type(value) is int and abs(value) >> 64:
        return {"other": "very large int"}
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) is complex:
        return {"complex": [value.real, value.imag]}
    if isinstance(value, list):
        return [encode(part, channel) for part in value]
    if isinstance(value, tuple):
        return {"tuple": [encode(part, channel) for part in value]}
    if isinstance(value, dict):
        return {"dict": [[str(key), encode(part, channel)] for key, part in value.items()]}
    if isinstance(value, Other):
        return {"other": value.type}
    if channel is None:
        return {"other": type(value).__name__}
    channel.kept.append(value)
    return {"inside": [len(channel.kept) - 1, type(value).__name__]}


def into(old: object, new: object) -> None:
    """Write the entries of `new` into those of `old`, array by array."""
    if isinstance(old, np.ndarray):
        old[...] = new
        return
    pairs = new.items() if isinstance(old, dict) else enumerate(new)
    if isinstance(old, list) and len(old) != len(new):
        old[:] = new
        return
    for key, part in pairs:
        inner = old.get(key) if isinstance(old, dict) else old[key]
        if isinstance(inner, np.ndarray | dict | list | tuple):
            into(inner, part)
        elif not isinstance(old, tuple):
            old[key] = part


def run_cell(space: dict, name: str, source: str, only_definitions: bool) -> dict:
    """Run one cell, as a kernel would, and return what it printed and raised first.

    Unlike a kernel it goes on below a statement that raised, and says so: an answer that stands
    below an import which fails here is still an answer.
    """
    text, errors, below = _Text(), [], False
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        ours_for_ipython(source)
        nodes = _nodes(source, errors)
        if only_definitions:
            nodes = [node for node in nodes if isinstance(node, DEFINITIONS)]
        for place, node in enumerate(nodes):
            below = below or (bool(errors) and not isinstance(node, ast.Expr))
            last = place == len(nodes) - 1
            if not _fine(space, name, node, last, errors):
                fine = [_fine(space, name, part, False, []) for part in _smaller(node)]
                below = below or any(fine)
    return {"text": text.kept, "error": errors[0] if errors else None, "below": below}


def _nodes(source: str, errors: list) -> list[ast.stmt]:
    try:
        return ast.parse(source).body
    except BaseException as raised:
        errors.append(_told(raised))
        return []


def _told(raised: BaseException) -> list[str]:
    return [type(raised).__name__, _text_of(raised), _line_of(raised)]


def _fine(space: dict, name: str, node: ast.stmt, last: bool, errors: list) -> bool:
    """Run one statement; note what it raises and return whether it raised nothing."""
    try:
        if last and isinstance(node, ast.Expr):
            code = compiler(ast.Interactive([node]), name, "single")
        else:
            code = compiler(ast.Module([node], []), name, "exec")
        if code.co_flags & inspect.CO_COROUTINE:
            _loop().run_until_complete(eval(code, space))
        else:
            exec(code, space)
    except BaseException as raised:
        errors.append(_told(raised))
        return False
    finally:
        if "shell" in kernel:  # IPython's own get_ipython, if it was imported, finds no kernel
            space["get_ipython"] = kernel["shell"]
    return True


def _loop():
    if "loop" not in kernel:
        import asyncio

        kernel["loop"] = asyncio.new_event_loop()
    return kernel["loop"]


def _smaller(node: ast.stmt) -> list[ast.stmt]:
    """Return what is to be tried instead of a statement that raised.

    Of an import, its names one by one; of a definition, the same without decorators and types,
    which may need what could not be imported.
    """
    if isinstance(node, ast.Import) and len(node.names) > 1:
        return [ast.copy_location(ast.Import([part]), node) for part in node.names]
    if isinstance(node, ast.ImportFrom) and len(node.names) > 1:
        parts = [ast.ImportFrom(node.module, [part], node.level) for part in node.names]
        return [ast.copy_location(part, node) for part in parts]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        for part in ast.walk(node):
            for extra in ("returns", "annotation"):
                if hasattr(part, extra) and not isinstance(part, ast.AnnAssign):
                    setattr(part, extra, None)
        node.decorator_list = []
        return [node]
    return []


def namespace(names: dict) -> dict:
    """Return a namespace with what a notebook has from the start."""
    kernel["shell"] = shell = Shell(names, writes=True)
    names |= {"display": display, "get_ipython": shell, "In": [""], "Out": {}, "_": "", "__": ""}
    sys.displayhook = _displayed
    return names


def _displayed(value: object) -> None:
    """Show the value of a cell's last line, and keep it as `_`, as a notebook does."""
    if value is not None:
        print(repr(value))
        kernel["shell"].user_ns["_"] = value


def do(channel: Channel, space: dict, request: tuple) -> dict:
    """Do one thing with a learner's function; return what came of it."""
    kind, *parts = request
    text = _Text()
    try:
        with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
            if kind == "case":
                name, case, use = parts
                function = space[name] if isinstance(name, str) else name
                found = behaviour(function, case, use or _call)
                answer = {"result": encode(found.result), "changed": list(found.changed)}
                answer["after"] = encode(found.after)
            elif kind == "call":
                answer = _called(channel, *parts)
            elif kind == "put":
                thing, name, value = parts
                into(getattr(thing, name), value)
                answer = {"result": None}
            else:
                answer = {"result": encode(getattr(*parts), channel)}
    except MemoryError:
        answer = {"trouble": "memory"}
    except _TooMuchText:
        answer = {"trouble": "text"}
    except BaseException as error:
        answer = {"result": encode(Raised(type(error).__name__, _text_of(error), _line_of(error)))}
    return answer | {"used": list(_used), "printed": text.kept}


def _call(answer, *arguments):
    return answer(*arguments)


def _called(channel: Channel, function, arguments: tuple, names: dict) -> dict:
    given = {i: pickle.dumps(part) for i, part in enumerate(arguments) if _is_plain(part)}
    answer = {"result": encode(function(*arguments, **names), channel), "changed": []}
    for i, before in given.items():
        if not same(pickle.loads(before), arguments[i]):
            answer["changed"].append([i, encode(arguments[i])])
    return answer


def _is_plain(value: object) -> bool:
    if isinstance(value, tuple | list):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(map(_is_plain, value.values()))
    return value is None or isinstance(value, bool | int | float | complex | str | np.ndarray)


def serve_check(channel: Channel, space: dict, names: list, forbidden: list, use: str) -> None:
    """In a fork: say what the names stand for, then do what is asked until it is enough."""
    import nnfromscratch

    die_with_parent()
    limit_check(forbidden[0])
    own = {"np": np}
    exec(use, own)
    package = {name: operator.attrgetter(name)(nnfromscratch) for name in forbidden[1:]}
    functions = {f"nnfromscratch.{name}": function for name, function in package.items()}
    _used.clear()
    with out_of_reach(functions):
        known = [[name, encode(space[name], channel)] for name in names if name in space]
        channel.send({"known": known})
        process = os.getpid()
        while True:
            request = channel.receive()
            if request[0] == "done":
                return
            if request[0] == "case":
                request = (*request[:3], own.get(request[3]))
            answer = do(channel, space, request)
            if os.getpid() != process:
                os._exit(0)  # a fork that came back from the learner's function
            channel.send(answer)


def limit_check(seconds: int) -> None:
    """Let this process use that many more seconds of the processor, and the memory of a check."""
    with contextlib.suppress(ImportError):
        import resource

        usage = resource.getrusage(resource.RUSAGE_SELF)
        limit = int(usage.ru_utime + usage.ru_stime) + 1 + seconds
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(resource.RLIMIT_CPU, (limit, hard))
        with contextlib.suppress(OSError, ValueError):
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            hard = resource.getrlimit(resource.RLIMIT_AS)[1]
            most = min(pages * resource.getpagesize() + MEMORY, hard & 2**63 - 1)
            resource.setrlimit(resource.RLIMIT_AS, (most, hard))


def die_with_parent() -> None:
    """Let this process be killed when the one that started it ends (Linux)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, 9, 0, 0, 0)  # PR_SET_PDEATHSIG


def limit(memory: int, processor: int, file: int) -> None:
    """Set what this process and all that it starts may use."""
    with contextlib.suppress(ImportError):
        import resource

        for what, most in (
            (resource.RLIMIT_AS, memory),
            (resource.RLIMIT_CPU, processor),
            (resource.RLIMIT_FSIZE, file),
            (resource.RLIMIT_CORE, 0),
        ):
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(what, (most, most))


def main() -> None:
    """Serve the grader until it closes its end."""
    channel = Channel(os.dup(0), os.dup(1))
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    die_with_parent()
    limit(*json.loads(sys.argv[1]))
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    space = namespace(vars(module))
    process = os.getpid()
    channel.send({"ready": True})
    while True:
        kind, *parts = channel.receive()
        if kind == "cell":
            answer = run_cell(space, *parts)
            if os.getpid() != process:
                os._exit(0)
            channel.send(answer)
            continue
        child = os.fork()
        if not child:
            with contextlib.suppress(BaseException):
                serve_check(channel, space, *parts)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        channel.send({"ended": os.waitstatus_to_exitcode(status)})


if __name__ == "__main__":
    main()
