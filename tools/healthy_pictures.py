"""Draw what healthy looks like, for docs/my_network_does_not_learn.md.

    python tools/healthy_pictures.py

writes docs/healthy_loss.png and docs/healthy_layers.png.
"""

import itertools
import math
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import nnfromscratch as nn
from nnfromscratch.diagnostics import layer_statistics

DOCS = Path(__file__).resolve().parent.parent / "docs"


def network(sizes, sigma, activation=nn.ReLU):
    """Stack affine layers with normal weights of one spread, or He's for None."""

    def start(shape, *, rng, dtype):
        if sigma is None:
            return nn.he_normal(shape, rng=rng, dtype=dtype)
        return nn.normal(shape, sigma, rng=rng, dtype=dtype)

    rng, layers = np.random.default_rng(0), []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [nn.Linear(inputs, outputs, rng=rng, initializer=start), activation()]
    return nn.Sequential(layers[:-1])


def losses(x, y, rate, sigma=None, last=()):
    """Loss of every step in the first 300."""
    model = nn.Sequential([*network([784, 128, 10], sigma).layers, *last])
    x, y, rng = x[:19_200], y[:19_200], np.random.default_rng(1)
    settings = {"optimizer": nn.SGD(rate), "epochs": 1, "batch_size": 64, "rng": rng}
    try:
        return nn.fit(model, (x, y), progress=False, **settings).batch_loss
    except nn.TrainingDiverged as stopped:
        return stopped.history.batch_loss


def draw_losses(x, y):
    """Draw the first 300 steps of six networks, one of them healthy."""
    cases = [
        ("healthy: from ln 10, down at once", losses(x, y, 0.1)),
        ("a rate a hundred times too small: creeps", losses(x, y, 0.001)),
        ("a rate too large: leaps, then lies flat at ln 10", losses(x, y, 10.0)),
        ("raw pixels: starts far above ln 10", losses(255 * x, y, 0.001)),
        ("weights all zero: flat at ln 10 from the first step", losses(x, y, 0.1, 0.0)),
        (
            "softmax twice: falls, and cannot fall below 1.46",
            losses(x, y, 0.1, last=[nn.Softmax()]),
        ),
    ]
    fig, axes = plt.subplots(2, 3, figsize=(10.5, 5), sharex=True, sharey=True)
    for ax, (title, curve), color in zip(axes.flat, cases, nn.plots.PALETTE, strict=False):
        smooth = np.convolve(curve, np.ones(5) / 5, mode="valid")
        ax.plot(smooth, color=color)
        ax.axhline(math.log(10), color=nn.plots.GREY, linewidth=1, zorder=1)
        head, _, tail = title.partition(": ")
        ax.set_title(f"{head}:\n{tail}", fontsize=10)
    axes[0, 0].set_yscale("log")
    axes[0, 0].set_ylim(0.15, 300)
    for ax in axes[:, 0]:
        ax.set_ylabel("loss (nats, log scale)")
    for ax in axes[1]:
        ax.set_xlabel("step")
    axes[0, 0].text(300, 2.6, "ln 10", ha="right", color=nn.plots.GREY)
    fig.savefig(DOCS / "healthy_loss.png", dpi=100)


def draw_layers(x, y):
    """Draw the spread of outputs and slopes through seven layers, healthy and not."""
    sizes = [784, *[100] * 6, 10]
    starts = [("He: healthy", None, nn.ReLU), ("weights of 0.05", 0.05, nn.ReLU)]
    starts += [("weights of 0.3", 0.3, nn.ReLU), ("He, sigmoid units", None, nn.Sigmoid)]
    fig, axes = plt.subplots(1, 2, figsize=(10.5, 3.6))
    for (name, sigma, activation), style in zip(starts, ("-", ":", "--", "-."), strict=True):
        report = layer_statistics(network(sizes, sigma, activation), x[:1000], y[:1000])
        rows = [row for row in report if "Linear" in row.layer]
        axes[0].semilogy(
            range(1, 8), [row.standard_deviation for row in rows], style, marker="o", label=name
        )
        slopes = [row.gradient_standard_deviation for row in rows]
        axes[1].semilogy(range(1, 8), slopes, style, marker="o")
    axes[0].set(title="outputs", ylabel="standard deviation of z", xlabel="affine layer")
    axes[1].set(title="slopes", ylabel="standard deviation of dz", xlabel="affine layer")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside right center")
    fig.savefig(DOCS / "healthy_layers.png", dpi=100)


def main():
    """Draw both pictures."""
    nn.use_course_style()
    x, y, _, _ = nn.load_mnist()
    draw_losses(x, y)
    draw_layers(x, y)
    print("written: docs/healthy_loss.png, docs/healthy_layers.png")


if __name__ == "__main__":
    main()
