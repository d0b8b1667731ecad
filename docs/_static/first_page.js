// The pad on the first page: digits are drawn on it as by a hand, until the reader draws one.
"use strict";
{
  const TICK = 25; // milliseconds
  const place = document.getElementById("digit-pad");
  const model = window.digitNetwork.inPage(window.digitNetwork.load(window.digitWeights));
  window.digitPad.render({ model, el: place });

  let clock = 0; // of the drawing that is under way
  let next = 3;
  const stop = () => {
    clearInterval(clock);
    clock = 0;
  };

  // The first points of some strokes.
  function beginning(strokes, count) {
    const begun = [];
    for (const stroke of strokes) {
      if (count > 0) begun.push(stroke.slice(0, count));
      count -= stroke.length;
    }
    return begun;
  }

  function example() {
    stop();
    const strokes = window.digitStrokes[next];
    next = (next + 1) % 10;
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      model.put(strokes);
      return;
    }
    let count = 0;
    clock = setInterval(() => {
      count += 1;
      model.put(beginning(strokes, count));
      if (count >= strokes.flat().length) stop();
    }, TICK);
  }

  const button = document.createElement("button");
  Object.assign(button, { type: "button", textContent: "draw one for me" });
  place.querySelector("button").after(" ", button);
  button.addEventListener("click", example);

  // What the reader draws begins on an empty pad, not on top of the example.
  let examples = true;
  const takeOver = (event) => {
    if (event.target.tagName !== "CANVAS" || !examples || event.key === "Tab") return;
    stop();
    examples = false;
    model.put([]);
  };
  button.addEventListener("click", () => (examples = true));
  place.addEventListener("pointerdown", takeOver, true);
  place.addEventListener("keydown", takeOver, true);
  place.querySelector("button").addEventListener("click", stop);
  example();
}
