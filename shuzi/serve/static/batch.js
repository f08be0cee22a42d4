// One batch: every number of the next step.
import { Grid } from "./grid.js";
import { $, on, say } from "./page.js";
import { CLASSES, columns, crossEntropy, inked, logits, softmax, step } from "./softmax.js";
import { t } from "./text.js";
import * as view from "./view.js";
import { number } from "./view.js";

let taken = null; // of the batch: {y, p, errors, change, mean, mosaic}
let now = null; // the worker's last report
const image = new Grid($("image"), paint);

/** What the cards show; the step is taken on copies of W and b. */
function compute({ W, b, lr, batch: { images, labels } }) {
  const rows = [...labels.keys()];
  const x = inked(Uint8Array.from(images.flatMap((each) => [...each])));
  const y = rows.map((i) => logits(x, i, W, b));
  const p = y.map((each) => softmax(each.slice()));
  const errors = p.map((each, i) => each.map((value, k) => value - (k === labels[i])));
  const after = W.slice();
  const mean = step(x, labels, rows, after, b.slice(), lr);
  return { y, p, errors, change: after.map((w, n) => w - W[n]), mean };
}

/** Shows the next batch. */
export function showBatch(next) {
  if (next !== now) taken = null;
  now = next;
  paint();
}

function paint() {
  if (!now?.batch) return;
  const { W, b, lr, batch } = now;
  const m = batch.labels.length;
  if (!taken) {
    taken = compute(now);
    $("which").max = m - 1;
  }
  if (!taken.mosaic) showMosaic();
  const i = $("which").valueAsNumber;
  const [ink, label, y, p, error] = [batch.images[i], batch.labels[i], taken.y[i], taken.p[i], taken.errors[i]];
  say("which-said", t("{i} of {m}: training image {row}, label {label}", "{m} 张中的第 {i} 张：训练集 {row} 号（从 0 起），标签 {label}", { i: i + 1, m, row: batch.rows[i], label }));
  outline(i);
  image.paint(ink);
  view.paintInk($("row"), ink);
  const at = image.at;
  const x = ink[at] / 255;
  say("pixel", t("Row {r}, column {c} (from 0): index {at} of the flattened image. Pixel value {ink} of 255, so x = {x}.", "行 {r}、列 {c}（从 0 起），展平后的下标为 {at}。像素值 {ink}（最大 255），即 x = {x}。", { r: Math.floor(at / 28), c: at % 28, at, ink: ink[at], x: number(x, 4) }));
  const weight = (k) => W[at * CLASSES + k];
  view.lay("ten-logits", [columns(W).map((each) => each.map((w, pixel) => (w * ink[pixel]) / 255))], (k) => [
    ["W", weight(k), 4], ["xW", x * weight(k), 4], ["Σ", y[k] - b[k]], ["b", b[k]], ["y", y[k]],
  ], label);
  const top = Math.max(...y);
  const exps = y.map((value) => Math.exp(value - top));
  view.lay("ten-softmax", [], (k) => [["y", y[k]], ["e", exps[k]], ["p", p[k]]], label);
  say("sum", t("First the largest logit, {top}, is subtracted from all ten. This cancels out, and nothing overflows. The exponentials sum to {sum}; each is divided by that.", "先从十个 logit 中减去最大值 {top}：分子分母约去同一因子，结果不变，也不会溢出。指数之和为 {sum}，再逐项相除。", { top: number(top), sum: number(exps.reduce((sum, e) => sum + e)) }));
  say("cost", t("The label is {label} and its p is {p}, so the loss is −log {p} = {loss}. The mean over the batch is {mean}.", "标签为 {label}，其概率 p 为 {p}，损失为 −log {p} = {loss}。整批的平均损失为 {mean}。", { label, p: number(p[label], 4), loss: number(crossEntropy(y, label), 4), mean: number(taken.mean, 4) }));
  view.lay("ten-errors", [], (k) => [["p", p[k]], ["−", Number(k === label), 0], ["=", error[k]]], label);
  const delta = (k) => taken.change[at * CLASSES + k];
  view.lay("ten-steps", [columns(taken.change)], (k) => [
    ["W", weight(k), 4], ["+", delta(k), 5], ["=", weight(k) + delta(k), 4],
  ]);
  say("stepping", t("From all {m} images together, with α = {lr}: red grows, blue shrinks. Below: the chosen pixel's weight, its change, and the new weight.", "由 {m} 张图像共同得出，α = {lr}：红色增大，蓝色减小。下面是所选像素的权重、更新量和更新后的权重。", { lr, m }));
}

const wide = () => Math.ceil(Math.sqrt(now.batch.labels.length)); // images per row of the mosaic
const corner = (i) => [(i % wide()) * 28, Math.floor(i / wide()) * 28];

function showMosaic() {
  const { images } = now.batch;
  const mosaic = $("mosaic");
  [mosaic.width, mosaic.height] = [28 * wide(), 28 * Math.ceil(images.length / wide())];
  const context = mosaic.getContext("2d");
  const one = new OffscreenCanvas(28, 28);
  images.forEach((each, i) => {
    view.paintInk(one, each);
    context.drawImage(one, ...corner(i));
  });
  taken.mosaic = context.getImageData(0, 0, mosaic.width, mosaic.height);
}

function outline(i) {
  const context = $("mosaic").getContext("2d");
  context.putImageData(taken.mosaic, 0, 0);
  context.strokeStyle = getComputedStyle($("image")).color;
  context.lineWidth = 2;
  const [x, y] = corner(i);
  context.strokeRect(x + 1, y + 1, 26, 26);
}

/** Has the images drawn again, in another theme's colours. */
export const redress = () => taken && (taken.mosaic = null);

function pick({ offsetX, offsetY }) {
  const at = (offset) => Math.floor((offset * wide()) / $("mosaic").clientWidth);
  $("which").value = at(offsetY) * wide() + at(offsetX);
  paint();
}

on("click", { mosaic: pick });
on("input", { which: paint });
