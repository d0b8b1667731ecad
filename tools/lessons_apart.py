"""Hand the lessons to one worker and the unit tests to the others, a plugin for pytest-xdist.

    pytest tests notebooks --nbval --nbval-current-env -n 2 -p tools.lessons_apart

Two lessons that go through all images side by side wait for the same memory, and each needs up to
three times as long as beside unit tests. So the first worker begins with the lessons and the others
with the unit tests. Whoever has done its own kind takes what is left of the other.
"""

from xdist.scheduler import LoadScopeScheduling


class LessonsApart(LoadScopeScheduling):
    """`--dist loadscope` with a choice of what comes next: a whole lesson or a whole module."""

    def _assign_work_unit(self, node):
        lessons_first = node is self.nodes[0]
        own_kind = (scope for scope in self.workqueue if (".ipynb" in scope) == lessons_first)
        if scope := next(own_kind, None):
            self.workqueue.move_to_end(scope, last=False)
        super()._assign_work_unit(node)


def pytest_xdist_make_scheduler(config, log):
    """Return the scheduler, in place of the one that `--dist` names."""
    return LessonsApart(config, log)
