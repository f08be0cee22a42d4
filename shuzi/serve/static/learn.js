// The learning page: shows what its worker trains.
import { redress, showBatch } from "./batch.js";
import { compare, found, showHand } from "./hand.js";
import { showTraining, train } from "./network.js";
import { $, ask, newestWins, on, onSwitch, root, sample, say, wrong } from "./page.js";
import { pose, showPuzzle } from "./puzzle.js";
import { Sheet } from "./sheet.js";
import { columns, largest, probabilities } from "./softmax.js";
import { language, t } from "./text.js";
import * as view from "./view.js";

const GROWN = 1.3; // times the first batch's loss: more is no mere fluctuation

const worker = new Worker("learn-worker.js", { type: "module" });
let now = null; // the worker's last report
let run = 0; // counts runs: reports of earlier ones are not shown
let losses, shares; // curves of [epochs, value]
let about = null; // the server's GET /api/model

/** The weights trained here, or before that the shipped ones. */
function judge() {
  if (now && (now.done || now.epoch > 1)) return now;
  const shipped = about?.models.softmax;
  return shipped && (about.judge ??= { W: Float32Array.from(shipped.templates[0].flatMap((_, p) => shipped.templates.map((each) => each[p]))), b: shipped.bias });
}

// ---- the run

const knobs = ["lr", "size", "count", "start", "seed"];
const knob = (id) => (id === "start" ? $(id).value : $(id).valueAsNumber);
const pace = () => Number($("pace").value);
const set = (changes) => worker.postMessage(["set", changes]);

function restart() {
  if (!knobs.every((id) => $(id).reportValidity())) return;
  losses = [];
  shares = [];
  now = null;
  $("play").disabled = $("step").disabled = true;
  say("trouble", "");
  say("said", t("Loading MNIST…", "正在加载 MNIST…"));
  worker.postMessage(["begin", { ...Object.fromEntries(knobs.map((id) => [id, knob(id)])), pace: pace(), id: ++run }]);
}

function heard(said) {
  if (said.id !== run) return;
  now = said;
  losses.push(...said.losses);
  shares.push(...said.shares);
  redraw();
  root.dataset.ready = "true";
}

let frame = 0;

function redraw() {
  frame ||= requestAnimationFrame(() => {
    frame = 0;
    if (now) showRun();
    showReading();
    showPuzzle(judge());
  });
}

function showRun() {
  const { W, epoch, done, count, size, held, share, playing } = now;
  view.lay("templates", [columns(W)]);
  const batches = (images) => Math.ceil(images / size).toLocaleString(language);
  say("said", !done && epoch > 1 ? t("Epoch {epoch} is done. Press Play for another.", "第 {epoch} 轮完成。按“播放”再来一轮。", { epoch: epoch - 1 })
    : t("Epoch {epoch}: batch {batch} of {batches}", "第 {epoch} 轮：第 {batch} 批，共 {batches} 批", { epoch, batch: batches(done), batches: batches(count) }));
  say("held", held ? t("Validation accuracy (the last {n} training images, held out)", "验证集准确率（训练集最后 {n} 张）", { n: held.toLocaleString(language) }) : t("No validation set: all images are used for training", "未留验证集，全部用于训练"));
  say("share", held ? view.number(share, 4) : "");
  const last = losses.at(-1) ?? [0, now.loss];
  say("loss", last[1] === undefined ? "" : view.number(last[1]));
  const end = Math.max(1, Math.ceil(last[0]));
  curve("losses", losses, end, Math.max(2.5, ...losses.map(([, value]) => value)), t("Loss over {n} epochs", "{n} 轮的损失", { n: end }));
  curve("shares", shares, end, 1, t("Validation accuracy over {n} epochs", "{n} 轮的验证集准确率", { n: end }));
  say("play", playing ? t("Pause", "暂停") : t("Play", "播放"));
  $("play").disabled = false;
  $("step").disabled = $("take").disabled = playing;
  showTrouble();
  $("resting").hidden = !playing;
  $("cards").hidden = playing;
  if (!playing) showBatch(now);
}

function curve(id, points, end, top, name) {
  const places = points.map(([x, y]) => `${((300 * x) / end).toFixed(2)},${(100 - (97 * Math.min(y, top)) / top).toFixed(2)}`);
  $(id).ariaLabel = name;
  $(id).querySelector("polyline").setAttribute("points", places.join(" "));
}

function showTrouble() {
  const lately = losses.slice(-5).map(([, value]) => value);
  const loss = lately.reduce((sum, value) => sum + value, 0) / lately.length;
  const grows = lately.length && !(loss <= now.first * GROWN);
  if (grows && $("trouble").textContent) return; // say it once
  say("trouble", !grows ? "" : t("The loss has grown from {first} to {loss}. The learning rate {lr} is too large: each step jumps across the valley and lands higher on the other side. Try a smaller one, such as 0.1.", "损失从 {first} 升到了 {loss}。学习率 {lr} 太大，一步跨过谷底，落到了更高处。请换小一些，如 0.1。", { first: view.number(now.first, 2), loss: view.number(loss, 2), lr: now.lr }));
}

function fault({ id, fault, status }) {
  if (id !== run) return;
  say("said", "");
  say("trouble", status === 404 ? t(fault, "这台电脑上没有 MNIST；请运行：shuzi data mnist") : fault);
  root.dataset.ready = "true";
}

// ---- the sheet

let drawn = null; // the 28x28 of what is on the sheet
const sheet = new Sheet($("canvas"), () => {
  $("hint").hidden = !sheet.empty;
  see();
});

const see = newestWins(async () => {
  drawn = await sheet.image();
  redraw();
}, wrong);

function showReading() {
  const p = drawn && now && probabilities(drawn, now);
  const digit = p && largest(p);
  view.showBars(p && { digit, is_digit: true, digit_probability: 1, probabilities: p });
  say("reads", p ? t("Prediction: {k}", "预测为 {k}", { k: digit }) : "");
}

// ---- wiring

/** Shows a sample in a place {turn}, unless something newer is there by then. */
async function another(place, show) {
  const mine = ++place.turn;
  try {
    const next = await sample();
    if (mine === place.turn) show(next);
  } catch (error) {
    wrong(error);
  }
}

const puzzle = { turn: 0 };
const once = () => worker.postMessage(["step"]);

const clicks = {
  restart,
  play: () => (now.playing ? set({ playing: false }) : worker.postMessage(["play"])),
  step: once,
  take: once,
  clear: () => sheet.clear(),
  sample: () => another(sheet, (each) => sheet.show(each)),
  another: () => another(puzzle, pose),
  compare: () => compare(worker, judge()),
};
const changes = {
  size: restart, count: restart, start: restart, seed: restart,
  pace: () => set({ pace: pace() }),
  lr: () => $("lr").reportValidity() && set({ lr: knob("lr") }),
};

function showAll() {
  view.readColours();
  sheet.dress();
  say("trouble", "");
  say("fewest-said", "");
  redress();
  showHand();
  showTraining();
  redraw();
}

view.layBars();
on("click", clicks);
on("change", changes);
worker.onmessage = ({ data }) => (data.run ? heard(data.run) : data.fault ? fault(data) : found(data.own));
onSwitch(showAll);
restart();
try {
  about = await ask("api/model");
  showHand(about.corrections);
  await another(puzzle, pose);
  redraw();
  await train("GET");
} catch (error) {
  wrong(error);
}
