// A 28x28 with one chosen pixel.
import { ARROWS } from "./page.js";
import { paintInk } from "./view.js";

const SIDE = 28;
const CELL = 12; // canvas pixels per pixel
const within = (at) => Math.min(SIDE - 1, Math.max(0, at));

export class Grid {
  #canvas;
  at = 14 * SIDE + 14;

  /** chosen(): a pixel was chosen; act(at): one was clicked, or Space pressed. */
  constructor(canvas, chosen, act = () => {}) {
    this.#canvas = canvas;
    Object.assign(canvas, { width: SIDE * CELL, height: SIDE * CELL, tabIndex: 0, role: "application" });
    canvas.onclick = ({ offsetX, offsetY }) => {
      const place = (offset) => within(Math.floor((SIDE * offset) / canvas.clientWidth));
      this.at = place(offsetY) * SIDE + place(offsetX);
      act(this.at);
      chosen();
    };
    canvas.onkeydown = (event) => {
      const move = ARROWS[event.key];
      if (!move && event.key !== " ") return;
      event.preventDefault();
      if (move) this.at = within(Math.floor(this.at / SIDE) + move[1]) * SIDE + within((this.at % SIDE) + move[0]);
      else act(this.at);
      chosen();
    };
  }

  /** Paints pixel values; frames `marked` pixels and the chosen one. */
  paint(inks, marked = []) {
    const small = new OffscreenCanvas(SIDE, SIDE);
    paintInk(small, inks);
    const context = this.#canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.drawImage(small, 0, 0, SIDE * CELL, SIDE * CELL);
    context.strokeStyle = getComputedStyle(this.#canvas).color;
    const frame = (at, width) => {
      context.lineWidth = width;
      context.strokeRect((at % SIDE) * CELL + 1, Math.floor(at / SIDE) * CELL + 1, CELL - 2, CELL - 2);
    };
    for (const at of marked) frame(at, 2);
    frame(this.at, 4);
  }
}
