// A pad to draw a digit on, and what a network makes of it. No dependencies.
//
// In a notebook anywidget calls render({ model, el }). A web page may do the same with any object
// that has get(name), set(name, value), save_changes() and on("change:name", f); digit_network.js
// makes one that needs no kernel:
//
//   strokes  [[[x, y], ...], ...]   what is drawn; x from the left, y from the top, 0 to 1
//   prepare  true or false          whether the drawing is to be prepared as MNIST's were
//   shown    { pixels, layers, change, p, answer, runnerUp }   what the network answers, or {}
//
// A page at night sets --digit-pad-card, --digit-pad-text and --digit-pad-answer, which are colors.

const SIDE = 280;
const PEN = 0.08; // the width of the pen, as a fraction of the pad, as in drawing.py
const STEP = 0.02; // how far an arrow key moves the pen
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const BLUE = [0, 95, 160];
const ORANGE = [179, 88, 6];
const VIOLET = [84, 39, 136];
const ANSWER = "var(--digit-pad-answer, #005fa0)";

function element(tag, parent, properties = {}, style = {}) {
  const made = Object.assign(document.createElement(tag), properties);
  Object.assign(made.style, style);
  parent.append(made);
  return made;
}

function mix(color, share) {
  return color.map((value) => Math.round(255 + share * (value - 255)));
}

// One square for each value, in rows of `columns`, with a color made by `colorOf`.
function squares(canvas, values, columns, colorOf) {
  canvas.width = columns;
  canvas.height = Math.ceil(values.length / columns);
  const image = new ImageData(canvas.width, canvas.height);
  values.forEach((value, k) => image.data.set([...colorOf(value), 255], 4 * k));
  canvas.getContext("2d").putImageData(image, 0, 0);
}

function panel(parent, title) {
  const box = element("figure", parent, {}, { margin: "0", width: "128px" });
  const style = { margin: "0 0 2px", color: "inherit", font: "inherit", textAlign: "left" };
  const caption = element("figcaption", box, { textContent: title }, style);
  return { box, caption };
}

function picture(parent, title) {
  const { box, caption } = panel(parent, title);
  const style = { width: "126px", height: "126px", imageRendering: "pixelated" };
  const canvas = element("canvas", box, {}, { ...style, border: "1px solid #777", background: "#fff" });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", title);
  return { canvas, caption };
}

function render({ model, el }) {
  const row = { display: "flex", flexWrap: "wrap", gap: "14px", alignItems: "flex-start" };
  const colors = { color: "var(--digit-pad-text, #222)", background: "var(--digit-pad-card, #fff)" };
  const all = element("div", el, { className: "digit-pad" }, { ...row, ...colors });
  Object.assign(all.style, { padding: "8px", font: "13px sans-serif" });

  // The pad and its buttons
  const left = element("div", all, {}, { flex: "0 1 284px" });
  const pad = element("canvas", left, { width: SIDE, height: SIDE, tabIndex: 0 });
  const style = { display: "block", border: "2px solid #222", background: "#fff", maxWidth: "100%" };
  Object.assign(pad.style, { ...style, boxSizing: "border-box", cursor: "crosshair", touchAction: "none" });
  pad.setAttribute("role", "application");
  pad.setAttribute(
    "aria-label",
    "Pad to draw a digit on. Arrow keys move the pen, space sets it down or lifts it, Delete clears."
  );
  const clear = element("button", left, { textContent: "clear", type: "button" });
  const label = element("label", left, {}, { display: "block", marginTop: "6px" });
  const tick = element("input", label, { type: "checkbox" });
  label.append(" prepared as MNIST was");

  // What the network makes of it
  const panels = element("div", all, {}, { ...row, flex: "1 1 270px" });
  const sees = picture(panels, "what it sees");
  const hidden = element("div", panels, {}, { display: "contents" });
  const bars = panel(panels, "answer");
  const change = picture(panels, "what would change it");
  bars.caption.setAttribute("aria-live", "polite"); // read aloud when the answer changes

  let strokes = [];
  let pen = [0.5, 0.5]; // of the keyboard
  let down = false; // whether the keyboard's pen is down
  let drawing = null; // the pointer that draws
  let waiting = false; // for the answer to what was sent last
  let stale = false; // whether more was drawn since
  let sending = false; // whether the strokes change because they were drawn here
  let lastSent = 0;

  function draw() {
    const brush = pad.getContext("2d");
    brush.clearRect(0, 0, SIDE, SIDE);
    Object.assign(brush, { lineCap: "round", lineJoin: "round", lineWidth: PEN * SIDE });
    for (const stroke of strokes) {
      brush.beginPath();
      stroke.forEach(([x, y], k) => (k ? brush.lineTo : brush.moveTo).call(brush, x * SIDE, y * SIDE));
      if (stroke.length === 1) brush.lineTo(stroke[0][0] * SIDE, stroke[0][1] * SIDE);
      brush.stroke();
    }
    if (document.activeElement === pad) {
      brush.save();
      Object.assign(brush, { lineWidth: 2, strokeStyle: down ? "#b00020" : "#005fa0" });
      brush.beginPath();
      brush.arc(pen[0] * SIDE, pen[1] * SIDE, (PEN * SIDE) / 2, 0, 7);
      brush.stroke();
      brush.restore();
    }
  }

  // One message at a time is on its way, so that a slow network never falls behind the pen.
  function send() {
    stale = waiting && Date.now() - lastSent < 2000;
    if (stale) return;
    waiting = true;
    lastSent = Date.now();
    sending = true;
    model.set("strokes", strokes.map((stroke) => stroke.slice()));
    sending = false;
    model.save_changes();
  }

  function changed() {
    draw();
    send();
  }

  function show() {
    waiting = false;
    const { pixels = [], layers = [], change: slopes = [], p = [], answer, runnerUp } =
      model.get("shown") || {};
    squares(sees.canvas, pixels.length ? pixels : [0], pixels.length ? 28 : 1, (v) => mix([0, 0, 0], v / 255));
    squares(change.canvas, slopes.length ? slopes : [128], slopes.length ? 28 : 1, (v) =>
      mix(v > 128 ? ORANGE : VIOLET, Math.abs(v - 128) / 127)
    );
    hidden.replaceChildren();
    layers.forEach((layer, k) => {
      const { canvas } = picture(hidden, `layer ${k + 1}: ${layer.length} units`);
      squares(canvas, layer, Math.ceil(Math.sqrt(layer.length)), (v) => mix(BLUE, v / 255));
    });
    const said = p.length ? `answer: ${answer}` : "answer";
    if (bars.caption.textContent !== said) bars.caption.textContent = said;
    change.caption.textContent = p.length ? `orange: ink for a ${runnerUp}` : "what would change it";
    bars.box.querySelectorAll("div").forEach((line) => line.remove());
    p.forEach((share, k) => {
      const line = element("div", bars.box, {}, { display: "flex", alignItems: "center" });
      element("span", line, { textContent: k }, { width: "14px" });
      const width = `${Math.round(70 * share)}px`;
      element("span", line, {}, { width, height: "9px", background: k === answer ? ANSWER : "#777" });
      element("span", line, { textContent: ` ${Math.round(100 * share)} %` }, { marginLeft: "4px", whiteSpace: "nowrap" });
    });
    if (stale) send();
  }

  function place(event) {
    const box = pad.getBoundingClientRect();
    const along = (value, start, length) => Math.min(Math.max((value - start) / length, 0), 1);
    return [
      along(event.clientX, box.left + pad.clientLeft, pad.clientWidth),
      along(event.clientY, box.top + pad.clientTop, pad.clientHeight),
    ];
  }

  // Mouse, pen and touch are all pointers.
  pad.addEventListener("pointerdown", (event) => {
    if (drawing !== null || event.button > 0) return;
    drawing = event.pointerId;
    pad.setPointerCapture(drawing);
    down = false;
    pen = place(event);
    strokes.push([pen]);
    changed();
  });
  pad.addEventListener("pointermove", (event) => {
    if (event.pointerId !== drawing) return;
    pen = place(event);
    strokes[strokes.length - 1].push(pen);
    changed();
  });
  for (const end of ["pointerup", "pointercancel"]) {
    pad.addEventListener(end, (event) => {
      if (event.pointerId === drawing) drawing = null;
    });
  }

  pad.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in ARROWS) {
      const way = ARROWS[event.key];
      pen = pen.map((value, k) => Math.min(Math.max(value + STEP * way[k], 0), 1));
      if (down) strokes[strokes.length - 1].push(pen);
    } else if (event.key === " ") {
      down = !down;
      if (down) strokes.push([pen]);
    } else if (event.key === "Delete" || event.key === "Backspace") {
      strokes = [];
      down = false;
    } else {
      return;
    }
    // The notebook has uses of its own for these keys.
    event.preventDefault();
    event.stopPropagation();
    changed();
  });
  for (const kind of ["focus", "blur"]) pad.addEventListener(kind, draw);

  clear.addEventListener("click", () => {
    strokes = [];
    down = false;
    changed();
  });
  tick.addEventListener("change", () => {
    model.set("prepare", tick.checked);
    model.save_changes();
  });

  function take() {
    if (sending) return;
    strokes = (model.get("strokes") || []).map((stroke) => stroke.slice());
    down = false;
    draw();
  }
  model.on("change:strokes", take);
  model.on("change:shown", show);
  tick.checked = model.get("prepare");
  take();
  show();
}

export default { render };
