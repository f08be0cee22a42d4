// The page that learns: the worker trains, here it is shown.
import { fewest } from "./fewest.js";
import { Grid } from "./grid.js";
import { $, TEN, ask, decode, encode, make, newestWins, notice, on, onSwitch, post, root, sample, say, told } from "./page.js";
import { Sheet } from "./sheet.js";
import { CLASSES, PIXELS, crossEntropy, inked, largest, logits, softmax, step } from "./softmax.js";
import { language, t } from "./text.js";
import * as view from "./view.js";
import { most, number, percent } from "./view.js";

const GROWN = 1.3; // times the first batch's loss: then it has gone wrong, not merely up and down
const EACH = 5; // drawings of each digit that are asked for

const worker = new Worker("learn-worker.js", { type: "module" });
let now = null; // what the worker said last
let run = 0; // counts runs: messages of an earlier one are not shown
let losses, shares; // the curves: [epochs, value] each
let about = null; // the server's GET /api/model

const wrong = (fault) => fault.status !== null && notice(told(fault, t("The drawing", "所写的内容")));
const column = (W, k) => Float32Array.from({ length: PIXELS }, (_, p) => W[p * CLASSES + k]);
const probabilities = (image, { W, b }) => softmax(logits(inked(image), 0, W, b));
const columns = (W) => TEN.map((k) => column(W, k));

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
    showBoard();
  });
}

function showRun() {
  const { W, epoch, done, count, size, held, share, playing } = now;
  view.lay("templates", [columns(W)]);
  const batches = (images) => Math.ceil(images / size).toLocaleString(language);
  say("said", !done && epoch > 1 ? t("Epoch {epoch} is done. Press Play for another.", "第 {epoch} 轮完成。按“播放”再来一轮。", { epoch: epoch - 1 })
    : t("Epoch {epoch}: batch {batch} of {batches}", "第 {epoch} 轮：第 {batch} 批，共 {batches} 批", { epoch, batch: batches(done), batches: batches(count) }));
  say("held", held ? t("Validation accuracy (the last {n} training images, held out)", "验证集准确率（训练集最后 {n} 张）", { n: held.toLocaleString(language) }) : t("No validation set: all images are used for training", "未留验证集，全部用于训练"));
  say("share", held ? number(share, 4) : "");
  const last = losses.at(-1) ?? [0, now.loss];
  say("loss", last[1] === undefined ? "" : number(last[1]));
  const end = Math.max(1, Math.ceil(last[0]));
  curve("losses", losses, end, Math.max(2.5, ...losses.map(([, value]) => value)), t("Loss over {n} epochs", "{n} 轮的损失", { n: end }));
  curve("shares", shares, end, 1, t("Validation accuracy over {n} epochs", "{n} 轮的验证集准确率", { n: end }));
  say("play", playing ? t("Pause", "暂停") : t("Play", "播放"));
  $("play").disabled = false;
  $("step").disabled = $("take").disabled = playing;
  showTrouble();
  $("resting").hidden = !playing;
  $("cards").hidden = playing;
  if (!playing) showBatch();
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
  if (grows && $("trouble").textContent) return; // said once, not with every step
  say("trouble", !grows ? "" : t("The loss has grown from {first} to {loss}. The learning rate {lr} is too large: each step jumps across the valley and lands higher on the other side. Try a smaller one, such as 0.1.", "损失从 {first} 升到了 {loss}。学习率 {lr} 太大，一步跨过谷底，落到了更高处。请换小一些，如 0.1。", { first: number(now.first, 2), loss: number(loss, 2), lr: now.lr }));
}

function fault({ id, fault, status }) {
  if (id !== run) return;
  say("said", "");
  say("trouble", status === 404 ? t(fault, "这台电脑上没有 MNIST；请运行：shuzi data mnist") : fault);
  root.dataset.ready = "true";
}

// ---- the sheet that it reads

let drawn = null; // the 28x28 of what is on the sheet
const sheet = new Sheet($("canvas"), () => {
  $("hint").hidden = !sheet.empty;
  see();
});

/** The 28x28 of a sheet as the reader makes it, or null. */
async function seen(on) {
  if (on.empty) return null;
  if (on.sample && !on.strokes.length) return on.sample.image;
  const page = await post("api/read?detail=true&single=true", await on.body());
  const digit = page.numbers[0]?.digits[0];
  return digit ? decode(digit.image) : null;
}

const see = newestWins(async () => {
  drawn = await seen(sheet);
  redraw();
}, wrong);

function showReading() {
  const p = drawn && now && probabilities(drawn, now);
  const digit = p && largest(p);
  view.showBars(p && { digit, is_digit: true, digit_probability: 1, probabilities: p });
  say("reads", p ? t("Prediction: {k}", "预测为 {k}", { k: digit }) : "");
}

// ---- one batch

let taken = null; // {of: the word it belongs to, y, p, errors, change, mean, mosaic}
const image = new Grid($("image"), showBatch);

/** All that the cards show of a batch; the step is taken on copies of W and b. */
function computed({ W, b, lr, batch: { images, labels } }) {
  const rows = [...labels.keys()];
  const x = inked(Uint8Array.from(images.flatMap((each) => [...each])));
  const y = rows.map((i) => logits(x, i, W, b));
  const p = y.map((each) => softmax(each.slice()));
  const errors = p.map((each, i) => each.map((value, k) => value - (k === labels[i])));
  const after = W.slice();
  const mean = step(x, labels, rows, after, b.slice(), lr);
  return { y, p, errors, change: after.map((w, n) => w - W[n]), mean };
}

function showBatch() {
  if (!now?.batch) return;
  const { W, b, lr, batch } = now;
  const m = batch.labels.length;
  if (taken?.of !== now) {
    taken = { of: now, ...computed(now) };
    showMosaic();
    $("which").max = m - 1;
  }
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

const wide = () => Math.ceil(Math.sqrt(now.batch.labels.length)); // images in a row of the mosaic
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

// ---- make it say

let subject = null; // {image: as it was, x: as it is}, inks
const board = new Grid($("board"), showBoard, (at) => {
  const inks = [...new Set([subject.image[at], 255, 0])];
  subject.x[at] = inks[(inks.indexOf(subject.x[at]) + 1) % inks.length];
  unsaid();
});
const wanted = () => Number($("wanted").value);

/** What this page has learnt, or before that the weights that ship. */
function judge() {
  if (now && (now.done || now.epoch > 1)) return now;
  const shipped = about?.models.softmax;
  return shipped && (about.judge ??= { W: Float32Array.from({ length: PIXELS * CLASSES }, (_, n) => shipped.templates[n % CLASSES][Math.floor(n / CLASSES)]), b: shipped.bias });
}

const puzzle = { turn: 0 };

function put({ image }) {
  subject = { image, x: image.slice() };
  unsaid();
}

function unsaid() {
  say("fewest-said", "");
  redraw();
}

function showBoard() {
  const by = judge();
  if (!subject || !by) return;
  const p = probabilities(subject.x, by);
  const said = largest(p);
  const changed = [...subject.x.keys()].filter((at) => subject.x[at] !== subject.image[at]);
  board.paint(subject.x, changed);
  say("says", t("It says {k} ({p}). {wanted}: {q}", "预测为 {k}（{p}）。{wanted}：{q}", { k: said, p: percent(p[said]), wanted: wanted(), q: percent(p[wanted()]) }));
  say("changed", t("Pixels changed: {n}", "改动的像素：{n}", { n: changed.length }));
  const rival = said === wanted() ? TEN.toSorted((one, other) => p[other] - p[one])[1] : said;
  const lever = column(by.W, wanted()).map((w, at) => w - by.W[at * CLASSES + rival]);
  view.paintMap($("lever"), lever, most([lever]));
  if (said === wanted() && changed.length && !$("fewest-said").textContent) tellFewest();
}

function tellFewest() {
  const { W, b } = judge();
  const { pixels, least } = fewest(subject.image, W, b, wanted());
  const n = pixels?.size;
  say("fewest-said", !pixels ? t("No change makes it say {wanted}.", "无论怎样改动，都不会判为 {wanted}。", { wanted: wanted() })
    : !n ? t("It already says {wanted}. Choose another digit.", "它本来就判为 {wanted}。换一个数字吧。", { wanted: wanted() })
    : least === n ? t("The fewest: {n}. Fewer are provably not enough.", "最少 {n} 个，可以证明不能更少。", { n })
    : t("The fewest found: {n}. At least {least} are provably needed.", "目前找到的最少改动为 {n} 个；可以证明至少需要 {least} 个。", { n, least }));
  return pixels;
}

function showFewest() {
  if (!subject || !judge()) return;
  const pixels = tellFewest();
  if (pixels) subject.x = subject.image.map((ink, at) => pixels.get(at) ?? ink);
  redraw();
}

// ---- one's own hand

let turn = 0; // counts changes of these: what was learnt from earlier ones is not shown
let own = JSON.parse(localStorage.getItem("own") ?? "[]"); // [label, base64 of the 28x28] each, oldest first
const ownSheet = new Sheet($("own-canvas"), () => {});
const counts = () => TEN.map((k) => own.filter(([label]) => label === k).length);
const next = () => counts().indexOf(Math.min(...counts()));

function showOwn() {
  const each = counts();
  say("asked", Math.min(...each) < EACH ? t("Draw a {k}", "写一个 {k}", { k: next() }) : t("Five of each are enough. One more {k} would help", "每个数字都写够五遍了，再写个 {k} 会更好", { k: next() }));
  view.lay("kept", [], (k) => [["", `${each[k]} / ${EACH}`]]);
  $("compare").disabled = each.filter(Boolean).length < 2;
  $("back").disabled = $("forget").disabled = !own.length;
  $("send").disabled = !about?.corrections || !own.length;
}

function remember(changed) {
  turn++;
  own = changed;
  localStorage.setItem("own", JSON.stringify(own));
  compared = null;
  showCompared();
  showOwn();
}

async function keep() {
  const before = ownSheet.turn;
  try {
    const image = await seen(ownSheet);
    if (before !== ownSheet.turn) return; // it was drawn on, or is saved already
    if (!image) return notice(t("Draw something first.", "请先写点什么。"));
    remember([...own, [next(), encode(image)]]);
    ownSheet.clear();
  } catch (error) {
    wrong(error);
  }
}

function compare() {
  const by = judge();
  if (!by) return;
  $("compare").disabled = true;
  const images = Uint8Array.from(own.flatMap(([, image]) => [...decode(image)]));
  worker.postMessage(["own", { images, labels: Uint8Array.from(own, ([label]) => label), W: Float32Array.from(by.W), b: Float32Array.from(by.b), turn }]);
}

let compared = null; // what the worker found

function showCompared() {
  $("mine").hidden = !compared;
  if (!compared) return say("compared", "");
  const { templates, W, before, after, of, mnist } = compared;
  view.lay("mine", [columns(templates), columns(W)]);
  const price = mnist ? t(" Accuracy on MNIST's test set: {before} before, {after} after.", "MNIST 测试集准确率：之前 {before}，之后 {after}。", { before: percent(mnist.before), after: percent(mnist.after) }) : "";
  say("compared", t("Top: templates learnt from your drawings. Bottom: MNIST's, which read {before} of your {of} drawings correctly. After learning from your other drawings: {after}.", "上面是从你的字迹学到的模板，下面是 MNIST 的。你写的 {of} 个数字里，MNIST 的模板认对 {before} 个；用你写的其余数字继续训练后，认对 {after} 个。", { before, of, after }) + price);
}

// ---- the network

let training = null; // the server's GET /api/training
let polling = 0;
let asked = 0; // counts requests: an answer to an earlier one is not shown

async function send() {
  $("send").disabled = true;
  try {
    for (const [label, image] of own) await post("api/corrections", { label, image });
    notice(t("Added to the corrections: {n}", "已加入更正：{n} 个", { n: own.length }));
  } catch (error) {
    wrong(error);
  }
  showOwn();
}

async function train(method, path = "api/training") {
  clearTimeout(polling);
  const mine = ++asked;
  try {
    const reply = await ask(path, { method });
    if (mine !== asked) return;
    training = reply;
  } catch (error) {
    if (mine !== asked) return;
    if (/under way/.test(error.message)) return train("GET");
    if (error.status === 409) notice(t("There are no corrections to train on yet. Add your drawings, or correct results on the drawing page.", "还没有可用来训练的更正。请加入你写的数字，或在书写页更正识别结果。"));
    else wrong(error);
  }
  showTraining();
}

function showTraining() {
  if (!training) return;
  const { state, refused, epoch, epochs, before, after, error, file } = training;
  const busy = ["training", "measuring", "keeping"].includes(state);
  $("train").hidden = busy || state === "done";
  $("train").disabled = Boolean(refused);
  $("keep-it").hidden = state !== "done";
  $("stop").hidden = !["training", "measuring", "done"].includes(state);
  $("progress").hidden = !busy;
  if (state === "training" && epoch > 1) $("progress").value = (epoch - 1) / epochs;
  else $("progress").removeAttribute("value");
  const share = (of) => `${percent(before[of])} → ${percent(after[of])}`;
  const figures = () => t("Accuracy before and after: held-out corrections {own}", "训练前后的准确率：留出的更正 {own}", { own: share("own") })
    + (before.mnist === null ? "" : t("; MNIST's test set {mnist}", "；MNIST 测试集 {mnist}", { mnist: share("mnist") }));
  const said = {
    training: () => t("Training: epoch {epoch} of {epochs}", "训练中：第 {epoch} 轮，共 {epochs} 轮", { epoch, epochs }),
    measuring: () => t("Measuring accuracy before and after", "正在测试训练前后的准确率"),
    done: figures,
    keeping: figures,
    kept: () => figures() + t(". The drawing page now uses the new weights. Next time, start with: shuzi serve --weights {file}", "。新权重已启用，书写页即刻生效；以后启动请用：shuzi serve --weights {file}", { file }),
    failed: () => error,
  }[state];
  say("training", said ? said() : refused ? t(refused, "此处无法训练：需要 shuzi serve 仅对本机开放、未设为只读，并已安装 torch。") : "");
  if (busy) polling = setTimeout(train, 1000, "GET");
}

// ---- wiring

/** Shows another sample in a place {turn}, unless something newer is put there meanwhile. */
async function another(place, show) {
  const mine = ++place.turn;
  try {
    const next = await sample();
    if (mine === place.turn) show(next);
  } catch (error) {
    wrong(error);
  }
}

const clicks = {
  restart, keep, compare, send,
  play: () => (now.playing ? set({ playing: false }) : worker.postMessage(["play"])),
  step: () => worker.postMessage(["step"]),
  take: () => worker.postMessage(["step"]),
  clear: () => sheet.clear(),
  sample: () => another(sheet, (each) => sheet.show(each)),
  another: () => another(puzzle, put),
  again: () => subject && put(subject),
  fewest: showFewest,
  "own-clear": () => ownSheet.clear(),
  back: () => remember(own.slice(0, -1)),
  forget: () => remember([]),
  train: () => train("POST"),
  stop: () => train("DELETE"),
  "keep-it": () => train("POST", "api/training/keep"),
  mosaic: ({ offsetX, offsetY }) => {
    const at = (offset) => Math.floor((offset * wide()) / $("mosaic").clientWidth);
    $("which").value = at(offsetY) * wide() + at(offsetX);
    showBatch();
  },
};
const changes = {
  size: restart, count: restart, start: restart, seed: restart, wanted: unsaid,
  pace: () => set({ pace: pace() }),
  lr: () => $("lr").reportValidity() && set({ lr: knob("lr") }),
};

/** Shows all of it. */
function showAll() {
  view.readColours();
  sheet.dress();
  ownSheet.dress();
  say("trouble", "");
  say("fewest-said", "");
  taken = null;
  showOwn();
  showCompared();
  showTraining();
  redraw();
}

$("wanted").append(...TEN.map((k) => make("option", { value: k, textContent: k, selected: k === 8 })));
view.layBars();
on("click", clicks);
on("change", changes);
on("input", { which: showBatch });
on("keydown", { "own-canvas": (event) => event.key === "Enter" && keep() });
worker.onmessage = ({ data }) => {
  if (data.run) return heard(data.run);
  if (data.fault) return fault(data);
  if (data.own.turn !== turn) return;
  compared = data.own;
  showCompared();
  showOwn();
};
onSwitch(showAll);
restart();
try {
  about = await ask("api/model");
  showOwn();
  await another(puzzle, put);
  await train("GET");
} catch (error) {
  wrong(error);
}
