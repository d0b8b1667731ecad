"""Look at the answer to every guess of a lesson while it runs, a plugin for pytest.

    pytest notebooks --nbval --nbval-current-env -p tools.lesson_guesses

A stored lesson holds no guesses: they are put into the learner's copy, with an expression for what
the lesson finds. nbval runs each cell of the stored lesson as a test. After a cell that answers a
guess this plugin adds a test, which asks the same kernel whether that expression can be shown.
So the lessons run once, not twice.
"""

import json

import pytest
from nbval.plugin import IPyNbFile

ASK = (
    "__import__('nnfromscratch.exercises.predictions', fromlist=['_plain'])"
    "._plain('answer', {value})"
)
SECONDS = 60


class NoAnswer(Exception):
    """What a lesson finds cannot stand beside a guess."""


class Guess(pytest.Item):
    """The test after a cell that answers a guess."""

    def runtest(self):
        """Ask the kernel, which has just run the cell."""
        kernel = self.parent.kernel
        message = kernel.kc.execute(
            "", user_expressions={"found": ASK.format(value=self.guess["value"])},
            store_history=False, allow_stdin=False,
        )  # fmt: skip
        while True:
            reply = kernel.get_message(stream="shell", timeout=SECONDS)
            if reply["parent_header"].get("msg_id") == message:
                break
        kernel.await_idle(message, SECONDS)
        found = reply["content"].get("user_expressions", {}).get("found", {})
        if found.get("status") != "ok":
            raise NoAnswer(f"{self.guess}: {found.get('ename')}: {found.get('evalue')}")

    def repr_failure(self, excinfo):
        """Return the complaint alone; where in this file it arose helps nobody."""
        return str(excinfo.value) if excinfo.errisinstance(NoAnswer) else str(excinfo.getrepr())

    def reportinfo(self):
        """Return file, line and name."""
        return self.path, 0, f"{self.path.name}::{self.name}"


def pytest_collection_modifyitems(items):
    for item in [item for item in items if isinstance(item.parent, IPyNbFile)]:
        guess = getattr(item, "cell", {}).get("metadata", {}).get("guess")
        if guess:
            name = f"{item.name}, guess {json.dumps(guess['prompt'], ensure_ascii=False)}"
            added = Guess.from_parent(item.parent, name=name)
            added.guess = dict(guess)
            items.insert(items.index(item) + 1, added)
