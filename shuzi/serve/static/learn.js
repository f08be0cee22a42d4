// The learning page: shows what its worker trains.
import { redress, showBatch } from "./batch.js";
import { compare, found, showHand } from "./hand.js";
import { PIXELS, forward, inked, initial, largest, softmax, templates } from "./mlp.js";
import { showTraining, train } from "./network.js";
import { $, ask, newestWins, on, onSwitch, root, sample, say, wrong } from "./page.js";
import { isOther, pose, showPuzzle } from "./puzzle.js";
import { addToRun, beginRun, latest, markRuns, showRuns, theLosses } from "./runs.js";
import { Sheet } from "./sheet.js";
import { language, t } from "./text.js";
import { showUnits } from "./units.js";
import * as view from "./view.js";

const GROWN = 1.3; // times the first batch's loss: more is no mere fluctuation
const RATES = { 0: 0.1, 16: 0.2, 64: 0.5, 128: 0.5 }; // learning rates by the number of hidden units
const CALM = 100; // ms between two pictures of the hidden units while training

const worker = new Worker("learn-worker.js", { type: "module" });
let now = null; // the worker's last report
let run = 0; // counts runs: reports of earlier ones are not shown
let kept = []; // the weights so far: {epochs, share, layers}
let replayed = null; // the index in `kept` of what is shown, or null: the latest
let sinceRate = 0; // how many losses there were when the learning rate was last changed
let failed = () => ""; // what keeps this run from going on, as a sentence
let about = null; // the server's GET /api/model

/** Softmax regression as trained here, or the shipped one. */
function judge() {
  if (now?.layers.length === 1 && (now.done || now.epoch > 1)) return now.layers[0];
  const shipped = about?.models.softmax;
  return shipped && (about.judge ??= { W: Float32Array.from(shipped.templates[0].flatMap((_, p) => shipped.templates.map((each) => each[p]))), b: shipped.bias });
}

// ---- the run

const knobs = ["hidden", "lr", "size", "epochs", "count", "start", "seed"];
const knob = (id) => (id === "start" ? $(id).value : Number($(id).value));
const pace = () => Number($("pace").value);
const set = (changes) => worker.postMessage(["set", changes]);

function restart() {
  if (!knobs.every((id) => $(id).reportValidity())) return;
  const settings = Object.fromEntries(knobs.map((id) => [id, knob(id)]));
  kept = [];
  replayed = null;
  sinceRate = 0;
  $("play").disabled = $("step").disabled = true;
  failed = () => "";
  say("trouble", "");
  say("said", t("Loading MNIST…", "正在加载 MNIST…"));
  beginRun(settings);
  markRuns(null);
  if (now?.hidden !== settings.hidden) showBlank(settings);
  worker.postMessage(["begin", { ...settings, pace: pace(), id: ++run }]);
}

/** Takes up the place of what is to come. */
function showBlank({ hidden, lr, size, count }) {
  const batch = { rows: new Uint32Array(size), labels: new Uint8Array(size), images: new Uint8Array(size * PIXELS) };
  now = { hidden, layers: initial(hidden), epoch: 1, done: 0, count, size, lr, held: 5000, batch, blank: true };
  showNow();
}

function heard(said) {
  if (said.id !== run) return;
  if (now.count !== said.count) $("count").value = said.count; // a smaller set
  now = said;
  kept.push(...said.kept);
  addToRun(said);
  redraw();
  root.dataset.ready = "true";
}

let frame = 0;

function redraw() {
  frame ||= requestAnimationFrame(() => {
    frame = 0;
    showNow();
  });
}

function showNow() {
  const deep = now.layers.length === 2;
  $("main").classList.toggle("deep", deep);
  showRun();
  showReplay();
  showModel();
  if (now.playing) return;
  showPuzzle(judge());
  showBatch(now);
}

function showRun() {
  const { epoch, done, count, size, held, share, playing, blank } = now;
  const batches = (images) => Math.ceil(images / size).toLocaleString(language);
  if (!blank) {
    say("said", !done && epoch > 1 && !playing ? t("Epoch {epoch} is done. Press Play to go on.", "第 {epoch} 轮完成。按“播放”继续。", { epoch: epoch - 1 })
      : t("Epoch {epoch}: batch {batch} of {batches}", "第 {epoch} 轮：第 {batch} 个小批量，共 {batches} 个", { epoch, batch: batches(done), batches: batches(count) }));
    if (!failed()) showTrouble();
  }
  say("held", held ? t("Validation accuracy (the last {n} training images, held out)", "验证集准确率（训练集最后 {n} 张）", { n: held.toLocaleString(language) }) : t("No validation set: all images are used for training", "未留验证集，全部用于训练"));
  say("share", held && share !== undefined ? view.number(share, 4) : "");
  const loss = theLosses().at(-1)?.[1] ?? now.loss;
  say("loss", loss === undefined ? "" : view.number(loss));
  say("play", playing ? t("Pause", "暂停") : t("Play", "播放"));
  $("play").disabled = blank;
  $("step").disabled = $("take").disabled = playing || blank;
  say("resting", playing ? t("These numbers are from before you pressed Play. Pause to see the next batch.", "以下是按“播放”之前的数值。暂停后可以细看下一个小批量。") : t("This batch comes next.", "下一步就用这个小批量训练。"));
}

function showTrouble() {
  const losses = theLosses().slice(sinceRate);
  const first = sinceRate ? losses[0]?.[1] : now.first;
  const means = losses.slice(4).map((_, i) => latest(losses.slice(i, i + 5)));
  const loss = means.find((mean) => !(mean <= first * GROWN)); // the first to grow: the sentence stays when it falls again
  const grows = loss !== undefined;
  const stuck = now.start === "zeros" && now.hidden > 0;
  say("trouble", grows ? t("The loss has grown from {first} to {loss}. The learning rate {lr} is too large: each step jumps across the valley and lands higher on the other side. Try a smaller one, such as 0.1.", "损失从 {first} 升到了 {loss}。学习率 {lr} 太大，一步跨过谷底，落到了更高处。请换小一些，如 0.1。", { first: view.number(first, 2), loss: view.number(loss, 2), lr: now.lr })
    : stuck ? t("From zeros a hidden layer can't learn: h = 0 and W₂ = 0, so neither layer of weights gets a gradient. Start from random weights.", "隐藏层从零学不起来：h = 0 且 W₂ = 0，两层权重的梯度都是 0。请用随机的初始权重。") : "");
}

function fault({ id, fault, status }) {
  if (id !== run) return;
  fail(() => status === 404 && fault ? t(fault, "这台电脑上没有 MNIST；请运行：shuzi data mnist")
    : status === 0 || status === 424 ? t("MNIST didn't arrive, or not all of it. Press Restart to try again.", "MNIST 没有收到，或不完整。按“重新开始”再试一次。")
    : status ? t("The server can't give out MNIST (status {status}). Press Restart to try again.", "服务器无法提供 MNIST（状态 {status}）。按“重新开始”再试一次。", { status })
    : t("The training stopped: {e}. Press Restart to try again.", "训练中断：{e}。按“重新开始”再试一次。", { e: fault }));
}

/** The worker itself failed. */
const lost = () => fail(() => t("The training can't start: the script learn-worker.js didn't load. Reload the page.", "训练无法开始：脚本 learn-worker.js 没有加载成功。请刷新页面。"));

function fail(sentence) {
  failed = sentence;
  say("said", "");
  say("trouble", failed());
  $("play").disabled = $("step").disabled = $("take").disabled = true;
  root.dataset.ready = "true";
}

// ---- the replay

function showReplay() {
  const when = $("when");
  when.max = kept.length;
  when.value = replayed ?? kept.length;
  when.disabled = kept.length < 2;
  const after = (epochs) => Number(epochs.toFixed(2)).toLocaleString(language);
  const at = replayed === null ? { epochs: now.epoch - 1 + now.done / now.count } : kept[replayed];
  say("when-said", replayed === null ? t("now, at epoch {n}", "现在：{n} 轮后", { n: after(at.epochs) })
    : at.share === undefined ? t("at epoch {n}", "{n} 轮后", { n: after(at.epochs) })
    : t("at epoch {n}: accuracy {share}", "{n} 轮后：准确率 {share}", { n: after(at.epochs), share: view.number(at.share, 4) }));
}

function replay() {
  const at = $("when").valueAsNumber;
  replayed = at < kept.length ? at : null;
  markRuns(replayed === null ? null : kept[at].epochs);
  showReplay();
  showModel();
}

/** What the replay stands at. */
const shown = () => (replayed === null ? now : kept[replayed]);

// ---- the model, and what it makes of the drawing

let drawn = null; // the 28x28 of what is on the sheet
let painted = 0; // when the hidden units were

const sheet = new Sheet($("canvas"), () => {
  $("hint").hidden = !sheet.empty;
  see();
});

const see = newestWins(async () => {
  drawn = await sheet.image();
  painted = 0;
  if (now) showModel();
}, wrong);

function showModel() {
  const { layers } = shown();
  const x = drawn && inked(drawn);
  const p = x && !now.blank && softmax(forward(x, layers).z);
  const digit = p && largest(p);
  view.showBars(p && { digit, is_digit: true, digit_probability: 1, probabilities: p });
  say("reads", p ? t("Prediction: {k}", "预测为 {k}", { k: digit }) : "");
  const a = x && layers.length === 2 && forward(x, layers.slice(0, 1)).z;
  const firing = a ? [...a.keys()].filter((j) => a[j] > 0) : undefined;
  view.lay("templates", [templates(layers, firing)], () => [], p ? digit : -1, "best");
  if (layers.length === 1) return;
  say("templates-said", a ? t("The {n} units that your drawing activates, added up", "你写的字激活了 {n} 个单元，它们合成的模板", { n: firing.length }) : t("All units, added up", "全部单元合成的模板"));
  if (now.playing && replayed === null && performance.now() - painted < CALM) return;
  painted = performance.now();
  showUnits(layers, a ? { a, h: a.map((each) => Math.max(0, each)) } : null);
}

// ---- wiring

/** Shows a sample that suits in a place {turn}, unless something newer is there by then. */
async function another(place, show, suits = () => true) {
  const mine = ++place.turn;
  try {
    let next;
    do next = await sample(); while (!suits(next));
    if (mine === place.turn) show(next);
  } catch (error) {
    wrong(error);
  }
}

const puzzle = { turn: 0 };
const once = () => worker.postMessage(["step"]);

const clicks = {
  restart,
  play: () => {
    replayed = null;
    markRuns(null);
    if (now.playing) set({ playing: false });
    else worker.postMessage(["play"]);
  },
  step: once,
  take: once,
  clear: () => sheet.clear(),
  sample: () => another(sheet, (each) => sheet.show(each)),
  another: () => another(puzzle, pose, isOther),
  compare: () => compare(worker, judge()),
};
const changes = {
  size: restart, count: restart, start: restart, seed: restart,
  hidden: () => {
    $("lr").value = RATES[knob("hidden")];
    restart();
  },
  epochs: () => $("epochs").reportValidity() && set({ epochs: knob("epochs") }),
  pace: () => set({ pace: pace() }),
  lr: () => {
    if (!$("lr").reportValidity()) return;
    sinceRate = theLosses().length;
    set({ lr: knob("lr") });
  },
};

function showAll() {
  view.readColours();
  sheet.dress();
  say("trouble", failed());
  say("fewest-said", "");
  redress();
  showHand();
  showTraining();
  painted = 0;
  if (now) showNow();
  showRuns();
}

view.layBars();
on("click", clicks);
on("change", changes);
on("input", { when: replay });
worker.onerror = lost;
worker.onmessage = ({ data }) => (data.run ? heard(data.run) : "fault" in data ? fault(data) : found(data.own));
onSwitch(showAll);
restart();
$("main").classList.add("laid");
try {
  about = await ask("api/model");
  showHand(about.corrections);
  await another(puzzle, pose, isOther);
  redraw();
  await train("GET");
} catch (error) {
  wrong(error);
}
