"""Two processors, one batch: processes that take the rows of each batch among them.

The mean's 1/N is in the gradient by the logits already, so the gradients by the parameters are sums
over rows, and it does not matter who computes which rows:

    dw = x.T @ dz = x[:k].T @ dz[:k] + x[k:].T @ dz[k:]

Parameters, inputs and gradients lie in memory that all processes see, and only the few numbers of
the logits travel. That memory has no name, so nothing of it can be left behind.
"""

import contextlib
import copy
import ctypes
import multiprocessing
import pickle
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from multiprocessing.connection import Connection
from types import ModuleType
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from .contracts import FloatArray
from .layers import Layer, generators_of
from .model import Sequential

Form = dict[str, tuple[tuple[int, ...], str]]
"""Shapes and dtypes of arrays by name."""
SPAWN = multiprocessing.get_context("spawn")
PATIENCE = 5.0  # seconds for a worker that has been told to end


class WorkersLost(ConnectionError):
    """A worker, or the way to it, is gone for good. The model is as the last step left it."""


class SharedModel(Sequential):
    """A model whose training passes are shared by processes; used as a context, which ends them.

    Each batch is cut into as many shards as there are workers; this process is the first of them.
    Everything else, and a pass outside of training, is the model's own.
    """

    def __init__(self, model: Sequential, workers: int, x: FloatArray) -> None:
        super().__init__(model.layers)
        self.workers, self.example = workers, x
        self.own = [layer.params for layer in self.layers]
        self.helpers: list[_Helper] = []

    def __enter__(self) -> "SharedModel":
        """Move the parameters into shared memory and start the other processes."""
        self.limits = threadpool_limits(1)
        form = _form(_by_layer(self.own))
        memory = _memory(form)
        shared = _views(memory, form)
        try:
            for i, params in enumerate(self.own):
                self.layers[i].params = {key: shared[f"{i}.{key}"] for key in params}
            _copy(_by_layer(self.own), shared)
            rows = -(-len(self.example) // self.workers)
            layers = pickle.dumps(bare_layers(self))
            for number in range(2, self.workers + 1):
                self.helpers.append(_Helper(number, layers, memory, form, rows, self.example))
            for helper in self.helpers:
                helper.answer()  # it is ready
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End the other processes, and give the parameters back to their own arrays."""
        for helper in self.helpers:
            helper.end()
        for layer, params in zip(self.layers, self.own, strict=True):
            _copy(layer.params, params)
            layer.params = params
        self.limits.restore_original_limits()

    def forward(self, x: FloatArray, training: bool = False) -> FloatArray:
        """Return the logits (N, C); in training each process computes those of its rows."""
        if not training:
            return super().forward(x)
        own, *others = np.array_split(x, self.workers)
        pairs = zip(self.helpers, others, strict=True)
        busy = [helper for helper, rows in pairs if len(rows)]
        for helper, rows in zip(busy, others, strict=False):
            helper.take(rows)
        mine = super().forward(own, training=True)
        return np.concatenate([mine, *(helper.answer() for helper in busy)])

    def backward(self, d_out: FloatArray, *, need_dx: bool = False) -> None:
        """Fill every layer's `grads` with the sum over the processes."""
        own, *others = np.array_split(d_out, self.workers)
        pairs = zip(self.helpers, others, strict=True)
        busy = [helper for helper, rows in pairs if len(rows)]
        for helper, rows in zip(busy, others, strict=False):
            helper.send(rows)
        super().backward(own, need_dx=False)
        for helper in busy:
            helper.answer()
            for name, gradient in _by_layer(layer.grads for layer in self.layers).items():
                gradient += helper.gradients[name]


class _Helper:
    """One of the other processes, as the first one sees it."""

    def __init__(
        self, number: int, layers: bytes, params: Any, form: Form, rows: int, x: FloatArray
    ) -> None:
        self.number = number
        batch = {"x": ((rows, *x.shape[1:]), x.dtype.str)}
        memory, inputs = _memory(form), _memory(batch)
        self.gradients, self.inputs = _views(memory, form), _views(inputs, batch)["x"]
        self.pipe, far = SPAWN.Pipe()
        arguments = far, layers, form, params, memory, batch, inputs
        self.process = SPAWN.Process(target=_work, args=arguments, daemon=True)
        with _main_hidden(), _interrupts_ignored(), far:
            self.process.start()

    def take(self, rows: FloatArray) -> None:
        """Hand over the rows of a batch."""
        if rows.shape[1:] != self.inputs.shape[1:] or rows.dtype != self.inputs.dtype:
            raise ValueError(
                f"fit: with workers, augment must leave shape and dtype of a batch as they are, "
                f"{self.inputs.shape[1:]} {self.inputs.dtype}; got {rows.shape[1:]} {rows.dtype}"
            )
        self.inputs[: len(rows)] = rows
        self.send(len(rows))

    def send(self, message: object) -> None:
        """Send something, or find that nobody is there."""
        try:
            self.pipe.send(message)
        except OSError:
            raise self._lost() from None

    def answer(self) -> Any:
        """Wait for the answer; an exception of the worker is raised here."""
        try:
            answer = self.pipe.recv()
        except (EOFError, OSError):
            raise self._lost() from None
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _lost(self) -> WorkersLost:
        self.process.join(PATIENCE)
        return WorkersLost(
            f"fit: worker {self.number} has ended in the middle of a step (exit code "
            f"{self.process.exitcode}); the model is as the last whole step left it"
        )

    def end(self) -> None:
        """End the process, gently if it listens."""
        self.pipe.close()
        self.process.join(PATIENCE)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.process.close()


def _work(
    pipe: Connection, layers: bytes, form: Form, params: Any, memory: Any, batch: Form, inputs: Any
) -> None:
    """Be a worker: answer rows by logits, and slopes by gradients, until the pipe is closed."""
    with contextlib.suppress(EOFError, OSError), threadpool_limits(1):
        try:
            model = Sequential(pickle.loads(layers))
            shared, gradients = _views(params, form), _views(memory, form)
            for i, layer in enumerate(model.layers):
                layer.params = {key: shared[f"{i}.{key}"] for key in layer.params}
            x = _views(inputs, batch)["x"]
            pipe.send(None)
            while True:
                pipe.send(model.forward(x[: pipe.recv()], training=True))
                model.backward(pipe.recv(), need_dx=False)
                _copy(_by_layer(layer.grads for layer in model.layers), gradients)
                pipe.send(None)
        except (EOFError, OSError):
            raise
        except Exception as error:
            pipe.send(_sendable(error))


def bare_layers(model: Sequential) -> list[Layer]:
    """Return the layers with their parameters, without what their latest passes have kept."""
    layers = [copy.copy(layer) for layer in model.layers]
    for layer in layers:
        layer.cache, layer.grads = None, {}
    return layers


def check_rows_are_alone(function: str, model: Sequential) -> None:
    """Raise ValueError if an example's result depends on the others in its batch."""
    for layer in model.layers:
        if layer.buffers or generators_of(layer):
            why = "looks at the whole batch" if layer.buffers else "draws by itself"
            raise ValueError(
                f"{function}: {layer!r} {why}, so workers that see a part of it would not give "
                "the numbers of one process; train this model with one"
            )


def check_can_travel(function: str, model: Sequential) -> None:
    """Raise TypeError if another process could not import the class of a layer."""
    for kind in map(type, model.layers):
        if kind.__module__ == "__main__" or "<locals>" in kind.__qualname__:
            raise TypeError(
                f"{function}: another process cannot import {kind.__name__}, which is defined in "
                "this notebook or script, or in a function; put it into a file and import it from "
                "there, or train with one worker"
            )


def _sendable(error: Exception) -> Exception:
    try:
        return pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")


def _by_layer(layers: Iterable[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {f"{i}.{key}": array for i, layer in enumerate(layers) for key, array in layer.items()}


def _copy(arrays: Mapping[str, np.ndarray], to: Mapping[str, np.ndarray]) -> None:
    for name, array in arrays.items():
        to[name][...] = array


def _form(arrays: Mapping[str, np.ndarray]) -> Form:
    return {name: (array.shape, array.dtype.str) for name, array in arrays.items()}


def _places(form: Form) -> Iterator[tuple[str, int, int]]:
    """Yield name, first byte and the first byte behind it; each begins at a multiple of 64."""
    start = 0
    for name, (shape, dtype) in form.items():
        end = start + int(np.prod(shape)) * np.dtype(dtype).itemsize
        yield name, start, end
        start = -(-end // 64) * 64


def _memory(form: Form) -> Any:
    size = max((end for _, _, end in _places(form)), default=0)
    return SPAWN.RawArray(ctypes.c_byte, max(size, 1))


def _views(memory: Any, form: Form) -> dict[str, np.ndarray]:
    places = {name: start for name, start, _ in _places(form)}
    return {n: np.ndarray(s, d, memory, places[n]) for n, (s, d) in form.items()}


@contextlib.contextmanager
def _main_hidden() -> Iterator[None]:
    """Start a process that does not run the script again which starts it."""
    kept, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = kept


@contextlib.contextmanager
def _interrupts_ignored() -> Iterator[None]:
    """Start a process that leaves Ctrl-C to this one; what is ignored here, it ignores."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, kept)
