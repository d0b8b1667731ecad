"""More than one computer: `fit` with its batches cut into shards, each computed wherever Dask says.

A shard is a task of its own that carries all it needs: parameters, rows and labels. So it may be
computed by any worker, and once more by another one if the first is lost, with the same numbers.

    dask scheduler                       # on one machine: it prints its address
    dask worker tcp://192.168.0.7:8786   # on each of the others

Needs the extra `cluster`: `pip install "nnfromscratch[cluster]"`.
"""

import contextlib
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ._guards import positive, whole
from ._run import Callback, Data, Loss, Run
from .contracts import FloatArray, IntArray
from .data import minibatches
from .history import History
from .losses import softmax_cross_entropy
from .model import Sequential
from .optimizers import Optimizer
from .parallel import WorkersLost, bare_layers, check_rows_are_alone
from .schedules import Schedule

if TYPE_CHECKING:
    from distributed import Client, Future

ASK_EVERY = 1.0  # seconds between two looks at who is still there
SAME = ("python", "numpy", "distributed", "nnfromscratch")  # in versions, on every worker


class Shard(NamedTuple):
    """What a worker makes of its rows of a batch."""

    size: int
    """How many rows it has, n_i."""
    loss: float
    """Their mean loss."""
    logits: FloatArray
    """Of its rows, (n_i, C)."""
    gradients: dict[str, FloatArray]
    """Of the mean loss, by each parameter under its name."""


def shard_gradient(layers: list, x: FloatArray, y: IntArray, loss: Loss) -> Shard:
    """Return the mean loss of some rows, its gradients by the parameters, and the logits."""
    model = Sequential(layers)
    logits = model.forward(x, training=True)
    value, d_logits = loss(logits, y)
    model.backward(d_logits, need_dx=False)
    return Shard(len(y), float(value), logits, model.grads)


def add_up(shards: Iterable[Shard]) -> Shard:
    """Return what one computer would have made of the whole batch.

    loss = Σ (n_i / N) loss_i,  dw = Σ (n_i / N) dw_i

    where shard i has n_i of the N rows.
    """
    shards = list(shards)
    total = sum(shard.size for shard in shards)
    loss, gradients = 0.0, {}
    for shard in shards:
        share = shard.size / total
        loss += share * shard.loss
        for name, gradient in shard.gradients.items():
            gradients[name] = gradients.get(name, 0) + share * gradient
    logits = np.concatenate([shard.logits for shard in shards])
    return Shard(total, loss, logits, gradients)


def fit(
    model: Sequential,
    data: Data,
    *,
    scheduler: "str | Client",
    optimizer: Optimizer,
    epochs: int,
    batch_size: int,
    rng: np.random.Generator,
    shards: int | None = None,
    patience: float = 60.0,
    schedule: Schedule | None = None,
    validation: Data | None = None,
    loss: Loss = softmax_cross_entropy,
    augment: Callable[..., FloatArray] | None = None,
    callbacks: Iterable[Callback] = (),
    history: History | None = None,
    progress: bool = True,
) -> History:
    """Train as `fit` does, with the shards of every batch computed by the workers of a cluster.

    The losses are those of `fit` up to rounding, for any number of workers and shards.

    Args:
        model: the network; its parameters are changed in place.
        data: x (N, D) and y (N,) to train on; they need to be on this computer alone.
        scheduler: the address of a Dask scheduler, `"tcp://192.168.0.7:8786"`, or a Client.
        optimizer: the rule for a step, taken on this computer.
        epochs: how many times to go through the data, at least 1.
        batch_size: examples per step, at least 1.
        rng: as for `fit`; the order of the examples is the same.
        shards: into how many parts each batch is cut; as many as there are workers at the start.
        patience: seconds to wait for the scheduler, or for a worker where none is left.
        schedule: as for `fit`.
        validation: as for `fit`; it is evaluated on this computer.
        loss: a function of outputs and labels that is a mean over the rows.
        augment: as for `fit`.
        callbacks: as for `fit`.
        history: as for `fit`.
        progress: show a bar.

    Returns:
        the History so far, also after an interrupt (Ctrl-C), which ends the run early.

    Raises:
        ConnectionError: there is no scheduler at that address, or it has no workers.
        ModuleNotFoundError: Dask is not installed.
        RuntimeError: a worker runs another version of Python, NumPy, Dask or this package.
        WorkersLost: scheduler or workers have gone and not come back.

    What `fit` raises is raised here too.
    """
    history = History() if history is None else history
    run = Run(
        model, data, optimizer, epochs, batch_size, rng, schedule, validation,
        loss, augment, callbacks, history, progress,
    )  # fmt: skip
    check_rows_are_alone("distributed.fit", model)
    patience = positive("distributed.fit", patience=patience)
    if shards is not None:
        shards = whole("distributed.fit", shards=shards)
    with connected(scheduler, patience) as client, run:
        shards = shards or len(client.nthreads())
        for _ in run.epochs_to_go():
            for x, y in minibatches(*run.data, batch_size, rng=rng):
                optimizer.learning_rate = run.learning_rate()
                tasks = _tasks(client, model, run.augmented(x, y), y, loss, shards)
                found = dict(completed(client, tasks, patience))
                batch = add_up(found[task] for task in tasks)
                run.check(batch.loss)
                optimizer.step(SimpleNamespace(params=model.params, grads=batch.gradients))
                run.record(batch.loss, batch.logits, y)
    return history


def _tasks(
    client: "Client", model: Sequential, x: FloatArray, y: IntArray, loss: Loss, shards: int
) -> "list[Future]":
    layers = bare_layers(model)
    parts = zip(np.array_split(x, shards), np.array_split(y, shards), strict=True)
    return [
        client.submit(shard_gradient, layers, rows, labels, loss, pure=False)
        for rows, labels in parts
        if len(labels)
    ]


@contextlib.contextmanager
def connected(scheduler: "str | Client", patience: float = 60.0) -> "Iterator[Client]":
    """Give a Client of a scheduler that has workers with the same versions as here.

    Raises ConnectionError, ModuleNotFoundError or RuntimeError, in a sentence that says what to do.
    """
    try:
        from distributed import Client
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "Dask is not installed, and more than one computer needs it: "
            'pip install "nnfromscratch[cluster]"'
        ) from None
    if isinstance(scheduler, Client):
        _check_workers(scheduler, patience)
        yield scheduler
        return
    if not isinstance(scheduler, str):
        raise TypeError(
            "distributed: scheduler must be an address such as 'tcp://192.168.0.7:8786' or a "
            f"Client, got {type(scheduler).__name__}"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of versions, which are checked below
        client = Client.__new__(Client)
        try:
            Client.__init__(client, scheduler, timeout=patience, set_as_default=False)
        except (OSError, ValueError) as error:
            # Left to garbage collection it would be closed anywhere, and if that is the thread
            # which the next client is starting, the two wait for each other.
            client.close()
            raise ConnectionError(
                f"distributed: no scheduler answers at {scheduler}; start one with `dask "
                f"scheduler`, which prints its address ({type(error).__name__})"
            ) from None
    with client:
        _check_workers(client, patience)
        yield client


def _check_workers(client: "Client", patience: float) -> None:
    address = client.scheduler.address
    try:
        client.wait_for_workers(1, timeout=patience)
    except TimeoutError:
        raise ConnectionError(
            f"distributed: the scheduler at {address} has no workers; start one or more with "
            f"`dask worker {address}`"
        ) from None
    versions = client.get_versions(packages=["nnfromscratch"])
    here = versions["client"]["packages"]
    for worker, found in versions["workers"].items():
        for name in SAME:
            there = found["packages"].get(name)
            if there != here[name]:
                raise RuntimeError(
                    f"distributed: the worker at {worker} has {name} {there or 'not installed'}, "
                    f"but here it is {here[name]}; install the same on both"
                )


def completed(
    client: "Client", futures: "Sequence[Future]", patience: float
) -> "Iterator[tuple[Future, Any]]":
    """Yield tasks and their results as they are done.

    Raises WorkersLost if nobody is left to do them.
    """
    from distributed import CancelledError, KilledWorker, wait

    left, alone = set(futures), 0.0
    try:
        while left and alone < patience:
            try:
                with client.as_current():
                    done, left = wait(left, timeout=ASK_EVERY, return_when="FIRST_COMPLETED")
            except TimeoutError:
                alone = 0.0 if _anybody(client) else alone + ASK_EVERY
                continue
            alone = 0.0
            for future in done:
                yield future, future.result(timeout=patience)
        what = f"no worker has been left for {patience:g} s" if left else ""
    except (KilledWorker, CancelledError, OSError) as error:
        if isinstance(error, OSError) and any(future.status == "error" for future in futures):
            raise  # a task's own, such as a file that is not there
        what = f"the workers have gone ({type(error).__name__})"
    finally:
        if client.status == "running":  # else it would wait for the scheduler that is lost
            client.cancel(futures)
    if what:
        raise WorkersLost(f"distributed: {what}; what was done before is as it was")


def _anybody(client: "Client") -> bool:
    """Tell whether the scheduler answers and has workers."""
    if client.status != "running":
        return False
    try:
        asked = {"workers": None, "callback_timeout": 10 * ASK_EVERY}
        return bool(client.sync(client.scheduler.ncores, **asked))
    except OSError:
        return False
