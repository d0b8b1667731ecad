"""Exercises of lesson 03, Backpropagation by hand."""

import numpy as np

from .._draw import labels, normal, sizes
from .._exercise import Exercise, Mistake


def _clear(z):
    """Say whether no entry is 0 up to rounding: there the order of a sum would decide the gate."""
    return np.abs(z).min() > 1e-6


# elu_backward


def elu_backward(da, z):
    return da * np.exp(np.minimum(z, 0))


def _elu_inputs(rng):
    n, h = sizes(rng, 2)
    return normal(rng, n, h), normal(rng, n, h)


def _elu_large(rng):
    z = normal(rng, 6, 4)
    z[0, :3], z[1, 0] = (900.0, 0.0, 1000.0), -1.5
    return normal(rng, 6, 4), z


def _elu_in_place(da, z):
    da *= np.exp(np.minimum(z, 0))
    return da


def _elu_masks(da, z):
    return da * (z > 0) + da * np.exp(z) * (z <= 0)


def _elu_assign(da, z):
    slope = np.ones_like(z)
    slope[z < 0] = np.exp(z[z < 0])
    return slope * da


def _elu_deep(rng):
    """Return a case of slopes so small that only a slope of their own is right."""
    # As many entries as it takes to tell float32 on the way from a mistake.
    return normal(rng, 6, 4), np.array([-12.0, -20.0, -31.0, -15.0]) - rng.random((6, 4))


ELU_BACKWARD = Exercise(
    name="elu_backward",
    lesson=3,
    goal="Turn the slope of an activation into its step back, entry by entry.",
    points=1,
    misconception="The step back is the slope alone, or the activation's value instead of it.",
    reference=elu_backward,
    inputs=_elu_inputs,
    corners=(_elu_deep, _elu_large, _elu_large),
    variants=(
        lambda da, z: np.where(z > 0, da, da * np.exp(z)),
        lambda da, z: da * (np.where(z > 0, 0, np.expm1(np.minimum(z, 0))) + 1),
        _elu_assign,
    ),
    mistakes=(
        Mistake(
            "the gate of ReLU",
            lambda da, z: np.where(z > 0, da, 0.0),
            "Below zero this activation is not flat. What is the slope of exp(z) - 1 at z = -1?",
        ),
        Mistake(
            "the value where the slope is due",
            lambda da, z: np.where(z > 0, da, da * np.expm1(z)),
            "exp(z) - 1 is what the activation returns. Going back you need its derivative.",
        ),
        Mistake(
            "the slope without da",
            lambda da, z: np.exp(np.minimum(z, 0)),
            "The chain rule multiplies: what arrives from behind, times the slope here.",
        ),
        Mistake(
            "the gate looks at da",
            lambda da, z: np.where(da > 0, da, da * np.exp(z)),
            "Which of the two sides an entry is on was decided on the way forward. By which array?",
        ),
        Mistake(
            "the two sides are exchanged",
            lambda da, z: np.where(z > 0, da * np.exp(z), da),
            "Above zero the activation is z itself, and its slope there is 1.",
        ),
        Mistake(
            "exp overflows",
            _elu_masks,
            "A product with a mask computes both sides everywhere, and infinity times 0 is nan. "
            "Choose between the sides instead.",
        ),
        Mistake(
            "da is changed",
            _elu_in_place,
            "*= on an argument, or an assignment into it, changes the caller's array. Make a new "
            "one.",
        ),
        Mistake(
            "exp of da",
            lambda da, z: np.where(z > 0, da, np.exp(da)),
            "The slope is taken at the input of the forward pass; da multiplies it.",
        ),
        Mistake(
            "exp(z) is the slope above zero too",
            lambda da, z: da * np.exp(z),
            "Above zero the activation is z itself. Its slope there is 1, however large z is.",
        ),
        Mistake(
            "the value of the activation",
            lambda da, z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))),
            "This is what the activation returns. Going back you need da times its slope.",
        ),
        Mistake(
            "the slope falls on both sides",
            lambda da, z: da * np.exp(-np.abs(z)),
            "Above zero the slope is 1 and does not fall.",
        ),
        Mistake(
            "the sign of z is lost below zero",
            lambda da, z: da * np.where(z > 0, 1.0, np.exp(-np.minimum(z, 0))),
            "Far below zero this activation is almost flat, but your slope is large there.",
        ),
        Mistake(
            "da is added, not multiplied",
            lambda da, z: da + np.exp(np.minimum(z, 0)),
            "The chain rule multiplies: what arrives from behind, times the slope here.",
        ),
        Mistake(
            "da is missing below zero",
            lambda da, z: np.where(z > 0, da, np.exp(np.minimum(z, 0))),
            "On both sides what arrives is multiplied by the slope.",
        ),
        Mistake(
            "da is missing above zero",
            lambda da, z: np.where(z > 0, 1.0, da * np.exp(np.minimum(z, 0))),
            "On both sides what arrives is multiplied by the slope.",
        ),
        Mistake(
            "da stands in the exponent",
            lambda da, z: np.where(z > 0, da, np.exp(np.minimum(da * z, 0))),
            "The slope is taken at z alone; da multiplies it.",
        ),
        Mistake(
            "z is taken for the slope above zero",
            lambda da, z: da * np.where(z > 0, z, np.exp(np.minimum(z, 0))),
            "Above zero the activation is z. How steep is that?",
        ),
        Mistake(
            "z multiplies the slope below zero",
            lambda da, z: da * np.where(z > 0, 1.0, z * np.exp(np.minimum(z, 0))),
            "The derivative of exp(z) is exp(z), without a factor z.",
        ),
        Mistake(
            "a 1 is added to the slope below zero",
            lambda da, z: da * np.where(z > 0, 1.0, np.exp(np.minimum(z, 0)) + 1),
            "The derivative of exp(z) - 1: what becomes of the constant?",
        ),
        Mistake(
            "the slope at zero itself is 0",
            lambda da, z: da * np.where(z == 0, 0.0, np.exp(np.minimum(z, 0))),
            "At 0 the lower formula holds: exp(0) is 1.",
        ),
        Mistake(
            "the gate looks at da, and exp at z",
            lambda da, z: np.where(da > 0, da, da * np.exp(np.minimum(z, 0))),
            "What the slope is depends on where z was, not on the sign of what comes back.",
        ),
        Mistake(
            "the slope below zero has its sign turned round",
            lambda da, z: da * np.where(z > 0, 1, -np.exp(np.minimum(z, 0))),
            "exp(z) - 1 rises with z, so its slope is positive.",
        ),
    ),
    hints=(
        "The derivative of exp(z) - 1 with respect to z: what becomes of the 1?",
        "One array of slopes, as large as z; then one product, entry by entry.",
        "np.where chooses between two arrays of slopes. (The prediction: exp(0) is 1, so both "
        "slopes at zero are 1, and there is no kink.)",
    ),
)

# columns_backward


def columns_backward(dz, w, x):
    return dz @ x.T, w.T @ dz, dz.sum(axis=1)


def _columns_inputs(rng):
    k, d, n = sizes(rng, 3)
    return normal(rng, k, n), normal(rng, k, d), normal(rng, d, n)


def _columns_square(rng):
    n = int(rng.integers(2, 5))
    return normal(rng, n, n), normal(rng, n, n), normal(rng, n, n)


def _columns_single(rng):
    k, d = sizes(rng, 2)
    return normal(rng, k, 1), normal(rng, k, d), normal(rng, d, 1)


def _columns_loop(dz, w, x):
    dw, dx, db = np.zeros_like(w), np.zeros_like(x), np.zeros(len(w))
    for n in range(x.shape[1]):
        dw += np.outer(dz[:, n], x[:, n])
        dx[:, n] = dz[:, n] @ w
        db += dz[:, n]
    return dw, dx, db


COLUMNS_BACKWARD = Exercise(
    name="columns_backward",
    lesson=3,
    goal="Derive the step back through a layer in a layout that the lesson does not show.",
    points=2,
    misconception="The lesson's formulas are taken over, and moved about until the shapes fit.",
    reference=columns_backward,
    inputs=_columns_inputs,
    corners=(_columns_square, _columns_square, _columns_single),
    outputs=("dw", "dx", "db"),
    out_of_reach=("linear_backward", "Linear"),
    variants=(
        lambda dz, w, x: ((x @ dz.T).T, (dz.T @ w).T, dz @ np.ones(dz.shape[1])),
        lambda dz, w, x: (
            np.einsum("kn,dn->kd", dz, x),
            np.einsum("kd,kn->dn", w, dz),
            np.einsum("kn->k", dz),
        ),
        _columns_loop,
    ),
    mistakes=(
        Mistake(
            "the formulas of the rows layout",
            lambda dz, w, x: (x.T @ dz, dz @ w.T, dz.sum(axis=0)),
            "Write the sum for one weight, w_kd, with its indices. In this layout the examples are "
            "the second axis.",
        ),
        Mistake(
            "dw is transposed",
            lambda dz, w, x: (x @ dz.T, w.T @ dz, dz.sum(axis=1)),
            "A gradient has the shape of its tensor. w is (K, D).",
        ),
        Mistake(
            "dx without the transpose",
            lambda dz, w, x: (dz @ x.T, w @ dz, dz.sum(axis=1)),
            "Forward, w turns D numbers into K. Back, K slopes must become D.",
        ),
        Mistake(
            "dw without the transpose",
            lambda dz, w, x: (dz @ x, w.T @ dz, dz.sum(axis=1)),
            "The sum in dw runs over the examples. In which of the two must they come first?",
        ),
        Mistake(
            "db sums over the outputs",
            lambda dz, w, x: (dz @ x.T, w.T @ dz, dz.sum(axis=0)),
            "A bias is added in every example, so its slopes add up over the examples: here the "
            "second axis.",
        ),
        Mistake(
            "db keeps the axis of the examples",
            lambda dz, w, x: (dz @ x.T, w.T @ dz, dz.sum(axis=1, keepdims=True)),
            "The bias has shape (K,), and so has its gradient.",
        ),
        Mistake(
            "the mean in db",
            lambda dz, w, x: (dz @ x.T, w.T @ dz, dz.mean(axis=1)),
            "The factor 1/N entered at the loss and is in dz already. Here slopes just add up.",
        ),
        Mistake(
            "1/N twice in dw",
            lambda dz, w, x: (dz @ x.T / x.shape[1], w.T @ dz, dz.sum(axis=1)),
            "The factor 1/N entered at the loss and is in dz already.",
        ),
        Mistake(
            "db is one number",
            lambda dz, w, x: (dz @ x.T, w.T @ dz, dz.sum()),
            "Each of the K biases has a slope of its own. Which axis has to go?",
        ),
        Mistake(
            "dx is transposed",
            lambda dz, w, x: (dz @ x.T, dz.T @ w, dz.sum(axis=1)),
            "A gradient has the shape of its tensor. x is (D, N).",
        ),
        Mistake(
            "db is not summed",
            lambda dz, w, x: (dz @ x.T, w.T @ dz, dz),
            "A bias is added in every example, so its slopes add up over the examples.",
        ),
        Mistake(
            "1/N twice in dw and db",
            lambda dz, w, x: (dz @ x.T / x.shape[1], w.T @ dz, dz.mean(axis=1)),
            "The factor 1/N is in dz already. Slopes of separate examples add up.",
        ),
        Mistake(
            "db is all ones",
            lambda dz, w, x: (dz @ x.T, w.T @ dz, np.ones(len(dz))),
            "That is the slope of z along b. What arrives, dz, is multiplied by it and added up.",
        ),
        Mistake(
            "dw without dz",
            lambda dz, w, x: (np.ones_like(dz) @ x.T, w.T @ dz, dz.sum(axis=1)),
            "The chain rule multiplies by what arrives: dz is missing in dw.",
        ),
        Mistake(
            "the largest slope in db",
            lambda dz, w, x: (dz @ x.T, w.T @ dz, dz.max(axis=1)),
            "The slopes of all examples count: they add up.",
        ),
        Mistake(
            "everything has the wrong sign",
            lambda dz, w, x: (-(dz @ x.T), -(w.T @ dz), -dz.sum(axis=1)),
            "All three slopes are those of a plus or a product: no minus comes in.",
        ),
        Mistake(
            "dw and dx have changed places",
            lambda dz, w, x: (w.T @ dz, dz @ x.T, dz.sum(axis=1)),
            "Return dw first, then dx, then db.",
        ),
    ),
    hints=(
        "Write z_kn = sum over d of w_kd x_dn, plus b_k. By which paths does w_kd reach the loss?",
        "For dw the sum runs over n, for dx over k, for db over n.",
        "In a matrix product the index that is summed stands inside: last on the left, first on "
        "the right.",
    ),
)

# scaling_backward


def scaling_backward(da, x, mean, sd):
    return da / sd, -(da / sd).sum(axis=0), -(da * (x - mean) / sd**2).sum(axis=0)


def _scaling_inputs(rng):
    n, d = sizes(rng, 2)
    sd = np.round(rng.choice([rng.uniform(0.3, 0.8, d), rng.uniform(1.3, 3, d)]), 2)
    return normal(rng, n, d), normal(rng, n, d), normal(rng, d), sd


def _scaling_single(rng):
    return normal(rng, 1, 3), normal(rng, 1, 3), normal(rng, 3), np.array([0.5, 2.0, 4.0])


def _scaling_loop(da, x, mean, sd):
    dx, dmean, dsd = np.zeros_like(x), np.zeros_like(mean), np.zeros_like(sd)
    for n, d in np.ndindex(x.shape):
        dx[n, d] = da[n, d] / sd[d]
        dmean[d] -= dx[n, d]
        dsd[d] -= dx[n, d] * (x[n, d] - mean[d]) / sd[d]
    return dx, dmean, dsd


def _scaling_through_inverse(da, x, mean, sd):
    r = 1 / sd
    dx = da * r
    dr = ((x - mean) * da).sum(axis=0)
    return dx, -dx.sum(axis=0), -dr * r * r


def _scaling(dx=0, dmean=0, dsd=0):
    """Return the step back with one of its three results replaced."""

    def backward(da, x, mean, sd):
        right = scaling_backward(da, x, mean, sd)
        other = (dx, dmean, dsd)
        return tuple(f(da, x, mean, sd) if f else r for f, r in zip(other, right, strict=True))

    return backward


def _scaling_dsd(dsd):
    """Return the right gradients but for dsd."""

    def backward(da, x, mean, sd):
        return da / sd, -(da / sd).sum(axis=0), dsd(da, x, mean, sd)

    return backward


SCALING_BACKWARD = Exercise(
    name="scaling_backward",
    lesson=3,
    goal="Derive three gradients, one through a division, and get their shapes and signs right.",
    points=3,
    misconception="What was broadcast on the way forward is not summed on the way back.",
    reference=scaling_backward,
    inputs=_scaling_inputs,
    corners=(_scaling_single,),
    outputs=("dx", "dmean", "dsd"),
    variants=(
        _scaling_loop,
        _scaling_through_inverse,
        lambda da, x, mean, sd: (
            da / sd,
            -da.sum(axis=0) / sd,
            (np.einsum("nd,nd->d", da, mean - x)) / sd / sd,
        ),
    ),
    mistakes=(
        Mistake(
            "dmean is not summed",
            _scaling(dmean=lambda da, x, mean, sd: -da / sd),
            "The mean has shape (D,) and was used in every row. Slopes of separate paths add up.",
        ),
        Mistake(
            "dsd is not summed",
            _scaling(dsd=lambda da, x, mean, sd: -da * (x - mean) / sd**2),
            "sd has shape (D,) and was used in every row. Slopes of separate paths add up.",
        ),
        Mistake(
            "neither dmean nor dsd is summed",
            _scaling(
                dmean=lambda da, x, mean, sd: -da / sd,
                dsd=lambda da, x, mean, sd: -da * (x - mean) / sd**2,
            ),
            "Mean and sd have shape (D,) and were used in every row. Slopes of separate paths add "
            "up.",
        ),
        Mistake(
            "dmean has the wrong sign",
            _scaling(dmean=lambda da, x, mean, sd: (da / sd).sum(axis=0)),
            "A larger mean makes the result smaller. Where is that in your line?",
        ),
        Mistake(
            "dmean without sd",
            _scaling(dmean=lambda da, x, mean, sd: -da.sum(axis=0)),
            "A change of the mean, too, is divided by sd before it reaches the result.",
        ),
        Mistake(
            "the mean over the batch in dmean and dsd",
            lambda da, x, mean, sd: (
                da / sd,
                -(da / sd).mean(axis=0),
                -(da * (x - mean) / sd**2).mean(axis=0),
            ),
            "The factor 1/N is in da already. Here slopes add up.",
        ),
        Mistake(
            "dsd without the square",
            _scaling(dsd=lambda da, x, mean, sd: -(da * (x - mean) / sd).sum(axis=0)),
            "The derivative of 1/s with respect to s is not -1/s. Which power is it?",
        ),
        Mistake(
            "dsd has the wrong sign",
            _scaling(dsd=lambda da, x, mean, sd: (da * (x - mean) / sd**2).sum(axis=0)),
            "Where x is above the mean, a larger sd makes the result smaller.",
        ),
        Mistake(
            "dsd without subtracting the mean",
            _scaling(dsd=lambda da, x, mean, sd: -(da * x / sd**2).sum(axis=0)),
            "What is divided by sd is not x but its distance from the mean.",
        ),
        Mistake(
            "dsd without the distance from the mean",
            _scaling(dsd=lambda da, x, mean, sd: -(da / sd**2).sum(axis=0)),
            "An entry far from the mean answers more to a change of sd than one that is near. "
            "What multiplies 1/s?",
        ),
        Mistake(
            "dx is multiplied by sd",
            _scaling(dx=lambda da, x, mean, sd: da * sd),
            "Going back is not undoing: da is multiplied by the slope of the forward step.",
        ),
        Mistake(
            "dx and dmean are multiplied by sd",
            _scaling(
                dx=lambda da, x, mean, sd: da * sd,
                dmean=lambda da, x, mean, sd: -(da * sd).sum(axis=0),
            ),
            "Going back is not undoing: da is multiplied by the slope of the forward step.",
        ),
        Mistake(
            "sd is not used in dx",
            _scaling(dx=lambda da, x, mean, sd: da),
            "If x moves by 0.1 and sd is 2, by how much does (x - mean) / sd move?",
        ),
        Mistake(
            "sd is used in neither dx nor dmean",
            _scaling(
                dx=lambda da, x, mean, sd: da,
                dmean=lambda da, x, mean, sd: -da.sum(axis=0),
            ),
            "If x or the mean moves by 0.1 and sd is 2, by how much does (x - mean) / sd move?",
        ),
        Mistake(
            "dmean and dsd have the wrong sign",
            _scaling(
                dmean=lambda da, x, mean, sd: (da / sd).sum(axis=0),
                dsd=lambda da, x, mean, sd: (da * (x - mean) / sd**2).sum(axis=0),
            ),
            "A larger mean makes a smaller, and so does a larger sd if x is above the mean.",
        ),
        Mistake(
            "dsd divides by the third power",
            _scaling(dsd=lambda da, x, mean, sd: -(da * (x - mean) / sd**3).sum(axis=0)),
            "The derivative of 1/s is -1/s squared. Is there one s too many?",
        ),
        Mistake(
            "the mean over the batch in dmean",
            _scaling(dmean=lambda da, x, mean, sd: -(da / sd).mean(axis=0)),
            "The factor 1/N is in da already. The slopes of the rows add up.",
        ),
        Mistake(
            "the mean over the batch in dsd",
            _scaling(dsd=lambda da, x, mean, sd: -(da * (x - mean) / sd**2).mean(axis=0)),
            "The factor 1/N is in da already. The slopes of the rows add up.",
        ),
        Mistake(
            "rows are summed where columns are due",
            _scaling(
                dmean=lambda da, x, mean, sd: -(da / sd).sum(axis=1),
                dsd=lambda da, x, mean, sd: -(da * (x - mean) / sd**2).sum(axis=1),
            ),
            "mean and sd have one entry for each column. Which axis has to go?",
        ),
        Mistake(
            "dmean and dsd are single numbers",
            _scaling(
                dmean=lambda da, x, mean, sd: -(da / sd).sum(),
                dsd=lambda da, x, mean, sd: -(da * (x - mean) / sd**2).sum(),
            ),
            "Each column has its own mean and sd. Which axis has to go, and which has to stay?",
        ),
        Mistake(
            "the mean is taken for that of the batch",
            _scaling(dx=lambda da, x, mean, sd: (da - da.mean(axis=0)) / sd),
            "mean is a number that came in. It does not move when x does.",
        ),
        Mistake(
            "dsd without da",
            _scaling(dsd=lambda da, x, mean, sd: -((x - mean) / sd**2).sum(axis=0)),
            "The chain rule multiplies by what arrives: da is missing in dsd.",
        ),
        Mistake(
            "dmean and dsd have changed places",
            lambda da, x, mean, sd: tuple(scaling_backward(da, x, mean, sd)[i] for i in (0, 2, 1)),
            "Return dx first, then dmean, then dsd.",
        ),
        Mistake(
            "dsd has the square of the distance in it",
            _scaling_dsd(lambda da, x, mean, sd: -(da * (x - mean) ** 2 / sd**2).sum(axis=0)),
            "(x - mean) stands in a once, so it stands in the slope along sd once.",
        ),
        Mistake(
            "the logarithm of sd in dsd",
            _scaling_dsd(lambda da, x, mean, sd: (da * (x - mean) * np.log(sd)).sum(axis=0)),
            "The derivative of 1 / s is -1 / s**2. A logarithm comes from an integral.",
        ),
    ),
    hints=(
        "Take one entry, a = (x - m) / s, and differentiate it with respect to x, m and s.",
        "m and s of a column are used in all N rows, so their slopes are sums over the rows.",
        "For s, read a as (x - m) times 1/s. What is the derivative of 1/s?",
    ),
)

# skip_backward


def skip_backward(dh, x, w, b):
    dz = dh * (x @ w + b > 0)
    return dh + dz @ w.T, x.T @ dz, dz.sum(axis=0)


def _skip_inputs(rng):
    n, d = sizes(rng, 2)
    while True:
        dh, x, w, b = (normal(rng, *shape) for shape in ((n, d), (n, d), (d, d), (d,)))
        if _clear(x @ w + b):
            return dh, x, w, b


def _skip_zero(rng):
    """Return a case in which some z are exactly 0."""
    b = np.array([0.0, 0.5, -0.5])
    while True:
        dh, x, w = normal(rng, 4, 3) + 3.0, normal(rng, 4, 3), normal(rng, 3, 3)
        x[1] = 0
        if _clear(x[[0, 2, 3]] @ w + b):
            return dh, x, w, b


def _skip_einsum(dh, x, w, b):
    dz = np.where(np.einsum("ni,ij->nj", x, w) + b > 0, dh, 0)
    return np.einsum("nj,ij->ni", dz, w) + dh, np.einsum("ni,nj->ij", x, dz), np.ones(len(x)) @ dz


def _skip_rows(dh, x, w, b):
    dx, dw, db = dh.copy(), np.zeros_like(w), np.zeros_like(b)
    for n in range(len(x)):
        dz = dh[n] * (x[n] @ w + b > 0)
        dx[n] += w @ dz
        dw += np.outer(x[n], dz)
        db += dz
    return dx, dw, db


def _skip(gate=None, dx=None, db=None, dw=lambda x, dz: x.T @ dz):
    """Return the step back with another gate, or another of its three results."""

    def backward(dh, x, w, b):
        z = x @ w + b
        dz = dh * (gate(z, x, dh) if gate else z > 0)
        back = dx(dh, dz, w) if dx else dh + dz @ w.T
        return back, dw(x, dz), db(dz) if db else dz.sum(axis=0)

    return backward


def _skip_in_place(dh, x, w, b):
    dz = dh * (x @ w + b > 0)
    dh += dz @ w.T
    return dh, x.T @ dz, dz.sum(axis=0)


def _skip_other(dx=None, dw=None, db=None, z=lambda x, w, b: x @ w + b, gate=lambda z: z > 0):
    """Return the step back whose parts may use all of dh, x, w, z and dz."""

    def backward(dh, x, w, b):
        zz = z(x, w, b)
        dz = dh * gate(zz)
        return (
            dx(dh, x, w, zz, dz) if dx else dh + dz @ w.T,
            dw(dh, x, zz, dz) if dw else x.T @ dz,
            db(dh, dz) if db else dz.sum(axis=0),
        )

    return backward


SKIP_BACKWARD = Exercise(
    name="skip_backward",
    lesson=3,
    goal="Add up the slopes where a tensor reaches the loss by two paths.",
    points=3,
    misconception="Only the path through the layer is followed back.",
    reference=skip_backward,
    inputs=_skip_inputs,
    corners=(_skip_zero, _skip_zero),
    outputs=("dx", "dw", "db"),
    out_of_reach=("linear_backward", "relu_backward", "Linear", "ReLU"),
    variants=(_skip_einsum, _skip_rows),
    mistakes=(
        Mistake(
            "the path around the layer is forgotten",
            _skip(dx=lambda dh, dz, w: dz @ w.T),
            "x reaches h by two paths, and slopes along separate paths add up. Which one is short?",
        ),
        Mistake(
            "the path through the layer is forgotten",
            _skip(dx=lambda dh, dz, w: dh),
            "x reaches h directly and through the layer. The second path is missing in dx.",
        ),
        Mistake(
            "the gate closes the direct path too",
            _skip(dx=lambda dh, dz, w: dz + dz @ w.T),
            "On the direct path from x to h there is no ReLU.",
        ),
        Mistake(
            "the two paths are multiplied",
            _skip(dx=lambda dh, dz, w: dh * (dz @ w.T)),
            "Slopes along one path multiply; slopes of separate paths do something else.",
        ),
        Mistake(
            "w is not transposed on the way back",
            _skip(dx=lambda dh, dz, w: dh + dz @ w),
            "w is square here, so every shape fits. Write the sum for one x_ni: over which index "
            "of w does it run?",
        ),
        Mistake(
            "the gate looks at h",
            _skip(gate=lambda z, x, dh: x + np.maximum(z, 0) > 0),
            "h has x in it. The gate is open where the input of ReLU was positive.",
        ),
        Mistake(
            "the gate looks at x",
            _skip(gate=lambda z, x, dh: x > 0),
            "x is the input of the layer. The gate is open where the input of ReLU was positive.",
        ),
        Mistake(
            "the gate looks at dh",
            _skip(gate=lambda z, x, dh: dh > 0),
            "The gates were set on the way forward, by z. A slope that arrives may have any sign.",
        ),
        Mistake(
            "the gate never closes",
            _skip(gate=lambda z, x, dh: np.maximum(z, 0) >= 0),
            "In your dz every entry of dh passes. Which of them does ReLU stop?",
        ),
        Mistake(
            "the gate is open at zero",
            _skip(gate=lambda z, x, dh: z >= 0),
            "At exactly 0 we take the slope 0, as in the lesson.",
        ),
        Mistake(
            "the mean in db",
            _skip(db=lambda dz: dz.mean(axis=0)),
            "The factor 1/N is in dh already. Here slopes just add up.",
        ),
        Mistake(
            "1/N twice in dw",
            _skip(dw=lambda x, dz: x.T @ dz / len(x)),
            "The factor 1/N is in dh already, and so in dz. A product with x.T just adds up.",
        ),
        Mistake(
            "1/N twice in dw and db",
            _skip(dw=lambda x, dz: x.T @ dz / len(x), db=lambda dz: dz.mean(axis=0)),
            "The factor 1/N is in dh already, and so in dz. Slopes of separate examples add up.",
        ),
        Mistake(
            "dh is changed",
            _skip_in_place,
            "+= on an argument changes the caller's array. Make a new one.",
        ),
        Mistake(
            "the bias is left out of z",
            _skip_other(z=lambda x, w, b: x @ w),
            "The gates look at the z of the forward pass. What else was added there?",
        ),
        Mistake(
            "x stands for the slope of the direct path",
            _skip_other(dx=lambda dh, x, w, z, dz: x + dz @ w.T),
            "What travels back along the direct path is a slope, not x itself.",
        ),
        Mistake(
            "1 stands for the slope of the direct path",
            _skip_other(dx=lambda dh, x, w, z, dz: 1 + dz @ w.T),
            "Along the direct path the slope here is 1, and it multiplies what arrives.",
        ),
        Mistake(
            "the gate is missing in dw",
            _skip_other(dw=lambda dh, x, z, dz: x.T @ dh),
            "w is in front of the ReLU: what reaches it has passed the gate.",
        ),
        Mistake(
            "the gate is missing in db",
            _skip_other(db=lambda dh, dz: dh.sum(axis=0)),
            "b is in front of the ReLU: what reaches it has passed the gate.",
        ),
        Mistake(
            "the gate is missing in dw and db",
            _skip_other(dw=lambda dh, x, z, dz: x.T @ dh, db=lambda dh, dz: dh.sum(axis=0)),
            "w and b are in front of the ReLU: what reaches them has passed the gate.",
        ),
        Mistake(
            "the gate is missing in dx",
            _skip_other(dx=lambda dh, x, w, z, dz: dh + dh @ w.T),
            "On the path through the layer the slope passes the gate first, then w.",
        ),
        Mistake(
            "w comes before the gate",
            _skip_other(dx=lambda dh, x, w, z, dz: dh + (dh @ w.T) * (z > 0)),
            "Going back, the ReLU comes first and the product with w after it.",
        ),
        Mistake(
            "both paths pass the gate at the end",
            _skip_other(dx=lambda dh, x, w, z, dz: (dh + dz @ w.T) * (z > 0)),
            "The gate belongs to the path through the layer, at its z. Added up, the slopes pass "
            "no gate any more.",
        ),
        Mistake(
            "dw is made from the outputs of ReLU",
            _skip_other(dw=lambda dh, x, z, dz: np.maximum(z, 0).T @ dz),
            "The slope along w_ij is what w_ij multiplies: an entry of the layer's input.",
        ),
        Mistake(
            "dw has both paths in it",
            _skip_other(dw=lambda dh, x, z, dz: x.T @ (dz + dh)),
            "w lies on one of the two paths only.",
        ),
        Mistake(
            "dw is transposed",
            _skip_other(dw=lambda dh, x, z, dz: dz.T @ x),
            "w is square, so every shape fits. w_ij leads from input i to output j.",
        ),
        Mistake(
            "db sums over the features",
            _skip_other(db=lambda dh, dz: dz.sum(axis=1)),
            "A bias is added in every example, so its slopes add up over the examples.",
        ),
        Mistake(
            "db is one number",
            _skip_other(db=lambda dh, dz: dz.sum()),
            "Each bias has its own slope. Which axis has to go?",
        ),
        Mistake(
            "the value of ReLU is taken for its slope",
            _skip_other(gate=lambda z: np.maximum(z, 0)),
            "Where ReLU is open its slope is 1, not z.",
        ),
        Mistake(
            "the paths are subtracted",
            _skip_other(dx=lambda dh, x, w, z, dz: dh - dz @ w.T),
            "Slopes along separate paths add up.",
        ),
        Mistake(
            "the direct path has a minus",
            _skip_other(dx=lambda dh, dz, x, w: dz @ w.T - dh),
            "h grows with x along the direct path: its slope is 1, not -1.",
        ),
        Mistake(
            "the gate is open where z is negative",
            _skip_other(gate=lambda z: z < 0),
            "ReLU lets pass what is positive, in both directions.",
        ),
    ),
    hints=(
        "Draw it: x splits in two, one path goes through the layer, and at the + they meet again.",
        "A + hands the slope dh on to both of its sides, unchanged.",
        "Compute z again, for the gate. Through the layer x_ni reaches all z_nj, by w_ij: the sum "
        "runs over j, the second index of w.",
    ),
)

# three_layer_gradients


def three_layer_gradients(x, y, params):
    return _three()(x, y, params)


def _softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def _three(
    softmax=_softmax,
    error=lambda p, t: (p - t) / len(p),
    gate2=lambda z, a, d: z > 0,
    gate1=lambda z, a, d: z > 0,
    bias=lambda d: d.sum(axis=0),
    back=lambda d, w: d @ w.T,
    last_input=lambda a1, a2: a2,
):
    """Return the gradients of a network of three layers, with something else in it."""

    def gradients(x, y, params):
        w1, b1, w2, b2, w3, b3 = (params[k] for k in ("w1", "b1", "w2", "b2", "w3", "b3"))
        z1 = x @ w1 + b1
        a1 = np.maximum(z1, 0)
        z2 = a1 @ w2 + b2
        a2 = np.maximum(z2, 0)
        p = softmax(a2 @ w3 + b3)
        dz3 = error(p, np.eye(p.shape[1])[y])
        da2 = back(dz3, w3)
        dz2 = da2 * gate2(z2, a2, da2)
        da1 = back(dz2, w2)
        dz1 = da1 * gate1(z1, a1, da1)
        return {
            "w1": x.T @ dz1,
            "b1": bias(dz1),
            "w2": a1.T @ dz2,
            "b2": bias(dz2),
            "w3": last_input(a1, a2).T @ dz3,
            "b3": bias(dz3),
        }

    return gradients


def _squared_error(p, t):
    d = 2 * (p - t) / len(p)
    return p * (d - (d * p).sum(axis=1, keepdims=True))


def _three_params(rng, d, h, k, c):
    shapes = (("w1", d, h), ("w2", h, k), ("w3", k, c))
    params = {}
    for i, (name, rows, columns) in enumerate(shapes, start=1):
        params |= {name: normal(rng, rows, columns), f"b{i}": normal(rng, columns)}
    return params


def _three_clear(x, params):
    """Say whether no z of the two hidden layers is 0 up to rounding."""
    z1 = x @ params["w1"] + params["b1"]
    return _clear(z1) and _clear(np.maximum(z1, 0) @ params["w2"] + params["b2"])


def _three_drawn(rng, n, *widths):
    while True:
        x, y = normal(rng, n, widths[0]), labels(rng, n, widths[-1])
        params = _three_params(rng, *widths)
        if _three_clear(x, params):
            return x, y, params


def _three_inputs(rng):
    n, d, k, c = sizes(rng, 4, high=5)
    return _three_drawn(rng, n, d, 6, k, c)


def _three_small(rng):
    """Return a case that a message can show whole."""
    return _three_drawn(rng, 2, 2, 3, 2, 2)


def _three_zero(rng):
    """Return a case in which a z1 is exactly 0, with a slope that arrives there."""
    while True:
        x, params = normal(rng, 4, 3), _three_params(rng, 3, 4, 4, 4)
        x[2] = 0
        params["b1"], params["b2"] = np.array([0.0, 0.4, 0.3, 0.2]), np.full(4, 3.0)
        if _three_clear(x[[0, 1, 3]], params):
            return x, np.array([0, 2, 1, 3]), params


def _three_zero_second(rng):
    """Return a case in which a z2 of every example is exactly 0, with a slope that arrives."""
    while True:
        x, params = normal(rng, 4, 3), _three_params(rng, 3, 4, 4, 4)
        rest = params | {"w2": params["w2"][:, 1:], "b2": params["b2"][1:]}
        params["w2"][:, 0], params["b2"][0] = 0, 0
        if _three_clear(x, rest):
            return x, np.array([0, 2, 1, 3]), params


def _three_wide(rng):
    """Return a case of equal widths, in which a product of the wrong two may run."""
    n = int(rng.integers(4, 6))
    return _three_drawn(rng, n, n, n, n, n)


def _three_large(rng):
    """Return a case with large logits, and probabilities that are not all 0 and 1."""
    x, y, params = _three_inputs(rng)
    params["w3"], params["b3"] = 0.1 * params["w3"], 0.3 * params["b3"] + 1000.0
    return x, y, params


def _overflowing(z):
    e = np.exp(z)
    return e / e.sum(axis=1, keepdims=True)


def _three_in_a_loop(x, y, params):
    layers = len(params) // 2
    inputs, a = [], x
    for i in range(1, layers + 1):
        inputs.append(a)
        z = a @ params[f"w{i}"] + params[f"b{i}"]
        a = np.maximum(z, 0)
    d = _softmax(z)
    d[np.arange(len(y)), y] -= 1
    d /= len(y)
    grads = {}
    for i in range(layers, 0, -1):
        grads[f"w{i}"] = inputs[i - 1].T @ d
        grads[f"b{i}"] = d.sum(axis=0)
        d = (d @ params[f"w{i}"].T) * (inputs[i - 1] > 0)
    return grads


def _three_by_example(x, y, params):
    grads = {name: np.zeros_like(array) for name, array in params.items()}
    for n in range(len(x)):
        one = _three()(x[n : n + 1], y[n : n + 1], params)
        for name in grads:
            grads[name] += one[name] / len(x)
    return grads


def _three_without(*names):
    """Return the gradients of a network without some of its biases on the way forward."""

    def gradients(x, y, params):
        return _three()(x, y, params | {name: np.zeros_like(params[name]) for name in names})

    return gradients


def _three_changed(change):
    """Return the gradients after something was done to them."""

    def gradients(x, y, params):
        return change(_three()(x, y, params), x)

    return gradients


def _three_linear(x, y, params):
    """Return the gradients of a network that forgets its activations, both ways."""
    w1, b1, w2, b2, w3, b3 = (params[k] for k in ("w1", "b1", "w2", "b2", "w3", "b3"))
    a1 = x @ w1 + b1
    a2 = a1 @ w2 + b2
    p = _softmax(a2 @ w3 + b3)
    dz3 = (p - np.eye(p.shape[1])[y]) / len(p)
    dz2 = dz3 @ w3.T
    dz1 = dz2 @ w2.T
    tensors = ((1, x, dz1), (2, a1, dz2), (3, a2, dz3))
    grads = {f"w{i}": a.T @ d for i, a, d in tensors}
    return grads | {f"b{i}": d.sum(axis=0) for i, _, d in tensors}


def _three_inputs_of(second, third):
    """Return the gradients with other arrays in place of the inputs of the later layers."""

    def gradients(x, y, params):
        grads = _three()(x, y, params)
        w1, b1, w2, b2, w3, b3 = (params[k] for k in ("w1", "b1", "w2", "b2", "w3", "b3"))
        z1 = x @ w1 + b1
        z2 = np.maximum(z1, 0) @ w2 + b2
        p = _softmax(np.maximum(z2, 0) @ w3 + b3)
        dz3 = (p - np.eye(p.shape[1])[y]) / len(p)
        dz2 = (dz3 @ w3.T) * (z2 > 0)
        if second:
            grads["w2"] = z1.T @ dz2
        if third:
            grads["w3"] = z2.T @ dz3
        return grads

    return gradients


def _three_with(hidden):
    """Return the gradients with another activation on the way forward."""

    def gradients(x, y, params):
        w1, b1, w2, b2, w3, b3 = (params[k] for k in ("w1", "b1", "w2", "b2", "w3", "b3"))
        z1 = x @ w1 + b1
        z2 = hidden(z1) @ w2 + b2
        p = _softmax(hidden(z2) @ w3 + b3)
        dz3 = (p - np.eye(p.shape[1])[y]) / len(p)
        dz2 = dz3 @ w3.T * (z2 > 0)
        dz1 = dz2 @ w2.T * (z1 > 0)
        weights = {"w1": x.T @ dz1, "w2": hidden(z1).T @ dz2, "w3": hidden(z2).T @ dz3}
        return weights | {f"b{i + 1}": dz.sum(axis=0) for i, dz in enumerate((dz1, dz2, dz3))}

    return gradients


def _three_ungated(x, y, params):
    grads = three_layer_gradients(x, y, params)
    other = _three(gate2=lambda z, a, d: 1.0)(x, y, params)
    return grads | {"w1": other["w1"], "b1": other["b1"]}


THREE_LAYER_GRADIENTS = Exercise(
    name="three_layer_gradients",
    lesson=3,
    goal="Walk back through a network that is deeper than the lesson's, and keep the books.",
    points=5,
    misconception="A gate or a factor 1/N is left out, or put in once more, on the way.",
    reference=three_layer_gradients,
    inputs=_three_inputs,
    corners=(
        _three_small,
        _three_zero,
        _three_zero,
        _three_zero_second,
        _three_zero_second,
        _three_wide,
        _three_wide,
        _three_large,
    ),
    out_of_reach=("linear_backward", "relu_backward", "Linear", "ReLU", "Sequential", "mlp"),
    variants=(
        _three_in_a_loop,
        _three_by_example,
        _three(gate2=lambda z, a, d: a > 0, gate1=lambda z, a, d: a > 0),
    ),
    mistakes=(
        Mistake(
            "1/N is missing",
            _three(error=lambda p, t: p - t),
            "The loss is a mean over the batch. Where does its 1/N enter?",
        ),
        Mistake(
            "1/N twice in the biases",
            _three(bias=lambda d: d.mean(axis=0)),
            "The factor 1/N is in dz3 already. A bias adds up the slopes of all examples.",
        ),
        Mistake(
            "a factor too many: the mean over all entries",
            _three(error=lambda p, t: (p - t) / p.size),
            "The loss is a mean over the N examples, not over the N times C entries.",
        ),
        Mistake(
            "the labels are not subtracted",
            _three(error=lambda p, t: p / len(p)),
            "What the network said, minus what it should have said: only the first half is there.",
        ),
        Mistake(
            "all gradients have the wrong sign",
            _three(error=lambda p, t: (t - p) / len(p)),
            "A gradient points uphill. Look at the order of the difference at the logits.",
        ),
        Mistake(
            "no gate at the second ReLU",
            _three(gate2=lambda z, a, d: 1),
            "There are two ReLUs on the way back. What does the later one stop?",
        ),
        Mistake(
            "no gate at the first ReLU",
            _three(gate1=lambda z, a, d: 1),
            "There are two ReLUs on the way back. What does the earlier one stop?",
        ),
        Mistake(
            "no gate at either ReLU",
            _three(gate2=lambda z, a, d: 1, gate1=lambda z, a, d: 1),
            "There are two ReLUs on the way back, and both let every slope pass. What does each of "
            "them stop?",
        ),
        Mistake(
            "the gates look at z != 0",
            _three(gate2=lambda z, a, d: z != 0, gate1=lambda z, a, d: z != 0),
            "A negative z is not 0 either. Where does ReLU let slopes pass?",
        ),
        Mistake(
            "the gates are open at zero",
            _three(gate2=lambda z, a, d: z >= 0, gate1=lambda z, a, d: z >= 0),
            "At exactly 0 we take the slope 0, as in the lesson.",
        ),
        Mistake(
            "the second gate is open at zero",
            _three(gate2=lambda z, a, d: z >= 0),
            "At exactly 0 we take the slope 0, at both ReLUs.",
        ),
        Mistake(
            "the first gate is open at zero",
            _three(gate1=lambda z, a, d: z >= 0),
            "At exactly 0 we take the slope 0, at both ReLUs.",
        ),
        Mistake(
            "the gates look at da",
            _three(gate2=lambda z, a, d: d > 0, gate1=lambda z, a, d: d > 0),
            "The gates were set on the way forward, by z. A slope that arrives may have any sign.",
        ),
        Mistake(
            "bias gradients are single numbers",
            _three(bias=lambda d: d.sum()),
            "Each bias has its own slope. Which axis has to go, and which has to stay?",
        ),
        Mistake(
            "exp overflows",
            _three(softmax=_overflowing),
            "exp of a logit above 709 is infinite. Take off each row's maximum first.",
        ),
        Mistake(
            "w is not transposed on the way back",
            _three(back=lambda d, w: d @ w),
            "Going back through a layer, its outputs' slopes become its inputs': turn w round.",
        ),
        Mistake(
            "b1 is left out on the way forward",
            _three_without("b1"),
            "z1 has a bias in it, and the gates and all that follows depend on z1.",
        ),
        Mistake(
            "b2 is left out on the way forward",
            _three_without("b2"),
            "z2 has a bias in it, and the gates and all that follows depend on z2.",
        ),
        Mistake(
            "b3 is left out on the way forward",
            _three_without("b3"),
            "The logits have a bias in them, and the probabilities depend on it.",
        ),
        Mistake(
            "the biases are left out on the way forward",
            _three_without("b1", "b2", "b3"),
            "Every z has a bias in it; gates and probabilities depend on it.",
        ),
        Mistake(
            "there is no ReLU at all",
            _three_linear,
            "There is a ReLU after each of the first two layers, forward and back.",
        ),
        Mistake(
            "w2 is given the z in place of the a",
            _three_inputs_of(True, False),
            "The input of the second layer is what ReLU has returned, a1.",
        ),
        Mistake(
            "w3 is given the z in place of the a",
            _three_inputs_of(False, True),
            "The input of the third layer is what ReLU has returned, a2.",
        ),
        Mistake(
            "w2 and w3 are given the z in place of the a",
            _three_inputs_of(True, True),
            "The input of a layer is what ReLU has returned, not what went into it.",
        ),
        Mistake(
            "1/N twice in the weights",
            _three_changed(
                lambda grads, x: {k: g / len(x) if k[0] == "w" else g for k, g in grads.items()}
            ),
            "The factor 1/N is in dz3 already, and so in all that follows.",
        ),
        Mistake(
            "1/N twice everywhere",
            _three_changed(lambda grads, x: {k: g / len(x) for k, g in grads.items()}),
            "The factor 1/N is in dz3 already, and so in all that follows. It comes in once.",
        ),
        Mistake(
            "a factor of 2",
            _three_changed(lambda grads, x: {k: 2 * g for k, g in grads.items()}),
            "That factor belongs to a squared error. The step back through softmax and "
            "cross-entropy has none.",
        ),
        Mistake(
            "the labels are counted from 1",
            _three(error=lambda p, t: (p - np.roll(t, -1, axis=1)) / len(p)),
            "The labels count from 0: label 1 is the second column.",
        ),
        Mistake(
            "softmax runs over the examples",
            _three(softmax=lambda z: _softmax(z.T).T),
            "A row is one example. Over which axis do its probabilities sum to 1?",
        ),
        Mistake(
            "a sigmoid in place of softmax",
            _three(softmax=lambda z: 1 / (1 + np.exp(-z))),
            "The probabilities of a row compete: they sum to 1.",
        ),
        Mistake(
            "the slope of a sigmoid at the logits",
            _three(error=lambda p, t: (p - t) * p * (1 - p) / len(p)),
            "Softmax and cross-entropy together have the slope p - t, and nothing more.",
        ),
        Mistake(
            "divided by the number of classes",
            _three(error=lambda p, t: (p - t) / p.shape[1]),
            "The loss is a mean over the examples.",
        ),
        Mistake(
            "weights' gradients are transposed",
            _three_changed(lambda grads, x: {k: g.T for k, g in grads.items()}),
            "A gradient has the shape of its parameter: predict the shape of each.",
        ),
        Mistake(
            "biases' gradients sum over the features",
            _three(bias=lambda d: d.sum(axis=1)),
            "A bias is added in every example, so its slopes add up over the examples.",
        ),
        Mistake(
            "the names begin with d",
            _three_changed(lambda grads, x: {f"d{k}": g for k, g in grads.items()}),
            "The dict has the names of the parameters: w1, b1 and so on.",
        ),
        Mistake(
            "gates on the way back, but no ReLU on the way forward",
            _three_with(lambda z: z),
            "The hidden layers answer with max(0, z). The next layer reads that.",
        ),
        Mistake(
            "a leaky ReLU on the way forward",
            _three_with(lambda z: np.where(z > 0, z, 0.01 * z)),
            "The hidden layers answer with max(0, z), which is 0 below zero.",
        ),
        Mistake(
            "the values of ReLU are taken for its slopes",
            _three(gate2=lambda z, a, d: a, gate1=lambda z, a, d: a),
            "The slope of ReLU is 1 where z is above 0, and 0 elsewhere.",
        ),
        Mistake(
            "the squared error of the probabilities",
            _three(error=lambda p, t: 2 * (p - t) * p * (1 - p) / len(p)),
            "With cross-entropy behind softmax the slope along the logits is short: p less "
            "the one-hot labels.",
        ),
        Mistake(
            "the difference is multiplied by p",
            _three(error=lambda p, t: p * (p - t) / len(p)),
            "The slope along the logits is p less the one-hot labels, and no further factor.",
        ),
        Mistake(
            "the second gate is left out on the way to the first layer",
            _three_ungated,
            "What reaches the first layer has passed both gates: go on with dz2, not with da2.",
        ),
        Mistake(
            "parameters after a step in place of gradients",
            lambda x, y, params: {
                k: params[k] - 0.1 * g for k, g in three_layer_gradients(x, y, params).items()
            },
            "The gradients are asked for. Nothing is moved yet.",
        ),
        Mistake(
            "the later gate looks at the slope that arrives",
            _three(gate2=lambda z, a, d: d > 0),
            "A gate is open where z was positive on the way forward, whatever comes back.",
        ),
        Mistake(
            "the earlier gate looks at the slope that arrives",
            _three(gate1=lambda z, a, d: d > 0),
            "A gate is open where z was positive on the way forward, whatever comes back.",
        ),
        Mistake(
            "ReLU on the logits",
            _three(softmax=lambda z: _softmax(np.maximum(z, 0))),
            "The third layer has no ReLU: softmax takes its outputs as they are, of either sign.",
        ),
        Mistake(
            "the slope of a squared error at the logits",
            _three(error=_squared_error),
            "The loss is the cross-entropy. At the logits its slope is (p - t) / N, and nothing "
            "more.",
        ),
    ),
    hints=(
        "First the forward pass, keeping z1, a1, z2, a2. Then the lesson's steps, once more often. "
        "Predict the shape of each gradient.",
        "Every layer back is the same three lines: dw from its input and dz, db from dz, and what "
        "it hands to the layer before.",
        "1/N enters once, at the logits, and nowhere again. Each ReLU has a gate, and its own z "
        "says where it is open.",
    ),
)

EXERCISES = (
    ELU_BACKWARD,
    COLUMNS_BACKWARD,
    SCALING_BACKWARD,
    SKIP_BACKWARD,
    THREE_LAYER_GRADIENTS,
)
