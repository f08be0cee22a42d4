// The curves of this run and of those before it, side by side.
import { $, make, on } from "./page.js";
import { language, t } from "./text.js";
import { number } from "./view.js";

const COLOURS = ["--for", "--against", "--run-3", "--run-4", "--run-5", "--run-6"];
const LINES = 4; // of a chart's grid
const GOOD = 0.8; // where the axis of accuracies begins once all runs are better

let runs = []; // {settings, losses: [epochs, value], shares, colour}; the last is this one
let marked = null; // epochs: where the replay stands

/** Begins a run. The run before it stays if it has learnt. */
export function beginRun(settings) {
  if (runs.at(-1)?.losses.length === 0) runs.pop();
  const used = runs.map(({ colour }) => colour);
  const fewest = (colour) => used.filter((each) => each === colour).length;
  const colour = COLOURS.reduce((best, each) => (fewest(each) < fewest(best) ? each : best));
  runs.push({ settings, losses: [], shares: [], colour });
  showRuns();
}

/** Adds what this run has done since the last report. */
export function addToRun({ losses, shares, lr }) {
  const run = runs.at(-1);
  run.losses.push(...losses);
  run.shares.push(...shares);
  run.lr = lr;
  showRuns();
}

export const theLosses = () => runs.at(-1).losses;

/** Marks a place on the curves, or none. */
export function markRuns(epochs) {
  marked = epochs;
  showCurves();
}

function name({ settings: { hidden, lr, size, count, start, seed }, lr: now }) {
  return [
    hidden ? t("{n} hidden units", "{n} 个隐藏单元", { n: hidden }) : t("no hidden layer", "无隐藏层"),
    `α = ${lr}${now === undefined || now === lr ? "" : ` → ${now}`}`,
    t("batch size {n}", "批量大小 {n}", { n: size }),
    t("{n} images", "{n} 张图像", { n: count.toLocaleString(language) }),
    ...(start === "zeros" ? [t("from zeros", "从零开始")] : []),
    ...(seed ? [t("seed {n}", "种子 {n}", { n: seed })] : []),
  ].join(t(", ", "，"));
}

export function showRuns() {
  $("runs").replaceChildren(...runs.map((run) => {
    const [epochs, share] = run.shares.at(-1) ?? [0];
    const swatch = make("i");
    swatch.style.background = `var(${run.colour})`;
    const after = t("{share} at epoch {n}", "{n} 轮后 {share}", { share: number(share ?? 0, 4), n: Number(epochs.toFixed(2)) });
    return make("li", {}, swatch, make("span", { textContent: name(run) }), make("b", { textContent: share === undefined || !epochs ? "" : after }));
  }));
  $("clear-runs").disabled = runs.length < 2;
  showCurves();
}

/** The mean of the last five. */
export const latest = (points) => points.slice(-5).reduce((sum, [, value]) => sum + value, 0) / Math.min(5, points.length);

/** The top of the axis of losses: the start of an untrained network, less when all have learnt, more when one diverges. */
function tallest() {
  const now = Math.max(0.1, ...runs.filter(({ losses }) => losses.length).map(({ losses }) => latest(losses)));
  const untrained = runs.every(({ losses }) => losses.length < 5);
  if (untrained) return 2.4;
  return [0.4, 0.8, 1.2, 2.4, 4].find((top) => top > 1.6 * now) ?? 4 * Math.ceil(Math.min(now, 1e6) / 2);
}

function showCurves() {
  const end = Math.max(1, ...runs.map(({ losses }) => Math.ceil(losses.at(-1)?.[0] ?? 0)));
  const good = runs.every(({ shares }) => shares.length > 1 && shares.at(-1)[1] > GOOD);
  const of = { n: end };
  draw("losses", end, [0, tallest()], t("Loss up to epoch {n}", "{n} 轮的损失", of));
  draw("shares", end, [good ? GOOD : 0, 1], t("Validation accuracy up to epoch {n}", "{n} 轮的验证集准确率", of));
}

const path = (properties, colour = "") => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", "path");
  for (const [key, value] of Object.entries(properties)) element.setAttribute(key, value);
  element.style.stroke = colour;
  return element;
};

/** Draws one chart. Axes: 0 to `end` epochs, `low` to `high`. */
function draw(id, end, [low, high], label) {
  const [x, y] = [(epochs) => (300 * epochs) / end, (value) => 100 - (100 * (value - low)) / (high - low)];
  const grid = Array.from({ length: LINES - 1 }, (_, i) => `M0 ${(100 * (i + 1)) / LINES}H300`).join("");
  const curves = runs.filter((run) => run[id].length).map((run) => path({
    d: `M${run[id].map(([epochs, value]) => `${x(epochs).toFixed(2)} ${y(Math.min(value, 1e6)).toFixed(2)}`).join("L")}`,
    class: run === runs.at(-1) ? "curve now" : "curve",
  }, `var(${run.colour})`));
  const here = marked === null ? [] : [path({ d: `M${x(marked)} 0V100`, class: "here" })];
  $(id).replaceChildren(path({ d: grid }), ...curves, ...here);
  $(id).ariaLabel = label;
  const ticks = Array.from({ length: LINES + 1 }, (_, i) => Number((high - (i * (high - low)) / LINES).toFixed(2)));
  const places = [...ticks.map((text, i) => ["y", (100 * i) / LINES, text]), ["x", 0, 0], ["x", 100, t("epoch {n}", "{n} 轮", { n: end })]];
  $(id).nextElementSibling.replaceChildren(...places.map(([axis, at, textContent]) => {
    const tick = make("span", { className: axis, textContent });
    tick.style.setProperty("--at", `${at}%`);
    return tick;
  }));
}

on("click", {
  "clear-runs": () => {
    runs = runs.slice(-1);
    showRuns();
  },
});
