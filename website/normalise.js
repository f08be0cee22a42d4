// Lays a digit's ink out as 28x28, as shuzi/data/normalise.py does with OpenCV.
// Ink is {pixels: Uint8Array, 0 paper to 255 ink, row by row; width; height}.
import { BOX, MIN_INK, SIDE, THICK, THICKEST, THIN, THINNEST } from "./constants.js";

const make = (width, height) => ({ pixels: new Uint8Array(width * height), width, height });

/** Rounds to the nearest whole number, halves to the even one, as Python and OpenCV do. */
export function rint(value) {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 ? rounded - 1 : rounded;
}

const grey = (value) => Math.min(255, Math.max(0, rint(value)));

/** The box [x, y, width, height] of all pixels of `least` or more, or null. */
export function inkBox({ pixels, width }, least) {
  let [left, top, right, bottom] = [Infinity, Infinity, -1, -1];
  pixels.forEach((ink, i) => {
    if (ink < least) return;
    const [x, y] = [i % width, Math.floor(i / width)];
    [left, top, right, bottom] = [Math.min(left, x), Math.min(top, y), Math.max(right, x), Math.max(bottom, y)];
  });
  return right < 0 ? null : [left, top, right - left + 1, bottom - top + 1];
}

/** A copy of a part; what lies outside the ink is paper. */
function part(ink, left, top, width, height) {
  const copy = make(width, height);
  for (let y = Math.max(0, -top); y < Math.min(height, ink.height - top); y++) {
    for (let x = Math.max(0, -left); x < Math.min(width, ink.width - left); x++) {
      copy.pixels[y * width + x] = ink.pixels[(y + top) * ink.width + x + left];
    }
  }
  return copy;
}

function cropToInk(ink) {
  const box = inkBox(ink, MIN_INK);
  return box && part(ink, ...box);
}

// ---- resizing: each pixel of the result is a weighted mean of some of the source, along x and then along y

/** The source's pixels under each of the result's, by the area that they share. */
function areaWeights(from, to) {
  const scale = from / to;
  return Array.from({ length: to }, (_, i) => {
    const [start, end] = [i * scale, Math.min((i + 1) * scale, from)];
    const taps = [];
    for (let at = Math.floor(start); at < end - 1e-3; at++) {
      const share = Math.min(at + 1, end) - Math.max(at, start);
      if (share > 1e-3) taps.push([at, share / (end - start)]);
    }
    return taps;
  });
}

const A = -0.75; // OpenCV's cubic; its weights are multiples of 1/2048

/** The four pixels around each of the result's, by the cubic of R. G. Keys, IEEE Trans. ASSP 29 (1981). */
function cubicWeights(from, to, scale) {
  return Array.from({ length: to }, (_, i) => {
    const place = (i + 0.5) * scale - 0.5;
    const first = Math.floor(place);
    const x = place - first;
    const far = (t) => ((A * t - 5 * A) * t + 8 * A) * t - 4 * A;
    const near = (t) => ((A + 2) * t - (A + 3)) * t * t + 1;
    const weights = [far(x + 1), near(x), near(1 - x), 1 - far(x + 1) - near(x) - near(1 - x)];
    return weights.map((weight, k) => [Math.min(from - 1, Math.max(0, first - 1 + k)), rint(weight * 2048) / 2048]);
  });
}

function resample({ pixels, width }, columns, rows) {
  const resized = make(columns.length, rows.length);
  rows.forEach((taps, y) => columns.forEach((across, x) => {
    let sum = 0;
    for (const [row, share] of taps) for (const [column, part] of across) sum += share * part * pixels[row * width + column];
    resized.pixels[y * columns.length + x] = grey(sum);
  }));
  return resized;
}

const shrink = (ink, width, height) => resample(ink, areaWeights(ink.width, width), areaWeights(ink.height, height));

function enlarge(ink, width, height, zoomX = width / ink.width, zoomY = height / ink.height) {
  if (width === ink.width && height === ink.height) return ink;
  return resample(ink, cubicWeights(ink.width, width, 1 / zoomX), cubicWeights(ink.height, height, 1 / zoomY));
}

// ---- the stroke's width

// Steps to neighbours and their lengths (G. Borgefors, CVGIP 34 (1986)).
const STEPS = [[-1, 0, 1], [0, -1, 1], [-1, -1, 1.4], [1, -1, 1.4], [-2, -1, 2.1969], [2, -1, 2.1969], [-1, -2, 2.1969], [1, -2, 2.1969]];

/** The mean width of strokes: four times the mean distance of ink to paper; 0 for blank paper. */
function strokeWidth(ink) {
  const width = ink.width + 4; // two pixels of paper all around
  const { pixels } = part(ink, -2, -2, width, ink.height + 4);
  const distance = Float64Array.from(pixels, (value) => (value > 127 ? 1e9 : 0));
  const steps = STEPS.map(([x, y, length]) => [y * width + x, length]);
  const look = (i, side) => {
    if (!distance[i]) return;
    for (const [step, length] of steps) distance[i] = Math.min(distance[i], distance[i + side * step] + length);
  };
  for (let i = 0; i < distance.length; i++) look(i, 1);
  for (let i = distance.length - 1; i >= 0; i--) look(i, -1);
  const inside = distance.filter((value) => value > 0);
  return inside.length ? 4 * (inside.reduce((sum, value) => sum + value, 0) / inside.length - 0.5) : 0;
}

/** The darkest (1) or lightest (-1) ink under a disc around each pixel. */
function morph(ink, reach, sign) {
  const result = make(ink.width, ink.height);
  const spans = Array.from({ length: 2 * reach + 1 }, (_, i) => rint(Math.sqrt(reach * reach - (i - reach) ** 2)));
  for (let y = 0; y < ink.height; y++) {
    for (let x = 0; x < ink.width; x++) {
      let most = -256;
      spans.forEach((span, i) => {
        for (let dx = -span; dx <= span; dx++) {
          const [u, v] = [x + dx, y + i - reach];
          const paper = u < 0 || v < 0 || u >= ink.width || v >= ink.height;
          most = Math.max(most, sign * (paper ? 0 : ink.pixels[v * ink.width + u]));
        }
      });
      result.pixels[y * ink.width + x] = sign * most;
    }
  }
  return result;
}

/** Redraws a digit with a pen in MNIST's range; most digits are in it and return unchanged. */
function withStrokeInRange(ink) {
  const zoom = Math.max(1, (4 * BOX) / Math.max(ink.width, ink.height));
  const large = zoom > 1 ? enlarge(ink, rint(ink.width * zoom), rint(ink.height * zoom), zoom, zoom) : ink;
  const unit = Math.max(large.width, large.height) / BOX;
  const width = strokeWidth(large) / unit;
  const reach = rint((Math.abs((width < THINNEST ? THIN : THICK) - width) * unit) / 2);
  if ((THINNEST <= width && width <= THICKEST) || reach < 1) return ink;
  if (width < THINNEST) return morph(part(large, -reach, -reach, large.width + 2 * reach, large.height + 2 * reach), reach, 1);
  return cropToInk(morph(large, reach, -1)) ?? ink;
}

// ---- all of it

/** A digit's ink as MNIST has it, Uint8Array(784): in a box of 20x20, its centre of mass in the middle of 28x28. */
export function normalise(whole) {
  const digit = make(SIDE, SIDE);
  const cropped = cropToInk(whole);
  if (!cropped) return digit.pixels;
  const ink = withStrokeInRange(cropped);
  const scale = BOX / Math.max(ink.width, ink.height);
  const [width, height] = [ink.width, ink.height].map((side) => Math.max(1, rint(side * scale)));
  const small = (scale < 1 ? shrink : enlarge)(ink, width, height).pixels;
  const most = Math.max(1, ...small);
  const stretched = small.map((value) => grey((value * 255) / most));
  const [left, top] = corner(stretched, width, height);
  stretched.forEach((value, i) => (digit.pixels[(top + Math.floor(i / width)) * SIDE + left + (i % width)] = value));
  return digit.pixels;
}

/** Where to place a digit so that its centre of mass lies in the middle. */
function corner(pixels, width, height) {
  let [sum, x, y] = [0, 0, 0];
  pixels.forEach((ink, i) => {
    sum += ink;
    x += ink * (i % width);
    y += ink * Math.floor(i / width);
  });
  const place = (moment, side) => Math.min(SIDE - side, Math.max(0, rint(SIDE / 2 - moment / sum)));
  return [place(x, width), place(y, height)];
}
