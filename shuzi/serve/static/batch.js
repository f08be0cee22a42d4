// One batch: every number of the next step, forward and backward.
import { Grid } from "./grid.js";
import { CLASSES, PIXELS, backward, column, columns, copy, crossEntropy, forward, inked, softmax, step } from "./mlp.js";
import { $, on, say } from "./page.js";
import { t } from "./text.js";
import { choose, chosenUnit, onUnit } from "./units.js";
import * as view from "./view.js";
import { number } from "./view.js";

let taken = null; // of the batch: {z, p, delta, h, a, delta1, change, mean, mosaic}
let now = null; // the worker's last report
const image = new Grid($("image"), paint);

/** What the cards show; the step is taken on a copy. */
function compute({ layers, lr, batch: { images, labels } }) {
  const x = inked(images);
  const { inputs, z } = forward(x, layers);
  const rows = [...labels.keys()];
  const own = (values, i, width = CLASSES) => values.slice(i * width, (i + 1) * width);
  const logits = rows.map((i) => own(z, i));
  const p = logits.map((each) => softmax(each.slice()));
  const delta = p.map((each, i) => each.map((value, k) => value - (k === labels[i])));
  const after = copy(layers);
  const mean = step(x, labels, after, lr);
  const change = layers.map(({ W }, at) => after[at].W.map((w, n) => w - W[n]));
  if (layers.length === 1) return { z: logits, p, delta, change, mean };
  const width = layers[0].b.length;
  const a = forward(x, layers.slice(0, 1)).z; // before ReLU
  const delta1 = backward(Float32Array.from(delta.flatMap((each) => [...each])), layers[1], inputs[1]);
  return { z: logits, p, delta, change, mean, a: rows.map((i) => own(a, i, width)), delta1: rows.map((i) => own(delta1, i, width)) };
}

/** Shows the next batch. */
export function showBatch(next) {
  if (next === now && taken) return;
  taken = null;
  now = next;
  paint();
}

const chosenImage = () => now.batch.images.subarray(PIXELS * $("which").valueAsNumber, PIXELS * ($("which").valueAsNumber + 1));

function paint() {
  if (!now?.batch) return;
  const { layers, batch } = now;
  if (!taken) {
    taken = compute(now);
    $("which").max = batch.labels.length - 1;
  }
  if (!taken.mosaic) showMosaic();
  const i = $("which").valueAsNumber;
  const deep = layers.length === 2 && { a: taken.a[i], h: taken.a[i].map((each) => Math.max(0, each)), delta1: taken.delta1[i] };
  showImage(i);
  if (deep) showHidden(deep);
  showLogits(i, deep);
  showLoss(i);
  if (deep) showBackward(i, deep);
  showSteps(deep);
}

function showImage(i) {
  const { labels, rows } = now.batch;
  say("which-said", t("{i} of {m}: training image {row}, label {label}", "{m} 张中的第 {i} 张：训练集 {row} 号（从 0 起），标签 {label}", { i: i + 1, m: labels.length, row: rows[i], label: labels[i] }));
  outline(i);
  const ink = chosenImage();
  image.paint(ink);
  view.paintInk($("row"), ink);
  const at = image.at;
  say("pixel", t("Row {r}, column {c} (from 0): index {at} of the flattened image. Pixel value {ink} of 255, so x = {x}.", "行 {r}、列 {c}（从 0 起），展平后的下标为 {at}。像素值 {ink}（最大 255），即 x = {x}。", { r: Math.floor(at / 28), c: at % 28, at, ink: ink[at], x: number(ink[at] / 255, 4) }));
}

/** The hidden layer, and one of its units. */
function showHidden({ a, h }) {
  const [{ W, b }] = now.layers;
  const [j, at, ink] = [chosenUnit(), image.at, chosenImage()];
  const w = W[at * b.length + j];
  view.fitMap($("hidden-map"), column(W, j, b.length).map((each, pixel) => (each * ink[pixel]) / 255));
  $("hidden-sum").replaceChildren(...view.named([["x", ink[at] / 255, 4], ["w", w, 4], ["xw", (w * ink[at]) / 255, 4], ["Σ", a[j] - b[j]], ["b", b[j]], ["Σ + b", a[j]], ["h", h[j]]]));
  showAll("hidden-all", h);
  $("unit-at").max = b.length - 1;
  $("unit-at").value = j;
  say("unit-said", t("{j} (from 0); {n} of {all} fire for this image", "{j} 号（从 0 起）；这张图像激活了 {all} 个中的 {n} 个", { j, n: h.filter((each) => each > 0).length, all: b.length }));
}

/** A cell for each hidden unit; the chosen one is framed. */
function showAll(id, values) {
  const small = new OffscreenCanvas(1, 1);
  const wide = view.across(values.length);
  [small.width, small.height] = [wide, values.length / wide];
  view.paintMap(small, values, view.most([values]));
  const canvas = $(id);
  Object.assign(canvas, { width: 24 * wide, height: 24 * small.height });
  canvas.style.aspectRatio = `${wide} / ${small.height}`;
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, canvas.width, canvas.height);
  context.strokeStyle = getComputedStyle($("image")).color;
  context.lineWidth = 4;
  context.strokeRect(24 * (chosenUnit() % wide) + 2, 24 * Math.floor(chosenUnit() / wide) + 2, 20, 20);
}

function showLogits(i, deep) {
  const { W, b } = now.layers.at(-1);
  const [z, j, at, ink] = [taken.z[i], chosenUnit(), image.at, chosenImage()];
  const [name, product, value, row] = deep ? ["h", "hw", deep.h[j], j] : ["x", "xw", ink[at] / 255, at];
  const into = deep ? deep.h : Float32Array.from(ink, (each) => each / 255);
  const weight = (k) => W[row * CLASSES + k];
  view.lay("ten-logits", [columns(W).map((each) => each.map((w, n) => w * into[n]))], (k) => [
    [name, value, 4], ["w", weight(k), 4], [product, value * weight(k), 4], ["Σ", z[k] - b[k]], ["b", b[k]], ["z", z[k]],
  ], now.batch.labels[i]);
}

function showLoss(i) {
  const label = now.batch.labels[i];
  const [z, p, delta] = [taken.z[i], taken.p[i], taken.delta[i]];
  const top = Math.max(...z);
  const exps = z.map((value) => Math.exp(value - top));
  view.lay("ten-softmax", [], (k) => [["z", z[k]], ["e", exps[k]], ["p", p[k]]], label);
  say("sum", t("First the largest logit, {top}, is subtracted from all ten. This cancels out, and nothing overflows. The exponentials sum to {sum}; each is divided by that.", "先从十个 logit 中减去最大值 {top}：分子分母约去同一因子，结果不变，也不会溢出。指数之和为 {sum}，再逐项相除。", { top: number(top), sum: number(exps.reduce((sum, e) => sum + e)) }));
  say("cost", t("The label is {label} and its p is {p}, so the loss is −log {p} = {loss}. The mean over the batch is {mean}.", "标签为 {label}，其概率 p 为 {p}，损失为 −log {p} = {loss}。整批的平均损失为 {mean}。", { label, p: number(p[label], 4), loss: number(crossEntropy(z, label), 4), mean: number(taken.mean, 4) }));
  view.lay("ten-errors", [], (k) => [["p", p[k]], ["−", Number(k === label), 0], ["δ", delta[k]]], label);
}

function showBackward(i, { h, delta1 }) {
  const [j, delta, { W }] = [chosenUnit(), taken.delta[i], now.layers[1]];
  const weight = (k) => W[j * CLASSES + k];
  view.lay("ten-back", [], (k) => [["δ", delta[k]], ["w", weight(k), 4], ["δw", delta[k] * weight(k), 4]], now.batch.labels[i]);
  const sum = number(delta.reduce((total, each, k) => total + each * weight(k), 0), 4);
  say("back-said", h[j]
    ? t("Unit {j}: the ten products sum to {sum}. The unit fires (h > 0), so the error passes: δ₁ = {d}.", "单元 {j}：十个乘积之和为 {sum}。它已激活（h > 0），误差得以通过：δ₁ = {d}。", { j, sum, d: number(delta1[j], 4) })
    : t("Unit {j}: the ten products sum to {sum}. The unit is silent (h = 0), so the error stops here: δ₁ = 0.", "单元 {j}：十个乘积之和为 {sum}。它没有激活（h = 0），误差到此为止：δ₁ = 0。", { j, sum }));
  showAll("back-all", delta1);
}

function showSteps(deep) {
  const { layers, lr, batch } = now;
  const [change, { W }] = [taken.change.at(-1), layers.at(-1)];
  const row = deep ? chosenUnit() : image.at;
  const [weight, delta] = [(k) => W[row * CLASSES + k], (k) => change[row * CLASSES + k]];
  const lines = (w, d) => [["w", w, 4], [d < 0 ? "−" : "+", Math.abs(d), 5], ["=", w + d, 4]];
  view.lay("ten-steps", [columns(change)], (k) => lines(weight(k), delta(k)));
  const of = { m: batch.labels.length, lr };
  say("stepping", deep
    ? t("From all {m} images together, with α = {lr}: red grows, blue shrinks. First W₂ with the chosen unit's weights, then the chosen unit's column of W₁ with the chosen pixel's weight.", "由 {m} 张图像共同得出，α = {lr}：红色增大，蓝色减小。先是 W₂ 和所选单元的权重，再是 W₁ 中所选单元的一列和所选像素的权重。", of)
    : t("From all {m} images together, with α = {lr}: red grows, blue shrinks. Below: the chosen pixel's weight, its change, and the new weight.", "由 {m} 张图像共同得出，α = {lr}：红色增大，蓝色减小。下面是所选像素的权重、更新量和更新后的权重。", of));
  if (!deep) return;
  const [width, j] = [layers[0].b.length, chosenUnit()];
  view.fitMap($("unit-step"), column(taken.change[0], j, width));
  const n = image.at * width + j;
  $("unit-change").replaceChildren(...view.named(lines(layers[0].W[n], taken.change[0][n])));
}

const wide = () => Math.ceil(Math.sqrt(now.batch.labels.length)); // images per row of the mosaic
const corner = (i) => [(i % wide()) * 28, Math.floor(i / wide()) * 28];

function showMosaic() {
  const { images, labels } = now.batch;
  const mosaic = new OffscreenCanvas(28 * wide(), 28 * Math.ceil(labels.length / wide()));
  const context = mosaic.getContext("2d");
  const one = new OffscreenCanvas(28, 28);
  labels.forEach((_, i) => {
    view.paintInk(one, images.subarray(i * PIXELS, (i + 1) * PIXELS));
    context.drawImage(one, ...corner(i));
  });
  taken.mosaic = mosaic;
  Object.assign($("mosaic"), { width: mosaic.width, height: mosaic.height });
}

function outline(i) {
  const context = $("mosaic").getContext("2d");
  context.drawImage(taken.mosaic, 0, 0);
  context.strokeStyle = getComputedStyle($("image")).color;
  context.lineWidth = 2;
  const [x, y] = corner(i);
  context.strokeRect(x + 1, y + 1, 26, 26);
}

/** Has the batch shown again, in another theme or language. */
export const redress = () => (taken = null);

function pick({ offsetX, offsetY }) {
  const at = (offset) => Math.floor((offset * wide()) / $("mosaic").clientWidth);
  $("which").value = at(offsetY) * wide() + at(offsetX);
  paint();
}

function pickUnit({ offsetX, offsetY, target }) {
  const across = view.across(now.layers[0].b.length);
  const cell = target.clientWidth / across;
  choose(Math.floor(offsetY / cell) * across + Math.floor(offsetX / cell));
}

onUnit(paint);
on("click", { mosaic: pick, "hidden-all": pickUnit, "back-all": pickUnit });
on("input", { which: paint, "unit-at": () => choose($("unit-at").valueAsNumber) });
