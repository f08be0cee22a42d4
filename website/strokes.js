// Strokes of a pen to digits and to pictures of them, as shuzi/serve/strokes.py draws them with OpenCV.
// A stroke is a list of [x, y, pressure], y down, in units of the sheet.
import { BEST_SIZE, MARGIN, MOST_PIXELS, PEN, SHORT, TALL } from "./constants.js";
import { rint } from "./normalise.js";

const JOINED = 0.4; // of the narrower one's width: strokes above one another by so much are of one digit
const APART = 0.35; // of a digit's size: strokes with more paper between them, up and down, are of two
const DOT = 0.25; // of a digit's size: what is smaller is no digit
const GAP = 1.2; // digits' sizes of paper between two numbers

/** The box [left, top, right, bottom] of some points. */
function bounds(points) {
  const [x, y] = [0, 1].map((axis) => points.map((point) => point[axis]));
  return [Math.min(...x), Math.min(...y), Math.max(...x), Math.max(...y)];
}

const side = ([left, top, right, bottom]) => Math.max(right - left, bottom - top);

/** What all strokes of a sheet are drawn with: a digit's size, and pixels per unit. */
export function scaleOf(strokes) {
  const sides = strokes.map((stroke) => side(bounds(stroke))).sort((a, b) => a - b);
  const place = ((sides.length - 1) * TALL) / 100; // of the percentile
  const [below, above] = [sides[Math.floor(place)], sides[Math.ceil(place)]];
  const [left, top, right, bottom] = bounds(strokes.flat());
  const digit = Math.max(below + (above - below) * (place % 1), side([left, top, right, bottom]) / 100, 1e-3);
  const area = (right - left + 2 * MARGIN * digit) * (bottom - top + 2 * MARGIN * digit);
  return { digit, scale: Math.min(BEST_SIZE / digit, Math.sqrt(MOST_PIXELS / area)) };
}

/** The ink of strokes: {pixels, width, height}, and where it begins on the sheet. */
export function render(strokes, { digit, scale }) {
  const [low, high] = [bounds(strokes.flat()).slice(0, 2), bounds(strokes.flat()).slice(2)];
  const [left, top] = low.map((edge) => edge - MARGIN * digit);
  const [width, height] = [0, 1].map((axis) => Math.ceil((high[axis] - low[axis] + 2 * MARGIN * digit) * scale));
  const ink = { pixels: new Uint8Array(width * height), width, height, left, top, scale };
  for (const stroke of strokes) {
    const pen = PEN * digit * scale * Math.min(Math.max(side(bounds(stroke)) / digit, SHORT), 1);
    const points = stroke.map(([x, y, pressure]) => [(x - left) * scale, (y - top) * scale, halfWidth(rint(pen * (0.5 + pressure)))]);
    points.forEach((point, i) => drawLine(ink, points[Math.max(0, i - 1)], point));
  }
  return ink;
}

/** Half the width of OpenCV's smooth lines of a thickness, as measured. */
const halfWidth = (thickness) => (thickness < 2 ? 0.65 : Math.floor((thickness + 1) / 2) + 0.7);

/** Draws a line with round ends, `pen` to both sides; a pixel on its edge has as much ink as lies in it. */
function drawLine({ pixels, width, height }, [x, y], [u, v, pen]) {
  const reach = pen + 0.5;
  const length = (u - x) ** 2 + (v - y) ** 2;
  for (let row = Math.max(0, Math.ceil(Math.min(y, v) - reach)); row <= Math.min(height - 1, Math.max(y, v) + reach); row++) {
    for (let column = Math.max(0, Math.ceil(Math.min(x, u) - reach)); column <= Math.min(width - 1, Math.max(x, u) + reach); column++) {
      const along = length ? Math.min(1, Math.max(0, ((column - x) * (u - x) + (row - y) * (v - y)) / length)) : 0;
      const distance = Math.hypot(column - x - along * (u - x), row - y - along * (v - y));
      const ink = Math.round(255 * Math.min(1, reach - distance));
      if (ink > pixels[row * width + column]) pixels[row * width + column] = ink;
    }
  }
}

/** A box that the pen's width makes larger. */
const inked = (stroke, pen) => bounds(stroke).map((edge, i) => edge + (i < 2 ? -pen : pen) / 2);

function belong([a, b, c, d], [left, top, right, bottom], digit) {
  const across = Math.min(c, right) - Math.max(a, left);
  return across > JOINED * Math.min(c - a, right - left) && Math.max(b, top) - Math.min(d, bottom) < APART * digit;
}

/** Groups strokes to digits: each a list of strokes. Those above one another are of one digit. */
function grouped(strokes, digit) {
  const groups = [];
  for (const stroke of strokes) {
    const box = inked(stroke, PEN * digit);
    const own = groups.filter((group) => belong(group.box, box, digit));
    const all = [...own.flatMap((group) => group.strokes), stroke];
    own.forEach((group) => groups.splice(groups.indexOf(group), 1));
    groups.push({ strokes: all, box: inked(all.flat(), PEN * digit) });
  }
  return groups;
}

/** The digits of a sheet in lines of numbers, and boxes of what is too small: {lines: [[[{strokes, box}]]], unread}. */
export function layout(strokes, { digit }) {
  const groups = grouped(strokes, digit);
  const small = groups.filter(({ box }) => side(box) < DOT * digit);
  const lines = [];
  const middle = ({ box: [, top, , bottom] }) => (top + bottom) / 2;
  for (const group of groups.filter((each) => !small.includes(each)).sort((a, b) => middle(a) - middle(b))) {
    const line = lines.at(-1);
    if (line && middle(group) < line.reduce((sum, each) => sum + each.box[3], 0) / line.length) line.push(group);
    else lines.push([group]);
  }
  return { lines: lines.map((line) => numbers(line, digit)), unread: small.map(({ box }) => box) };
}

function numbers(line, digit) {
  const parts = [];
  let end = -Infinity;
  for (const group of line.sort((a, b) => a.box[0] - b.box[0])) {
    if (group.box[0] - end > GAP * digit) parts.push([]);
    parts.at(-1).push(group);
    end = Math.max(end, group.box[2]);
  }
  return parts;
}
