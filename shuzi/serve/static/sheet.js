// The drawing sheet. A stroke is a list of [x, y, pressure]; the sheet is TALL units high.
import { ARROWS, decode, post } from "./page.js";

const TALL = 1000;
const PEN = 58; // units; as MNIST's strokes in a digit two fifths of the sheet high
const STEP = 25; // units per key press
const FINE = 8;

export class Sheet {
  #canvas;
  #changed;
  #pointers = new Map();
  #pen = null; // the keyboard's pen: {x, y, down}
  #frame = 0;
  #colour = "";
  strokes = [];
  turn = 0; // counts changes and requests for samples
  sample = null; // {image: Uint8Array(784), label, index} under the strokes

  constructor(canvas, changed) {
    this.#canvas = canvas;
    this.#changed = changed;
    const up = (event) => this.#up(event);
    Object.assign(canvas, {
      tabIndex: 0, role: "application", ariaLabel: "Drawing sheet: arrow keys move the pen, Space lowers or lifts it",
      onpointerdown: (event) => this.#down(event), onpointermove: (event) => this.#move(event),
      onpointerup: up, onpointercancel: up, onlostpointercapture: up,
      onkeydown: (event) => this.#key(event), oncontextmenu: (event) => event.preventDefault(),
      onblur: () => {
        this.#pen = null;
        this.#redraw();
      },
    });
    canvas.dataset.zhLabel = "画板：方向键移动画笔，空格键落笔或提笔";
    new ResizeObserver(() => this.#fit()).observe(canvas);
  }

  get empty() {
    return !this.strokes.length && !this.sample;
  }

  get drawing() {
    return this.#pointers.size > 0;
  }

  get width() {
    return Math.round((TALL * this.#canvas.clientWidth) / Math.max(1, this.#canvas.clientHeight));
  }

  clear() {
    this.show(null);
  }

  undo() {
    if (this.strokes.length) this.strokes.pop();
    else this.sample = null;
    this.#pointers.clear();
    if (this.#pen) this.#pen.down = false;
    this.#touch();
  }

  /** Shows a sample instead; null clears the sheet. */
  show(sample) {
    this.strokes = [];
    this.sample = sample;
    this.#pointers.clear();
    this.#pen = null;
    this.#touch();
  }

  /** Takes the ink's colour from the page's theme. */
  dress() {
    this.#colour = getComputedStyle(this.#canvas).color;
    this.#redraw();
  }

  /** Shrinks the drawing to a sheet that has become too narrow for it, as when a phone is turned. */
  #fit() {
    const part = (this.width - PEN) / this.strokes.flat().reduce((right, [x]) => Math.max(right, x), 1);
    if (this.#canvas.clientWidth && part < 1) {
      for (const point of this.strokes.flat()) [point[0], point[1]] = [point[0] * part, point[1] * part];
    }
    this.#paint();
  }

  #redraw() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#paint();
    });
  }

  #key(event) {
    const move = ARROWS[event.key];
    if ((!move && event.key !== " ") || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.#pen ??= { x: Math.round(this.width / 2), y: TALL / 2, down: false };
    const pen = this.#pen;
    if (move) {
      const step = event.shiftKey ? FINE : STEP;
      pen.x = Math.min(this.width, Math.max(0, pen.x + move[0] * step));
      pen.y = Math.min(TALL, Math.max(0, pen.y + move[1] * step));
      if (pen.down) this.strokes.at(-1).push([pen.x, pen.y, 0.5]);
    } else {
      pen.down = !pen.down;
      if (pen.down) this.strokes.push([[pen.x, pen.y, 0.5]]);
    }
    if (pen.down) this.#touch();
    else this.#redraw();
  }

  #point(event) {
    const box = this.#canvas.getBoundingClientRect();
    const unit = TALL / box.height;
    // only a pen's pressure means something
    const pressure = event.pointerType === "pen" && event.pressure > 0 ? event.pressure : 0.5;
    const round = (value) => Math.round(value * unit * 10) / 10;
    return [round(event.clientX - box.left), round(event.clientY - box.top), Math.round(pressure * 100) / 100];
  }

  #down(event) {
    if (event.button !== 0) return;
    this.#canvas.setPointerCapture(event.pointerId);
    this.#pen = null;
    const stroke = [this.#point(event)];
    this.strokes.push(stroke);
    this.#pointers.set(event.pointerId, stroke);
    this.#touch();
  }

  #move(event) {
    const stroke = this.#pointers.get(event.pointerId);
    if (!stroke) return;
    // a fast hand makes several points per frame
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) stroke.push(this.#point(each));
    this.#touch();
  }

  #up(event) {
    if (this.#pointers.delete(event.pointerId)) this.#touch();
  }

  #touch() {
    this.turn++;
    this.#redraw();
    this.#changed();
  }

  #paint() {
    const canvas = this.#canvas;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((each) => Math.round(each * devicePixelRatio));
    if (!width || !height) return;
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    const ink = canvas.getContext("2d");
    ink.reset();
    ink.scale(height / TALL, height / TALL);
    this.#draw(ink, this.#colour);
    if (this.#pen) this.#paintPen(ink);
  }

  #draw(ink, colour) {
    const size = TALL * 0.86;
    ink.imageSmoothingQuality = "high";
    if (this.sample) ink.drawImage(tinted(this.sample.image, colour), (this.width - size) / 2, (TALL - size) / 2, size, size);
    ink.strokeStyle = ink.fillStyle = colour;
    ink.lineCap = ink.lineJoin = "round";
    for (const stroke of this.strokes) paintStroke(ink, stroke);
  }

  #paintPen(ink) {
    const { x, y, down } = this.#pen;
    ink.beginPath();
    ink.lineWidth = 6;
    ink.strokeStyle = getComputedStyle(this.#canvas).outlineColor;
    ink.arc(x, y, PEN / 2 + 10, 0, 7);
    if (!down) ink.setLineDash([16, 12]);
    ink.stroke();
  }

  /** What the reader gets: strokes, or a PNG, white on black, if there is a sample. */
  async body() {
    if (!this.sample) return { width: this.width, height: TALL, strokes: this.strokes.map((stroke) => [...stroke]) }; // they grow
    const bare = !this.strokes.length;
    const side = bare ? 28 : 140;
    const canvas = new OffscreenCanvas(bare ? side : Math.round((side * this.width) / TALL), side);
    const ink = canvas.getContext("2d");
    ink.fillRect(0, 0, canvas.width, side);
    if (bare) ink.drawImage(tinted(this.sample.image, "#fff"), 0, 0);
    else {
      ink.scale(side / TALL, side / TALL);
      this.#draw(ink, "#fff");
    }
    return canvas.convertToBlob({ type: "image/png" });
  }

  /** The reader's 28x28 of the sheet, or null. */
  async image() {
    if (this.empty) return null;
    if (this.sample && !this.strokes.length) return this.sample.image;
    const page = await post("api/read?detail=true&single=true&model=softmax", await this.body());
    const digit = page.numbers[0]?.digits[0];
    return digit ? decode(digit.image) : null;
  }
}

function paintStroke(ink, stroke) {
  const wide = ([, , pressure]) => PEN * (0.5 + pressure);
  const [first] = stroke;
  if (stroke.length === 1) {
    ink.beginPath();
    ink.arc(first[0], first[1], wide(first) / 2, 0, 7);
    ink.fill();
    return;
  }
  const even = stroke.every((point) => point[2] === first[2]);
  ink.lineWidth = wide(first);
  ink.beginPath();
  ink.moveTo(first[0], first[1]);
  // smooth curves through the midpoints
  for (let i = 1; i < stroke.length; i++) {
    const [a, b] = [stroke[i - 1], stroke[i]];
    const middle = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
    ink.quadraticCurveTo(a[0], a[1], middle[0], middle[1]);
    if (even) continue;
    ink.lineWidth = (wide(a) + wide(b)) / 2;
    ink.stroke();
    ink.beginPath();
    ink.moveTo(middle[0], middle[1]);
  }
  const last = stroke.at(-1);
  ink.lineTo(last[0], last[1]);
  ink.stroke();
}

/** A 28x28 as a canvas of one colour, its values as opacity. */
function tinted(image, colour) {
  const canvas = new OffscreenCanvas(28, 28);
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(28, 28);
  image.forEach((ink, i) => (pixels.data[4 * i + 3] = ink));
  context.putImageData(pixels, 0, 0);
  context.globalCompositeOperation = "source-in";
  context.fillStyle = colour;
  context.fillRect(0, 0, 28, 28);
  return canvas;
}
