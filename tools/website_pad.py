"""The pad of the first page: the network that answers it, and the script that a page loads.

    nnfromscratch train --out trained --json trained/result.json
    python -m tools.website_pad trained/model.npz

stores the trained network, rounded, as docs/digit_network.npz. Each layer has `w`, whole numbers
from -127 to 127, a `scale` for each of its units, and `b`: w times scale are the weights.
"""

import argparse
import base64
import json
import sys
from pathlib import Path

import numpy as np

from nnfromscratch import evaluate, load_mnist, mlp
from nnfromscratch._files import read_npz, replacing

ROOT = Path(__file__).resolve().parent.parent
STORED = ROOT / "docs" / "digit_network.npz"
WIDGETS = ROOT / "nnfromscratch" / "widgets"
LARGEST = 127
EXPORT = "export default "
MARK = "<!-- the pad -->"
PLACE = """<div id="digit-pad"><noscript>With JavaScript, a pad to draw on is here.</noscript></div>
<script src="_static/digit_pad.js" defer></script>
<script src="_static/first_page.js" defer></script>
"""


def rounded(params):
    """Return the parameters of a network (w1, b1, ...) with weights as whole numbers and scales."""
    kept = {}
    for k in range(1, len(params) // 2 + 1):
        w = params[f"w{k}"]
        scale = (np.abs(w).max(axis=0) / LARGEST).astype(np.float32)
        scale[scale == 0] = 1
        kept |= {f"w{k}": np.round(w / scale).astype(np.int8), f"scale{k}": scale}
        kept[f"b{k}"] = params[f"b{k}"]
    return kept


def network(stored):
    """Return the network of rounded parameters, ready to answer in NumPy."""
    depth = len(stored) // 3
    sizes = [len(stored["w1"]), *(len(stored[f"b{k}"]) for k in range(1, depth + 1))]
    model = mlp(sizes, rng=np.random.default_rng(0))
    for k in range(1, depth + 1):
        model.params[f"w{k}"][...] = stored[f"w{k}"] * stored[f"scale{k}"]
        model.params[f"b{k}"][...] = stored[f"b{k}"]
    return model


def script(stored):
    """Return the script that a page loads: the pad, the network and what it has learned.

    A page opened from a folder may load no modules and fetch nothing. So each module stands in a
    block of its own, its export under a name of the window, and the weights are text beside it.
    """
    parts = ['"use strict";']
    for name, file in {"digitPad": "digit_pad.js", "digitNetwork": "digit_network.js"}.items():
        text = (WIDGETS / file).read_text(encoding="utf-8")
        assert text.count(EXPORT) == 1, f"{file} must have one export"
        parts.append(f"{{\n{text.replace(EXPORT, f'window.{name} = ')}}}")
    layers = [
        {"inputs": len(w), "outputs": w.shape[1]}
        | {name: _text(stored[f"{name}{k}"]) for name in ("w", "scale", "b")}
        for k in range(1, len(stored) // 3 + 1)
        for w in [stored[f"w{k}"]]
    ]
    parts.append(f"window.digitWeights = {json.dumps({'layers': layers})};")
    strokes = json.loads((WIDGETS / "strokes.json").read_text(encoding="utf-8"))
    digits = [strokes[str(k)] for k in range(10)]
    parts.append(f"window.digitStrokes = {json.dumps(digits, separators=(',', ':'))};\n")
    return "\n".join(parts)


def _text(array):
    """Return an array's bytes, in the order of almost all processors, as base64."""
    little = array.astype(array.dtype.newbyteorder("<"))
    return base64.b64encode(little.tobytes()).decode("ascii")


def main(arguments=None):
    """Round a trained network, store it and say what that costs; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.website_pad", description=__doc__)
    parser.add_argument("model", type=Path, help="model.npz of nnfromscratch train")
    parser.add_argument("--out", type=Path, default=STORED, help="(docs/digit_network.npz)")
    options = parser.parse_args(arguments)
    params = read_npz("website_pad", options.model)
    stored = rounded(params)
    with replacing(options.out) as file:
        np.savez_compressed(file, **stored)
    *_, x, y = load_mnist()
    original = network({**params, **{name: np.float32(1) for name in stored if "scale" in name}})
    errors = [evaluate(model, x, y)[1] for model in (original, network(stored))]
    print(f"{options.out}: {options.out.stat().st_size / 1e3:.0f} kB, test error "
          f"{errors[1]:.2%}, and {errors[0]:.2%} before it was rounded")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
