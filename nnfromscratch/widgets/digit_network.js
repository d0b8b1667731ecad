// A trained network that answers drawings in a page without Python. No dependencies.
//
// It does what draw_strokes and prepare_digit of drawing.py and read_strokes of widgets/__init__.py
// do, in their order and names; tests/test_website_pad.py holds it to them.

const FINE = 112; // pixels along the pad before a drawing is prepared
const PEN = 0.08; // the width of the pen, as a fraction of the pad
const BOX = 20;
const SIDE = 28;

const sum = (values) => values.reduce((total, value) => total + value, 0);
const clip = (value, low, high) => Math.min(Math.max(value, low), high);

// Python rounds a tie to the even neighbor, JavaScript upwards.
function toEven(value) {
  const below = Math.floor(value);
  if (value - below === 0.5) return below % 2 ? below + 1 : below;
  return Math.round(value);
}

const toMillionth = (value) => toEven(value * 1e6) / 1e6;

// { layers: [{ inputs, outputs, w, scale, b }] }: w in whole numbers from -127 to 127, a scale for
// each unit, all in base64.
function load(stored) {
  const buffer = (text) => Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0)).buffer;
  return stored.layers.map(({ inputs, outputs, w, scale, b }) => {
    const scales = new Float32Array(buffer(scale));
    const weights = Float32Array.from(new Int8Array(buffer(w)), (v, k) => v * scales[k % outputs]);
    return { inputs, outputs, w: weights, b: new Float32Array(buffer(b)) };
  });
}

// z = a w + b
function linear({ outputs, w, b }, a) {
  const z = Float64Array.from(b);
  a.forEach((value, d) => {
    if (value) for (let h = 0; h < outputs; h++) z[h] += value * w[d * outputs + h];
  });
  return z;
}

// da = dz w^T
function linearBackward({ inputs, outputs, w }, dz) {
  const da = new Float64Array(inputs);
  for (let d = 0; d < inputs; d++) {
    let total = 0;
    for (let h = 0; h < outputs; h++) total += dz[h] * w[d * outputs + h];
    da[d] = total;
  }
  return da;
}

function softmax(z) {
  const largest = Math.max(...z);
  const powers = z.map((value) => Math.exp(value - largest));
  const total = sum(powers);
  return powers.map((power) => power / total);
}

function answer(layers, pixels) {
  const activations = [];
  let a = pixels;
  layers.forEach((layer, k) => {
    a = linear(layer, a);
    if (k < layers.length - 1) activations.push((a = a.map((z) => Math.max(z, 0))));
  });
  return { activations, p: softmax(a) };
}

function read(layers, strokes, prepare = true) {
  const pixels = prepare ? prepareDigit(drawStrokes(strokes, FINE)) : drawStrokes(strokes, SIDE);
  const { activations, p } = answer(layers, pixels);
  const [first, second] = Array.from(p.keys()).sort((i, j) => p[j] - p[i]);
  let slopes = p.map((_, c) => (c === second) - (c === first));
  for (let k = layers.length - 1; k >= 0; k--) {
    slopes = linearBackward(layers[k], slopes);
    if (k) slopes = slopes.map((slope, h) => (activations[k - 1][h] > 0 ? slope : 0));
  }
  return { pixels, activations, p, change: slopes, answer: first, runnerUp: second };
}

// What digit_pad.js draws, each value from 0 to 255, 128 standing for no slope.
function asBytes(reading) {
  const largest = (values) => Math.max(1e-30, ...values.map(Math.abs));
  const scaled = (values, factor, middle = 0) =>
    Array.from(values, (value) => clip(toEven(middle + factor * value), 0, 255));
  return {
    ...reading,
    pixels: scaled(reading.pixels, 255),
    layers: reading.activations.map((a) => scaled(a, 255 / largest(a))),
    change: scaled(reading.change, 127 / largest(reading.change), 128),
    p: Array.from(reading.p),
  };
}

// Ink of a round pen, (side, side): only the pixels that a line can reach are visited.
function drawStrokes(strokes, side, width = PEN) {
  const nearest = new Float64Array(side * side).fill(Infinity);
  const reach = width / 2 + 1 / side;
  for (const stroke of strokes) {
    stroke.forEach((start, k) => inkLine(nearest, side, reach, start, stroke[k + 1] || start));
  }
  const ink = (distance) => clip(toMillionth(0.5 + (width / 2 - distance) * side), 0, 1);
  return Float32Array.from(nearest, (distance) => (distance < reach ? ink(distance) : 0));
}

function inkLine(nearest, side, reach, [x0, y0], [x1, y1]) {
  const [wayX, wayY] = [x1 - x0, y1 - y0];
  const length = wayX * wayX + wayY * wayY;
  const first = (a, b) => Math.max(Math.floor((Math.min(a, b) - reach) * side), 0);
  const last = (a, b) => Math.min(Math.ceil((Math.max(a, b) + reach) * side), side);
  for (let row = first(y0, y1); row < last(y0, y1); row++) {
    for (let column = first(x0, x1); column < last(x0, x1); column++) {
      const [x, y] = [(column + 0.5) / side - x0, (row + 0.5) / side - y0];
      const share = length ? clip((x * wayX + y * wayY) / length, 0, 1) : 0;
      const distance = Math.sqrt((x - share * wayX) ** 2 + (y - share * wayY) ** 2);
      const place = row * side + column;
      if (distance < nearest[place]) nearest[place] = distance;
    }
  }
}

// A drawing, (side, side), in the form of MNIST's images, (784,).
function prepareDigit(image) {
  const side = Math.sqrt(image.length);
  const lines = Array.from({ length: side }, (_, row) => image.slice(row * side, (row + 1) * side));
  const inked = (rows) => {
    const found = rows.map((row) => row.some((ink) => ink > 0));
    return [found.indexOf(true), found.lastIndexOf(true) + 1];
  };
  const [top, bottom] = inked(lines);
  const [left, right] = inked(transposed(lines));
  const ink = lines.slice(top, bottom).map((row) => Array.from(row.slice(left, right)));
  const longer = Math.max(bottom - top, right - left);
  const size = (length) => Math.max(1, toEven((BOX * length) / longer));
  const columns = transposed(averages(ink, size(bottom - top)));
  const small = transposed(averages(columns, size(right - left)));
  const [down, along] = [small, transposed(small)].map((rows) => startOf(rows.map(sum)));
  const prepared = new Float32Array(SIDE * SIDE);
  small.forEach((row, k) => prepared.set(row, (down + k) * SIDE + along));
  return prepared;
}

const transposed = (rows) => Array.from(rows[0], (_, k) => rows.map((row) => row[k]));

// Average rows over `count` equal intervals.
function averages(rows, count) {
  const scale = rows.length / count;
  return Array.from({ length: count }, (_, k) => {
    const [start, end] = [(k * rows.length) / count, ((k + 1) * rows.length) / count];
    const total = new Array(rows[0].length).fill(0);
    for (let row = Math.floor(start); row < Math.min(Math.ceil(end), rows.length); row++) {
      const overlap = (Math.min(end, row + 1) - Math.max(start, row)) / scale;
      rows[row].forEach((ink, column) => (total[column] += overlap * ink));
    }
    return total;
  });
}

// Where a line of ink has to begin so that its center of mass lies at SIDE / 2.
function startOf(ink) {
  const center = sum(ink.map((value, k) => value * k)) / sum(ink);
  return clip(toEven(toMillionth(SIDE / 2 - center)), 0, SIDE - ink.length);
}

// The `model` that digit_pad.js asks for, answered in the page itself.
function inPage(layers) {
  const values = { strokes: [], prepare: true, shown: {} };
  const listeners = {};
  const model = {
    get: (name) => values[name],
    set: (name, value) => (values[name] = value),
    on: (what, listener) => (listeners[what] = listener),
    save_changes() {
      const { strokes, prepare } = values;
      values.shown = strokes.length ? asBytes(read(layers, strokes, prepare)) : {};
      listeners["change:shown"]();
    },
    put(strokes) {
      values.strokes = strokes;
      listeners["change:strokes"]();
      model.save_changes();
    },
  };
  return model;
}

export default { load, answer, read, asBytes, drawStrokes, prepareDigit, inPage };
