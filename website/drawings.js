// Reads drawings in the browser, and says why, as shuzi/serve/models.py does on a server.
import { request } from "./api.js";
import { scores as classify } from "./classifier.js";
import { CLASSES, PATCH, SIDE, THRESHOLD } from "./constants.js";
import { inkBox, normalise } from "./normalise.js";
import { decode, encode } from "./page.js";
import { probabilities } from "./mlp.js";
import { layout, render, scaleOf } from "./strokes.js";

const TEN = [...Array(CLASSES).keys()];
const TINY = 1e-20; // smaller probabilities are taken for it, so that their logarithm is finite
const PIXELS = SIDE * SIDE;

let templates = null; // the promise of {W: ten maps, b}

const softmaxRegression = () => (templates ??= request("model.json").then((reply) => reply.json()).then(({ models }) => ({
  maps: models.softmax.templates, b: models.softmax.bias,
  W: Float32Array.from({ length: PIXELS * CLASSES }, (_, i) => models.softmax.templates[i % CLASSES][Math.floor(i / CLASSES)]),
})));

/** Probabilities of the ten digits and of "no digit" for each of some 28x28s. */
async function scoresBy(model, images) {
  if (model !== "softmax") return classify(images);
  const { W, b } = await softmaxRegression();
  return images.map((image) => [...probabilities(image, [{ W, b }]), 0]);
}

function digitOf(image, scores, box) {
  const ten = scores.slice(0, CLASSES);
  const guess = ten.indexOf(Math.max(...ten));
  const sum = ten.reduce((total, p) => total + p, 0);
  const digit = ten[guess] >= THRESHOLD ? guess : null;
  return {
    digit, guess, confidence: ten[guess], is_digit: digit !== null || sum >= 0.5, digit_probability: sum,
    probabilities: ten.map((p) => (sum > 0 ? p / sum : 0.1)), box, image: encode(image),
  };
}

/** What a drawing says, as POST /api/read answers. drawing: {width, height, strokes}, or a PNG of one digit; single: it is one. */
export async function read(drawing, model, single) {
  return drawing instanceof Blob ? readPicture(drawing, model) : readStrokes(JSON.parse(drawing), model, single);
}

async function readStrokes({ width, height, strokes }, model, single) {
  const size = [Math.round(width), Math.round(height)];
  if (!strokes.length) return answer(model, [], [], size);
  const scale = scaleOf(strokes);
  const { lines, unread } = single ? { lines: [[[{ strokes }]]], unread: [] } : layout(strokes, scale);
  const groups = lines.flat(2);
  if (!groups.length) return answer(model, [], unread.map(corners), size);
  const inks = groups.map((group) => render(group.strokes, scale));
  const images = inks.map(normalise);
  const scores = await scoresBy(model, images);
  const digits = inks.map((ink, i) => digitOf(images[i], scores[i], onSheet(ink)));
  const of = (number, line) => ({ line, marks: [], digits: number.map((group) => digits[groups.indexOf(group)]) });
  return answer(model, lines.flatMap((line, at) => line.map((number) => of(number, at))), unread.map(corners), size);
}

/** A sample of MNIST is a 28x28 as it is; with strokes over it the picture is laid out anew. */
async function readPicture(png, model) {
  const bitmap = await createImageBitmap(png);
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d");
  context.drawImage(bitmap, 0, 0);
  const pixels = Uint8Array.from({ length: width * height }, ((data) => (_, i) => data[4 * i])(context.getImageData(0, 0, width, height).data));
  const image = width === SIDE ? pixels : normalise({ pixels, width, height });
  const [scores] = await scoresBy(model, [image]);
  return answer(model, [{ line: 0, marks: [], digits: [digitOf(image, scores, [0, 0, width, height])] }], [], [width, height]);
}

function answer(model, numbers, unread, size) {
  const texts = [];
  for (const number of numbers) {
    number.text = number.digits.map(({ digit }) => digit ?? "?").join("");
    texts[number.line] = texts[number.line] === undefined ? number.text : `${texts[number.line]} ${number.text}`;
  }
  return { model, text: texts.join("\n"), numbers, unread, size, pages: 1 };
}

const corners = ([left, top, right, bottom]) => [left, top, right - left, bottom - top].map(Math.round);

function onSheet(ink) {
  const [x, y, width, height] = inkBox(ink, 128).map((value) => value / ink.scale);
  return corners([x + ink.left, y + ink.top, x + width + ink.left, y + height + ink.top]);
}

// ---- why

/** Why a 28x28 is read as it is, as POST /api/explain answers. */
export async function explain(body, model) {
  const image = decode(JSON.parse(body).image);
  return model === "softmax" ? evidence(image) : occlusion(image);
}

/** Exact: each pixel value times its weight. */
async function evidence(image) {
  const { maps, b } = await softmaxRegression();
  const parts = maps.map((map) => map.map((weight, i) => (weight * image[i]) / 255));
  return { maps: parts, bias: b, logits: parts.map((map, k) => map.reduce((sum, value) => sum + value, b[k])) };
}

/** What each digit's logit loses when a patch is erased, averaged over the patches with a pixel. */
async function occlusion(image) {
  const patches = [];
  const reach = (PATCH - 1) / 2;
  for (let y = 0; y < SIDE; y++) for (let x = 0; x < SIDE; x++) {
    const patch = [];
    for (let v = Math.max(0, y - reach); v <= Math.min(SIDE - 1, y + reach); v++) {
      for (let u = Math.max(0, x - reach); u <= Math.min(SIDE - 1, x + reach); u++) patch.push(v * SIDE + u);
    }
    if (patch.some((pixel) => image[pixel])) patches.push(patch);
  }
  const erased = patches.map((patch) => image.map((ink, pixel) => (patch.includes(pixel) ? 0 : ink)));
  const [whole, ...others] = (await classify([image, ...erased])).map(logOdds);
  const counts = image.map((_, pixel) => patches.filter((patch) => patch.includes(pixel)).length);
  const maps = TEN.map(() => new Array(PIXELS).fill(0));
  patches.forEach((patch, i) => patch.filter((pixel) => image[pixel]).forEach((pixel) => TEN.forEach((k) => {
    maps[k][pixel] += (whole[k] - others[i][k]) / counts[pixel];
  })));
  return { maps, bias: null, logits: whole };
}

/** Each digit's log odds. The others are summed: 1 - 0.9999999 has no digits left. */
function logOdds(scores) {
  const others = (k) => scores.reduce((sum, p, other) => sum + (other === k ? 0 : p), 0);
  return TEN.map((k) => Math.log(Math.max(scores[k], TINY)) - Math.log(Math.max(others(k), TINY)));
}
