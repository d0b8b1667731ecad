"""A process of its own for each submission: whatever a file does to the grader, all are graded.

The process that reads, mends and compares a submission has limits of its own. It says which check
it is at. If it ends there, it is started again without that check; if it ends before the first, the
file counts as unreadable. So the rest of the submission keeps its points, and a person looks at it.
"""

import contextlib
import multiprocessing
import multiprocessing.reduction
import os
import signal
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

MEMORY = 1 << 30
"""Bytes that the process may need beyond what it has when it begins."""
PROCESSOR = 120
"""Seconds of the processor; those of the sandbox do not count."""
SECONDS = 900
"""By the clock, all that happens in the sandbox included."""
LARGEST_RESULT = 64 << 20


@dataclass
class Running:
    """A submission that is being graded: its job, the process, and what is known of it."""

    student: str
    job: tuple
    core: int
    process: BaseProcess
    pipe: Connection
    deadline: float
    left_out: Mapping[str, str] = field(default_factory=dict)
    """The checks at which an earlier process has ended, and why it did."""
    place: str = ""
    """The check that it is at."""

    def end(self) -> None:
        """End the process; its sandbox dies with it."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


def each(jobs: Mapping[str, tuple], workers: int, work: Callable) -> Iterator[tuple[str, object]]:
    """Yield each student with the result, or the exception, as they come.

    Args:
        jobs: the arguments of `work` for each student.
        workers: how many processes at a time; each has a core of its own while there are enough.
        work: called as work(*job, left_out, at). `left_out` says which checks not to make, and why;
            the key "" stands for the file as a whole. at(check) is to be called before each check.
    """
    todo, running = deque(jobs.items()), []
    free = deque(sorted(os.sched_getaffinity(0)))
    try:
        while todo or running:
            while todo and len(running) < workers:
                running.append(_started(*todo.popleft(), free[0], work))
                free.rotate(-1)
            for one in _ready(running):
                message = _message(one)
                if message[0] == "at":
                    one.place = message[1]
                    continue
                running.remove(one)
                one.end()
                if message[0] == "done":
                    yield one.student, message[1]
                elif one.place in one.left_out:
                    yield one.student, RuntimeError(f"the grader's own process {message[1]}")
                else:
                    left_out = {**one.left_out, one.place: message[1]}
                    again = _started(one.student, one.job, one.core, work, left_out)
                    running.append(again)
    finally:
        for one in running:
            one.end()


def _ready(running: list[Running]) -> list[Running]:
    """Return those that have something to say, or have had their time."""
    left = min(one.deadline for one in running) - time.monotonic()
    said = wait([one.pipe for one in running], max(0.0, left))
    now = time.monotonic()
    return [one for one in running if one.pipe in said or now >= one.deadline]


def _message(one: Running) -> tuple:
    """Return what a process says: ("at", check), ("done", outcome) or ("ended", why)."""
    if not one.pipe.poll():
        return "ended", f"did not come to an end in {SECONDS} s"
    try:
        return multiprocessing.reduction.ForkingPickler.loads(one.pipe.recv_bytes(LARGEST_RESULT))
    except EOFError:
        one.process.join()
        cpu = one.process.exitcode == -signal.SIGXCPU
        return "ended", f"needed more than {PROCESSOR} s" if cpu else "was killed"
    except OSError:
        return "ended", "had more to say than a result can be"


def _started(
    student: str, job: tuple, core: int, work: Callable, left_out: Mapping[str, str] | None = None
) -> Running:
    left_out = left_out or {}
    fork = multiprocessing.get_context("fork")  # quick: what is imported need not be again
    receiving, sending = fork.Pipe(duplex=False)
    process = fork.Process(target=_run, args=(sending, core, work, job, left_out))
    with warnings.catch_warnings():  # of threads: tqdm's sleeps, and holds no lock that we need
        warnings.simplefilter("ignore", DeprecationWarning)
        process.start()
    sending.close()
    return Running(student, job, core, process, receiving, time.monotonic() + SECONDS, left_out)


def _run(pipe: Connection, core: int, work: Callable, job: tuple, left_out: dict) -> None:
    """Do one job in the process made for it."""
    import resource  # grading needs Linux, and this module does not

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process decides
    with contextlib.suppress(OSError):
        os.sched_setaffinity(0, {core})
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    spent = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
    for what, most in (
        (resource.RLIMIT_AS, pages * resource.getpagesize() + MEMORY),
        (resource.RLIMIT_CPU, int(spent) + 1 + PROCESSOR),
    ):
        _, hard = resource.getrlimit(what)  # the sandbox sets its own, and may need more
        resource.setrlimit(
            what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard)
        )
    try:
        outcome = work(*job, left_out, lambda check: pipe.send(("at", check)))
        pipe.send(("done", outcome))
    except MemoryError:
        pipe.send(("ended", f"needed more than {MEMORY >> 30} GB"))
    except Exception as error:
        pipe.send(("done", error))
