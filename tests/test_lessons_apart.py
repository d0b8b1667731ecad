"""Two lessons are not run side by side while there are unit tests to be run."""

from types import SimpleNamespace

from tools.lessons_apart import pytest_xdist_make_scheduler


class Worker:
    """A worker of pytest-xdist: it is given the numbers of tests, and can be told to end."""

    shutting_down = False

    def __init__(self):
        self.given, self.gateway = [], SimpleNamespace(id="gw")

    def send_runtest_some(self, numbers):
        self.given += numbers

    def shutdown(self):
        self.shutting_down = True


def test_each_worker_begins_with_its_kind_and_takes_what_the_other_leaves(pytestconfig):
    lessons = [f"notebooks/0{n}.ipynb::Cell {i}" for n in range(3) for i in range(5)]
    tests = [f"tests/test_{n}.py::test_{i}" for n in range(5) for i in range(4)]
    workers, all_items = [Worker(), Worker()], [*tests, *lessons]
    options = {"numprocesses": 2, "tx": ["2*popen"], "loadscopereorder": True}
    getvalue = {"tx": ["popen", "popen"]}.get
    config = SimpleNamespace(option=SimpleNamespace(**options), getvalue=getvalue)
    scheduler = pytest_xdist_make_scheduler(config, None)
    for worker in workers:
        scheduler.add_node(worker)
        scheduler.add_node_collection(worker, all_items)
    scheduler.schedule()
    done = [0, 0]
    while not scheduler.tests_finished:
        for which, worker in enumerate(workers):
            for number in worker.given[done[which] : done[which] + 4]:
                scheduler.mark_test_complete(worker, number)
                done[which] += 1
    names = [[all_items[number] for number in worker.given] for worker in workers]
    assert sorted(names[0] + names[1]) == sorted(all_items)
    assert names[0][: len(lessons)] == lessons
    assert set(names[1]) <= set(tests)
    assert set(names[0]) & set(tests)
