"""Exercises of lesson 19, Beyond one computer."""

import numpy as np

from .._draw import normal, sizes, whole
from .._exercise import Exercise, Mistake

# combined_gradient


def combined_gradient(gradients, rows):
    return rows @ gradients / rows.sum()


def _combined(rng, machines, d):
    rows = rng.permutation(np.arange(1, 4 * machines))[:machines]
    return normal(rng, machines, d), rows


def _combined_inputs(rng):
    return _combined(rng, *sizes(rng, 2, low=3))


def _combined_repeated(gradients, rows):
    return np.repeat(gradients, rows, axis=0).mean(axis=0)


def _combined_row_by_row(gradients, rows):
    total = np.zeros(gradients.shape[1])
    for gradient, n in zip(gradients, rows, strict=True):
        for _ in range(n):
            total += gradient
    return total / rows.sum()


def _combined_loop(gradients, rows):
    total = 0
    for gradient, n in zip(gradients, rows, strict=True):
        total = total + n / sum(rows) * gradient
    return total


COMBINED_GRADIENT = Exercise(
    name="combined_gradient",
    lesson=19,
    goal="Put the gradients of unequal shards together.",
    points=1,
    misconception="The plain mean is taken, which is right for equal shards only.",
    reference=combined_gradient,
    inputs=_combined_inputs,
    corners=(lambda rng: _combined(rng, 3, 3), lambda rng: _combined(rng, 1, 4)),
    variants=(
        _combined_loop,
        _combined_repeated,
        _combined_row_by_row,
        lambda gradients, rows: np.average(gradients, axis=0, weights=rows),
        lambda gradients, rows: (rows[:, None] * gradients).sum(axis=0) / rows.sum(),
    ),
    mistakes=(
        Mistake(
            "the plain mean of the shards",
            lambda gradients, rows: gradients.mean(axis=0),
            "A shard of one row counts as much as one of ten in yours. How many rows stand behind "
            "each gradient?",
        ),
        Mistake(
            "the plain sum of the shards",
            lambda gradients, rows: gradients.sum(axis=0),
            "Each gradient is a mean over its own rows. Which share has it in the mean over all?",
        ),
        Mistake(
            "not divided by the number of rows",
            lambda gradients, rows: rows @ gradients,
            "This is the sum over all rows. The gradient of the batch is a mean.",
        ),
        Mistake(
            "divided by the number of machines",
            lambda gradients, rows: rows @ gradients / len(rows),
            "The sum over all rows is right. How many rows are there in all?",
        ),
        Mistake(
            "divided by the rows twice",
            lambda gradients, rows: rows @ gradients / rows.sum() ** 2,
            "The shares must add up to 1.",
        ),
        Mistake(
            "a mean of what is weighed already",
            lambda gradients, rows: (rows / rows.sum()) @ gradients / len(rows),
            "The shares add up to 1 already, so nothing more is to be divided.",
        ),
        Mistake(
            "small shards count most",
            lambda gradients, rows: (1 / rows) @ gradients / (1 / rows).sum(),
            "A gradient with more rows behind it must count more.",
        ),
        Mistake(
            "divided by the rows of each shard",
            lambda gradients, rows: (1 / rows) @ gradients,
            "Each gradient is a mean already: it was divided by its own rows on its machine.",
        ),
        Mistake(
            "roots of the rows",
            lambda gradients, rows: np.sqrt(rows) @ gradients / np.sqrt(rows).sum(),
            "A sum of n rows counts n times; no root is taken.",
        ),
        Mistake(
            "divided by the largest shard",
            lambda gradients, rows: rows @ gradients / rows.max(),
            "The shares must add up to 1, so divide by all the rows there are.",
        ),
        Mistake(
            "the gradient of the largest shard",
            lambda gradients, rows: gradients[rows.argmax()],
            "The other machines have rows too, and each row counts.",
        ),
        Mistake(
            "the plain sum, divided by all rows",
            lambda gradients, rows: gradients.sum(axis=0) / rows.sum(),
            "Each gradient is a mean over its own rows, so it stands for as many as there are. "
            "Multiply it by their number first.",
        ),
    ),
    hints=(
        "What is the sum of the gradients of all single rows, if a shard tells its mean and its "
        "number of rows?",
        "Weigh each row of `gradients` with its entry of `rows`, add, and divide once, by the "
        "number of all rows. (Predicted? Its gradient counts for one hundredth.)",
    ),
)

# best_machines


def _ring(machines, work, latency, bandwidth, size):
    messages = 2 * (machines - 1)
    return work / machines + messages * latency + messages / machines * size / bandwidth


def _best_with(time=_ring, first=1, last=0, choose=min, out=lambda best: best):
    """Return the search for the best number, with another piece in it."""

    def best_machines(work, latency, bandwidth, size, most):
        tried = range(first, max(most + last, first) + 1)
        given = work, latency, bandwidth, size
        return out(choose(tried, key=lambda machines: time(machines, *given)))

    return best_machines


def best_machines(work, latency, bandwidth, size, most):
    times = [_ring(m, work, latency, bandwidth, size) for m in range(1, most + 1)]
    return int(np.argmin(times)) + 1


def _machines(rng, best, most, share=None):
    """Draw numbers for which the best lies near `best`, if there are so many machines."""
    latency = round(float(rng.uniform(0.001, 0.01)), 4)
    gain = 2 * latency * best**2
    share = float(rng.uniform(0.3, 1.5)) if share is None else share
    sent = share * gain  # seconds for all bytes
    bandwidth = round(float(rng.uniform(5, 20)), 1)
    size = round(sent * bandwidth, 4)
    return round(gain + 2 * size / bandwidth, 5), latency, bandwidth, size, most


def _machines_inputs(rng):
    return _machines(rng, float(rng.uniform(3, 9)), int(rng.integers(14, 30)))


def _never_pays(rng):
    work, latency, bandwidth, _, most = _machines(rng, 4.0, 12)
    return work, latency, bandwidth, round(4 * work * bandwidth, 4), most


def _best_formula(work, latency, bandwidth, size, most):
    gain = work - 2 * size / bandwidth
    best = np.sqrt(max(gain, 0) / (2 * latency))
    near = {min(max(int(best) + k, 1), most) for k in (0, 1)}
    return min(sorted(near), key=lambda m: _ring(m, work, latency, bandwidth, size))


def _best_array(work, latency, bandwidth, size, most):
    m = np.arange(1, most + 1)
    return int(m[_ring(m, work, latency, bandwidth, size).argmin()])


def _best_root(cut):
    """Return the search that makes a whole number of the formula's root, untried."""

    def best_machines(work, latency, bandwidth, size, most):
        root = np.sqrt(max(work - 2 * size / bandwidth, 0) / (2 * latency))
        return min(max(cut(float(root)), 1), most)

    return best_machines


BEST_MACHINES = Exercise(
    name="best_machines",
    lesson=19,
    goal="Find the number of machines at which a step is fastest.",
    points=2,
    misconception="More machines are taken for faster, whatever the messages cost.",
    reference=best_machines,
    inputs=_machines_inputs,
    call=whole,
    corners=(
        lambda rng: _machines(rng, 9.0, 5),
        lambda rng: _machines(rng, 20.0, 12),
        lambda rng: _machines(rng, 9.0, 20, share=0.006),  # a message costs its latency
        _never_pays,
        lambda rng: _machines(rng, 4.0, 1),
        lambda rng: _machines(rng, 1.46, 12, share=2.0),  # between 1 and 2, and 2 is faster
        lambda rng: _machines(rng, 3.9, 12, share=0.5),
    ),
    variants=(_best_array, _best_formula, _best_with()),
    mistakes=(
        Mistake(
            "all the machines there are",
            lambda work, latency, bandwidth, size, most: most,
            "More machines have less work each, and more messages. Look at the time for each "
            "number.",
        ),
        Mistake(
            "the slowest number",
            _best_with(choose=max),
            "The number with the least time is wanted.",
        ),
        Mistake(
            "the place in the list, not the number",
            _best_with(out=lambda best: best - 1),
            "A list begins at 0, and the numbers of machines at 1.",
        ),
        Mistake(
            "one machine is not tried",
            _best_with(first=2),
            "A single machine sends nothing, and may be the fastest.",
        ),
        Mistake(
            "the last number is not tried",
            _best_with(last=-1),
            "range(1, most) ends at most - 1.",
        ),
        Mistake(
            "the latency does not grow with M",
            _best_with(
                lambda m, work, latency, bandwidth, size: (
                    work / m + (m > 1) * latency + 2 * (m - 1) / m * size / bandwidth
                )
            ),
            "Each of the 2 (M - 1) messages waits for the one before it, and has a latency of its "
            "own. In yours it counts once, or not at all.",
        ),
        Mistake(
            "once around the ring",
            _best_with(
                lambda m, work, latency, bandwidth, size: (
                    work / m + (m - 1) * latency + (m - 1) / m * size / bandwidth
                )
            ),
            "Once around to add up, and once more so that everybody gets the sums: 2 (M - 1).",
        ),
        Mistake(
            "the lesson's hub",
            _best_with(
                lambda m, work, latency, bandwidth, size: (
                    work / m + latency + 2 * size * m / bandwidth
                )
            ),
            "This is the lesson's formula, in which one computer hears all. In the ring each "
            "message is a part of the gradient only.",
        ),
        Mistake(
            "whole gradients in every message",
            _best_with(
                lambda m, work, latency, bandwidth, size: (
                    work / m + 2 * (m - 1) * (latency + size / bandwidth)
                )
            ),
            "Each message holds one of M chunks, so only size / M bytes.",
        ),
        Mistake(
            "the work is not divided",
            _best_with(
                lambda m, work, latency, bandwidth, size: (
                    work + 2 * (m - 1) * (latency + size / m / bandwidth)
                )
            ),
            "The work is what the machines share: each has a part of it.",
        ),
        Mistake(
            "the time for the bytes does not change with M",
            _best_with(lambda m, work, latency, bandwidth, size: work / m + 2 * (m - 1) * latency),
            "The bytes take no time in yours, or the same for every M. There are 2 (M - 1) "
            "messages of size / M each.",
        ),
        Mistake(
            "the root is rounded",
            _best_root(round),
            "The best real number lies between two whole ones, and the nearer of them need not be "
            "the faster. Compare the times of both.",
        ),
        Mistake(
            "the root is cut off",
            _best_root(int),
            "The best real number lies between two whole ones. Compare the times of both.",
        ),
        Mistake(
            "2 (M - 1) multiplies the latency alone",
            _best_with(
                lambda m, work, latency, bandwidth, size: (
                    work / m + 2 * (m - 1) * latency + size / m / bandwidth
                )
            ),
            "The bracket holds the time of one message, its latency and its bytes. There are "
            "2 (M - 1) of them.",
        ),
    ),
    hints=(
        "Write the time for M machines as a function first, and see that M = 1 costs the work "
        "alone.",
        "Take the times for M = 1, 2, ... up to and including `most`, and find the least. "
        "(Predicted? With M -> infinity the bytes cost 2 size / bandwidth, no more; it is the "
        "latencies that make a ring too long.)",
    ),
)

# ring_pass


def ring_pass(parts, k):
    machines = len(parts)
    new = parts.copy()
    for m in range(machines):
        chunk = (m - k) % machines
        new[(m + 1) % machines, chunk] += parts[m, chunk]
    return new


def _ring_of(rng, machines, d, k):
    return normal(rng, machines, machines, d), k


def _ring_inputs(rng):
    machines, d = int(rng.integers(3, 6)), int(rng.integers(1, 4))
    return _ring_of(rng, machines, d, int(rng.integers(0, machines)))


def _ring_with(
    chunk=lambda m, k: m - k,
    to=lambda m: m + 1,
    into=lambda chunk: chunk,
    add=lambda own, sent: own + sent,
    keep=True,
):
    """Return the pass with something else in it."""

    def function(parts, k):
        machines, new = len(parts), parts.copy()
        for m in range(machines):
            c, receiver = chunk(m, k) % machines, to(m) % machines
            slot = into(c) % machines
            new[receiver, slot] = add(parts[receiver, slot], parts[m, c])
        if not keep:
            for m in range(machines):
                new[m, chunk(m, k) % machines] = 0
        return new

    return function


def _ring_in_place(parts, k):
    parts[...] = ring_pass(parts, k)
    return parts


def _ring_arrays(parts, k):
    m = np.arange(len(parts))
    new = np.array(parts)
    new[m, (m - 1 - k) % len(m)] += parts[m - 1, (m - 1 - k) % len(m)]
    return new


def _ring_receiver(parts, k):
    machines = len(parts)
    rows = []
    for m in range(machines):
        row = [chunk + 0 for chunk in parts[m]]
        c = (m - 1 - k) % machines
        row[c] = row[c] + parts[m - 1][c]
        rows.append(row)
    return np.array(rows)


def _ring_all_passes(parts, k):
    for earlier in range(k + 1):
        parts = ring_pass(parts, earlier)
    return parts


def _ring_received(parts, k):
    new = ring_pass(parts, k)
    return np.where(new == parts, 0, new)


def _ring_all(parts, k):
    return parts + np.roll(parts, 1, axis=0)


RING_PASS = Exercise(
    name="ring_pass",
    lesson=19,
    goal="Follow one pass of a ring in which every machine adds a chunk that its neighbour sent.",
    points=3,
    misconception="All machines are thought to send the same chunk, or the whole gradient.",
    reference=ring_pass,
    inputs=_ring_inputs,
    corners=(
        lambda rng: _ring_of(rng, 4, 2, 1),
        lambda rng: _ring_of(rng, 3, 3, 0),
        lambda rng: _ring_of(rng, 5, 1, 3),
        lambda rng: _ring_of(rng, 2, 3, 1),
    ),
    variants=(_ring_with(), _ring_arrays, _ring_receiver),
    mistakes=(
        Mistake(
            "to the left-hand neighbour",
            _ring_with(to=lambda m: m - 1),
            "Machine m sends to machine m + 1, and the last one to machine 0.",
        ),
        Mistake(
            "the chunk is taken over, not added",
            _ring_with(add=lambda own, sent: sent),
            "In the first round of the ring the receiver adds what comes to its own chunk.",
        ),
        Mistake(
            "the chunks move the other way",
            _ring_with(chunk=lambda m, k: m + k),
            "In pass k, machine m sends on what it has just added to: chunk m - k.",
        ),
        Mistake(
            "always the chunk with the machine's own number",
            _ring_with(chunk=lambda m, k: m),
            "That is pass 0. In pass k the chunk is another one: m - k.",
        ),
        Mistake(
            "everybody sends chunk k",
            _ring_with(chunk=lambda m, k: k),
            "Each machine sends another chunk at the same time, so that all lines are busy.",
        ),
        Mistake(
            "everybody sends the whole gradient",
            _ring_all,
            "One chunk of M is sent, not all of them.",
        ),
        Mistake(
            "added to the next chunk",
            _ring_with(into=lambda c: c + 1),
            "A chunk is added to the chunk of the same number, for the same weights.",
        ),
        Mistake(
            "what is sent is taken away",
            _ring_with(keep=False),
            "Sending is copying: the sender keeps its chunk.",
        ),
        Mistake(
            "one pass too far",
            _ring_with(chunk=lambda m, k: m - k - 1),
            "Pass 0 sends chunk m of machine m.",
        ),
        Mistake(
            "the mean of the two",
            _ring_with(add=lambda own, sent: (own + sent) / 2),
            "Chunks are added; the division comes once, at the end.",
        ),
        Mistake(
            "the chunk that came is subtracted",
            _ring_with(add=lambda own, sent: own - sent),
            "Gradients add up: own plus sent.",
        ),
        Mistake(
            "the caller's array is changed",
            _ring_in_place,
            "+= writes into parts itself. Begin with a copy.",
        ),
        Mistake(
            "the passes before it too",
            _ring_all_passes,
            "One pass is asked for, number k. parts is what the machines have before it.",
        ),
        Mistake(
            "k machines further",
            lambda parts, k: _ring_with(to=lambda m: m + k)(parts, k),
            "k says which chunk is sent. It always goes to the next machine, m + 1.",
        ),
        Mistake(
            "only what was received comes back",
            _ring_received,
            "The chunks that nobody touched in this pass are still there: begin with a copy.",
        ),
        Mistake(
            "machines and chunks are exchanged",
            lambda parts, k: ring_pass(parts.swapaxes(0, 1), k).swapaxes(0, 1),
            "parts[m, c]: the machine comes first, its chunk second.",
        ),
        Mistake(
            "the size of m - k in place of going around",
            _ring_with(chunk=lambda m, k: abs(m - k)),
            "Before 0 comes the last chunk: -1 is M - 1, not 1.",
        ),
    ),
    hints=(
        "Copy `parts`. Then go through the machines m, and for each say which chunk it sends and "
        "to whom.",
        "With % M both numbers stay in the ring: chunk (m - k) % M goes to machine (m + 1) % M. "
        "Read from `parts`, add into the copy.",
        "The pass of machine m is new[(m + 1) % M, (m - k) % M] += parts[m, (m - k) % M]. "
        "(Predicted? After M - 1 passes, machine m has the sum of all machines in chunk m + 1, and "
        "in no other.)",
    ),
)

# eight_bits


def eight_bits(gradient, left):
    wanted = gradient + left
    step = np.abs(wanted).max() / 127
    numbers = np.round(wanted / step)
    return numbers, step, wanted - step * numbers


def _bits(rng, d, scale=1.0):
    gradient = scale * rng.standard_normal(d)
    gradient[0] = -4 * scale  # the largest is negative
    gradient[-1] = scale * float(rng.uniform(0.01, 0.2))
    gradient, left = (
        np.round(rng.permutation(gradient), 4),
        np.round(0.2 * scale * normal(rng, d), 4),
    )
    steps = 127 * (gradient + left) / np.abs(gradient + left).max()
    # Halfway between two whole numbers either would be right, and the last bit would choose.
    halfway = np.abs(steps % 1 - 0.5) < 1e-3
    return _bits(rng, d, scale) if halfway.any() else (gradient, left)


def _bits_inputs(rng):
    return _bits(rng, int(rng.integers(5, 9)), float(rng.choice([0.1, 1.0, 30.0])))


def _bits_with(
    wanted=lambda gradient, left: gradient + left,
    step=lambda wanted: np.abs(wanted).max() / 127,
    whole_number=np.round,
    rest=lambda gradient, left, wanted, step, numbers: wanted - step * numbers,
):
    """Return the coding with another piece in it."""

    def function(gradient, left):
        w = wanted(gradient, left)
        s = step(w)
        numbers = whole_number(w / s)
        return numbers, s, rest(gradient, left, w, s, numbers)

    return function


def _bits_step_of_gradient(gradient, left):
    return _bits_with(step=lambda w: np.abs(gradient).max() / 127)(gradient, left)


def _bits_loop(gradient, left):
    wanted = [g + e for g, e in zip(gradient, left, strict=True)]
    step = max(abs(w) for w in wanted) / 127
    numbers = np.array([float(round(w / step)) for w in wanted])
    return numbers, step, np.array(wanted) - numbers * step


EIGHT_BITS = Exercise(
    name="eight_bits",
    lesson=19,
    goal="Send a gradient in a quarter of the bytes, and keep what was rounded off for next time.",
    points=3,
    misconception="What rounding leaves out is lost, so small slopes never arrive.",
    reference=eight_bits,
    inputs=_bits_inputs,
    corners=(lambda rng: _bits(rng, 3), lambda rng: _bits(rng, 12)),
    outputs=("numbers", "step", "left"),
    variants=(
        _bits_with(),
        _bits_loop,
        _bits_with(whole_number=lambda x: np.floor(x + 0.5)),
        _bits_with(whole_number=np.rint),
    ),
    mistakes=(
        Mistake(
            "what was left is forgotten",
            _bits_with(wanted=lambda gradient, left: gradient),
            "What the last rounding has left out is to be sent now: add it first.",
        ),
        Mistake(
            "what was left is subtracted",
            _bits_with(wanted=lambda gradient, left: gradient - left),
            "It was not sent last time, so it is still owed: add it.",
        ),
        Mistake(
            "what is left does not count what was owed",
            _bits_with(rest=lambda g, left, w, s, n: g - s * n),
            "The rest is what should have been sent, with the old rest in it, less what was sent.",
        ),
        Mistake(
            "the rest has the wrong sign",
            _bits_with(rest=lambda g, left, w, s, n: s * n - w),
            "What is owed is what should have been sent, less what was sent.",
        ),
        Mistake(
            "the old rest is returned",
            _bits_with(rest=lambda g, left, w, s, n: left),
            "The new rest belongs to this rounding.",
        ),
        Mistake(
            "the old rest is added once more",
            _bits_with(rest=lambda g, left, w, s, n: w - s * n + left),
            "The old rest is in what should have been sent already.",
        ),
        Mistake(
            "the rest is in steps, not in the gradient's units",
            _bits_with(rest=lambda g, left, w, s, n: w / s - n),
            "What has arrived is step times the whole numbers.",
        ),
        Mistake(
            "nothing is left",
            _bits_with(rest=lambda g, left, w, s, n: np.zeros_like(w)),
            "Rounding leaves something out nearly always. How much?",
        ),
        Mistake(
            "rounded towards zero",
            _bits_with(whole_number=np.trunc),
            "Both astype(int) and np.trunc cut off what stands behind the point. The nearest whole "
            "number is wanted.",
        ),
        Mistake(
            "rounded down",
            _bits_with(whole_number=np.floor),
            "The nearest whole number is wanted, not the next one below.",
        ),
        Mistake(
            "not rounded",
            _bits_with(whole_number=lambda x: x),
            "Only whole numbers from -127 to 127 fit into eight bits.",
        ),
        Mistake(
            "the largest without its size",
            _bits_with(step=lambda w: w.max() / 127),
            "The largest entry may be negative. It is its size that must fit.",
        ),
        Mistake(
            "128 steps",
            _bits_with(step=lambda w: np.abs(w).max() / 128),
            "Eight bits with a sign go from -128 to 127, so 128 has no room above zero.",
        ),
        Mistake(
            "255 steps",
            _bits_with(step=lambda w: np.abs(w).max() / 255),
            "255 is the range without a sign. On each side of zero there are 127.",
        ),
        Mistake(
            "the step is the largest entry",
            _bits_with(step=lambda w: np.abs(w).max()),
            "The largest entry is to become 127, not 1.",
        ),
        Mistake(
            "the step spans largest less smallest",
            _bits_with(step=lambda w: (w.max() - w.min()) / 254),
            "Zero must stay zero, so both sides have the same step: the largest size over 127.",
        ),
        Mistake(
            "the step spans largest less smallest in 255",
            _bits_with(step=lambda w: (w.max() - w.min()) / 255),
            "Zero must stay zero, so both sides have the same step: the largest size over 127.",
        ),
        Mistake(
            "the step is that of the gradient alone",
            _bits_step_of_gradient,
            "What is sent is gradient and rest together, and it is its largest size that must "
            "become 127.",
        ),
        Mistake(
            "a step for each entry",
            lambda gradient, left: (
                127 * np.sign(gradient + left),
                np.abs(gradient + left) / 127,
                0 * left,
            ),
            "One step is sent for all of them: a number, made from the largest entry.",
        ),
    ),
    hints=(
        "First add what is owed. The entry of the largest size is to become 127 or -127; what is "
        "the step, then?",
        "numbers = what is wanted / step, rounded to the nearest. What has arrived is step times "
        "numbers, and the rest is still owed.",
        "The step is np.abs(wanted).max() / 127, since the largest entry may be negative. "
        "(Predicted? A slope of a third of a step is sent as 0, 1, 0, 0, 1, 0: two thirds are "
        "rounded up, so a third too much is sent, which the next slope makes up for.)",
    ),
)

EXERCISES = (COMBINED_GRADIENT, BEST_MACHINES, RING_PASS, EIGHT_BITS)
