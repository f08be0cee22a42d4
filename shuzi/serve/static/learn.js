// The page that learns: the worker trains; here it is shown, taken apart, fooled and taught one's own hand.
import { fewest } from "./fewest.js";
import { Grid } from "./grid.js";
import { ask, newestWins, notice, onTheme, post, showSwitches } from "./page.js";
import { Sheet } from "./sheet.js";
import { CLASSES, PIXELS, crossEntropy, inked, largest, logits, softmax, step } from "./softmax.js";
import { both, language, speak, t } from "./text.js";
import * as view from "./view.js";

const $ = (id) => document.getElementById(id);
const TEN = [...Array(CLASSES).keys()];
const GROWN = 1.3; // times the first batch's loss: from there on it has gone wrong, not merely up and down
const EACH = 5; // drawings of each digit that are asked for

const worker = new Worker("learn-worker.js", { type: "module" });
let now = null; // what the worker said last
let run = 0; // counts runs; words of an earlier one are not shown
const curves = { losses: [], shares: [] };
let about = null; // the server's GET /api/model

const wrong = (fault) => fault.status !== null && notice(fault.message); // that the server is gone is said elsewhere
const number = (value, places = 3) => value.toFixed(places).replace("-", "−");
const column = (W, k) => Float32Array.from({ length: PIXELS }, (_, p) => W[p * CLASSES + k]);
const most = (maps) => Math.max(1e-9, ...maps.map((map) => map.reduce((top, value) => Math.max(top, Math.abs(value)), 0)));
const probabilities = (image, { W, b }) => softmax(logits(inked(image), 0, W, b, new Float64Array(CLASSES)));

/** Lays out ten of something: a digit, maps in one scale, lines of [what, number]. */
function lay(id, maps, lines = () => [], label = -1, name = null) {
  const scales = maps.map(most);
  $(id).replaceChildren(...TEN.map((k) => {
    const canvases = maps.map((ten, i) => {
      const canvas = view.make("canvas", { width: 28, height: 28, role: "img", ariaLabel: name && both(...name, { k }) });
      view.paintMap(canvas, ten[k], scales[i]);
      return canvas;
    });
    const numbers = lines(k).map(([what, value]) => view.make("span", { className: "n" }, view.make("i", { textContent: what }), value));
    return view.make("li", { className: k === label ? "label" : "" }, view.make("b", { textContent: k }), ...canvases, ...numbers);
  }));
}

// ---- the run --------------------------------------------------------------------------------------------------

const knobs = ["lr", "size", "count", "start", "seed"];
const settings = () => Object.fromEntries(knobs.map((id) => [id, id === "start" ? $(id).value : $(id).valueAsNumber]));
const pace = () => Number($("pace").value);

function restart() {
  if (!knobs.every((id) => $(id).reportValidity())) return;
  curves.losses = [];
  curves.shares = [];
  now = null;
  for (const id of ["play", "step"]) $(id).disabled = true;
  $("trouble").textContent = "";
  $("said").textContent = both("Fetching MNIST…", "正在取 MNIST…");
  worker.postMessage(["begin", { ...settings(), pace: pace(), id: ++run }]);
}

function heard(said) {
  if (said.id !== run) return;
  const first = !now;
  now = said;
  curves.losses.push(...said.losses);
  curves.shares.push(...said.shares);
  redraw();
  if (first) document.documentElement.dataset.ready = "true";
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
  const { W, epoch, done, count, size, loss, share, playing } = now;
  lay("templates", [TEN.map((k) => column(W, k))], undefined, -1, ["template of {k}", "数字 {k} 的模板"]);
  const whole = !done && epoch > 1;
  $("said").textContent = whole ? both("Epoch {epoch} is done. Play goes on with another.", "第 {epoch} 轮完成。按“播放”再来一轮。", { epoch: epoch - 1 })
    : both("Epoch {epoch}: batch {batch} of {batches}", "第 {epoch} 轮：第 {batch} 批，共 {batches} 批", { epoch, batch: Math.ceil(done / size).toLocaleString(language), batches: Math.ceil(count / size).toLocaleString(language) });
  $("loss").textContent = loss === undefined ? "" : number(curves.losses.at(-1)?.[1] ?? loss);
  $("share").textContent = number(share, 4);
  const end = Math.max(1, Math.ceil(curves.losses.at(-1)?.[0] ?? 0));
  curve("losses", end, Math.max(2.5, ...curves.losses.map(([, value]) => value)), both("Loss over {n} epochs", "{n} 轮的损失", { n: end }));
  curve("shares", end, 1, both("Share right over {n} epochs", "{n} 轮的正确率", { n: end }));
  $("play").textContent = playing ? both("Pause", "暂停") : both("Play", "播放");
  $("play").disabled = false;
  $("step").disabled = $("take").disabled = playing;
  showTrouble();
  $("resting").hidden = Boolean(now.batch);
  $("cards").hidden = !now.batch;
  if (now.batch) showBatch();
}

function curve(id, end, top, name) {
  const svg = (tag, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  const points = curves[id].map(([x, y]) => `${((300 * x) / end).toFixed(2)},${(100 - (97 * Math.min(y, top)) / top).toFixed(2)}`);
  const grid = svg("path", { d: "M0 27H300M0 52H300M0 76H300" });
  $(id).replaceChildren(grid, svg("polyline", { points: points.join(" ") }));
  $(id).setAttribute("aria-label", name);
}

function showTrouble() {
  const lately = curves.losses.slice(-5).map(([, value]) => value);
  const loss = lately.reduce((sum, value) => sum + value, 0) / lately.length;
  const grows = lately.length && !(loss <= now.first * GROWN);
  const text = grows ? both("The loss has grown from {first} to {loss}. With a learning rate of {lr} a step is so long that it overshoots: beyond the valley it lands higher than it stood. Take a smaller one, such as 0.1.", "损失从 {first} 涨到了 {loss}。学习率 {lr} 让一步太长：跨过谷底，落在更高的地方。换小一点，比如 0.1。", { first: number(now.first, 2), loss: number(loss, 2), lr: now.lr }) : "";
  if (!grows || !$("trouble").textContent) $("trouble").textContent = text; // said once, not with every step
}

function fault(text) {
  $("said").textContent = "";
  $("trouble").textContent = text;
  document.documentElement.dataset.ready = "true";
}

// ---- the sheet that it reads ----------------------------------------------------------------------------------

let drawn = null; // the 28x28 of what is on the sheet
const sheet = new Sheet($("canvas"), () => {
  if (sheet.busy || !sheet.empty) $("hint").hidden = true;
  see();
});

/** The 28x28 of a sheet as the reader makes it, or null. */
async function seen(on) {
  if (on.empty) return null;
  if (on.sample && !on.strokes.length) return on.sample.image;
  const body = on.sample ? await on.picture() : { width: on.width, height: 1000, strokes: on.strokes };
  const page = await post("api/read?detail=true&single=true", body);
  const digit = page.numbers[0]?.digits[0];
  return digit ? view.decode(digit.image) : null;
}

const see = newestWins(async () => {
  drawn = await seen(sheet);
  redraw();
}, wrong);

function showReading() {
  if (!drawn || !now) {
    view.showBars(null);
    $("reads").textContent = "";
    return;
  }
  const p = probabilities(drawn, now);
  const digit = largest(p);
  view.showBars({ digit, is_digit: true, digit_probability: 1, confidence: p[digit], probabilities: [...p] });
  const said = both("It reads {k}", "它认作 {k}", { k: digit });
  if ($("reads").textContent !== said) $("reads").textContent = said;
}

const samples = [];

async function sample() {
  if (!samples.length) samples.push(...(await ask("api/samples?count=20")).samples);
  const next = samples.shift();
  return { ...next, image: view.decode(next.image) };
}

// ---- one batch ------------------------------------------------------------------------------------------------

let taken = null; // {of: the word it belongs to, x, y, p, errors, change}
const image = new Grid($("image"), () => showBatch());

/** All that the cards show of a batch: forward for each image, and the step itself, taken on copies of W and b. */
function computed(said) {
  const { W, b, lr, batch } = said;
  const rows = batch.labels.map((_, i) => i);
  const x = inked(Uint8Array.from(batch.images.flatMap((each) => [...each])));
  const y = rows.map((i) => logits(x, i, W, b, new Float64Array(CLASSES)));
  const p = y.map((each) => softmax(each.slice()));
  const errors = p.map((each, i) => each.map((value, k) => value - (k === batch.labels[i])));
  const after = W.slice();
  const mean = step(x, batch.labels, rows, after, b.slice(), lr);
  return { of: said, y, p, errors, change: after.map((w, n) => w - W[n]), mean };
}

function showBatch() {
  if (!now?.batch) return;
  if (taken?.of !== now) {
    taken = computed(now);
    showMosaic();
    $("which").max = now.batch.labels.length - 1;
  }
  const { W, b, lr, batch } = now;
  const i = $("which").valueAsNumber;
  const [ink, label, y, p, error] = [batch.images[i], batch.labels[i], taken.y[i], taken.p[i], taken.errors[i]];
  $("which-said").textContent = both("{i} of {m}: number {row} of the set, label {label}", "{m} 张中的第 {i} 张：训练集第 {row} 个，标签 {label}", { i: i + 1, m: batch.labels.length, row: batch.rows[i], label });
  outline(i);
  image.paint(ink);
  const at = image.at;
  view.paintInk($("row"), ink);
  const x = ink[at] / 255;
  $("pixel").textContent = both("Row {r}, column {c}: number {at} of the row. Ink {ink} of 255 is x = {x}.", "第 {r} 行第 {c} 列，是这一行数的第 {at} 个。墨量 {ink}（满 255），即 x = {x}。", { r: Math.floor(at / 28), c: at % 28, at, ink: ink[at], x: number(x, 4) });
  const weight = (k) => W[at * CLASSES + k];
  lay("ten-logits", [TEN.map((k) => column(W, k).map((w, pixel) => (w * ink[pixel]) / 255))], (k) => [
    ["W", number(weight(k), 4)], ["xW", number(x * weight(k), 4)], ["Σ", number(y[k] - b[k])], ["b", number(b[k])], ["y", number(y[k])],
  ], label);
  const top = Math.max(...y);
  const exps = [...y].map((value) => Math.exp(value - top));
  lay("ten-softmax", [], (k) => [["y", number(y[k])], ["e", number(exps[k])], ["p", number(p[k])]], label);
  $("sum").textContent = both("The largest logit, {top}, is first taken off all ten: it cancels, and nothing overflows. The exponentials e sum to {sum}, by which each is divided.", "先都减去最大的 logit（{top}）：上下相消，也不会溢出。指数 e 之和为 {sum}，各除以它。", { top: number(top), sum: number(exps.reduce((sum, e) => sum + e)) });
  $("cost").textContent = both("The label is {label} and its p is {p}: the loss is −log {p} = {loss}. The mean of the whole batch is {mean}.", "标签是 {label}，它的 p 是 {p}，损失就是 −log {p} = {loss}。整批的平均是 {mean}。", { label, p: number(p[label], 4), loss: number(crossEntropy(y, label), 4), mean: number(taken.mean, 4) });
  lay("ten-errors", [], (k) => [["p", number(p[k])], ["−", String(Number(k === label))], ["=", number(error[k])]], label);
  const delta = (k) => taken.change[at * CLASSES + k];
  lay("ten-steps", [TEN.map((k) => column(taken.change, k))], (k) => [
    ["W", number(weight(k), 4)], ["+", number(delta(k), 5)], ["=", number(weight(k) + delta(k), 4)],
  ], -1, ["step of template {k}", "模板 {k} 走的一步"]);
  $("stepping").textContent = both("Of all {m} images together, η = {lr}: red grows, blue shrinks. Below, the chosen pixel's weight, its step, and the weight after it.", "{m} 张图片合在一起，η = {lr}：红色增大，蓝色减小。下面是所选像素的权重、这一步和走完后的权重。", { lr, m: batch.labels.length });
}

const columns = () => Math.ceil(Math.sqrt(now.batch.labels.length));

function showMosaic() {
  const wide = columns();
  const high = Math.ceil(now.batch.labels.length / wide);
  const pixels = new Uint8Array(wide * high * PIXELS);
  now.batch.images.forEach((each, i) => {
    const corner = Math.floor(i / wide) * wide * PIXELS + (i % wide) * 28;
    for (let row = 0; row < 28; row++) pixels.set(each.subarray(28 * row, 28 * row + 28), corner + row * wide * 28);
  });
  $("mosaic").width = 28 * wide;
  $("mosaic").height = 28 * high;
  view.paintInk($("mosaic"), pixels);
  taken.mosaic = $("mosaic").getContext("2d").getImageData(0, 0, 28 * wide, 28 * high);
}

function outline(i) {
  const context = $("mosaic").getContext("2d");
  context.putImageData(taken.mosaic, 0, 0);
  context.strokeStyle = getComputedStyle($("image")).color;
  context.lineWidth = 2;
  context.strokeRect((i % columns()) * 28 + 1, Math.floor(i / columns()) * 28 + 1, 26, 26);
}

// ---- make it say ----------------------------------------------------------------------------------------------

let subject = null; // {image: as it was, x: as it is, 0..1}
const board = new Grid($("board"), () => showBoard(), (at) => {
  const was = subject.image[at] / 255;
  const inks = [...new Set([was, 1, 0])];
  subject.x[at] = inks[(inks.indexOf(subject.x[at]) + 1) % inks.length];
  unsaid();
});

/** What this page has learnt, or before that the weights that ship. */
function judge() {
  if (now && (now.done || now.epoch > 1)) return now;
  const shipped = about?.models.softmax;
  return shipped && (about.judge ??= { W: Float32Array.from({ length: PIXELS * CLASSES }, (_, n) => shipped.templates[n % CLASSES][Math.floor(n / CLASSES)]), b: shipped.bias });
}

function put(image) {
  subject = { image, x: Float64Array.from(image, (ink) => ink / 255) };
  unsaid();
}

function say(values, { W, b }) {
  return softmax(Float64Array.from(TEN, (k) => values.reduce((sum, x, p) => sum + x * W[p * CLASSES + k], b[k])));
}

function showBoard() {
  const by = judge();
  if (!subject || !by) return;
  const p = say(subject.x, by);
  const [said, wanted] = [largest(p), Number($("wanted").value)];
  const changed = [...subject.x.keys()].filter((at) => subject.x[at] !== subject.image[at] / 255);
  board.paint(subject.x.map((x) => 255 * x), changed);
  $("says").textContent = both("It says {k} ({p}). {wanted}: {q}", "它说是 {k}（{p}）。{wanted}：{q}", { k: said, p: view.percent(p[said]), wanted, q: view.percent(p[wanted]) });
  $("changed").textContent = both("Pixels changed: {n}", "改动的像素：{n}", { n: changed.length });
  const rival = said === wanted ? TEN.toSorted((one, other) => p[other] - p[one])[1] : said;
  const lever = column(by.W, wanted).map((w, at) => w - by.W[at * CLASSES + rival]);
  view.paintMap($("lever"), lever, most([lever]));
  if (said === wanted && changed.length && !$("fewest-said").textContent) tellFewest(by, wanted);
}

function tellFewest(by, wanted) {
  const found = fewest(Float64Array.from(subject.image, (ink) => ink / 255), by.W, by.b, wanted);
  const n = found.pixels?.size;
  $("fewest-said").textContent = !found.pixels ? both("No change of any pixels makes it say {wanted}.", "怎么改，它都不会说 {wanted}。", { wanted })
    : !n ? both("It says {wanted} by itself. Choose another digit.", "它本来就说是 {wanted}。换一个数字吧。", { wanted })
    : found.least === n ? both("The fewest: {n}. It is proven that fewer never do.", "最少 {n} 个。已证明再少不行。", { n })
    : both("The fewest known: {n}. It is proven that fewer than {least} never do.", "已知最少 {n} 个。已证明少于 {least} 个不行。", { n, least: found.least });
  return found.pixels;
}

function showFewest() {
  const by = judge();
  if (!subject || !by) return;
  const pixels = tellFewest(by, Number($("wanted").value));
  if (!pixels) return;
  subject.x = Float64Array.from(subject.image, (ink, at) => pixels.get(at) ?? ink / 255);
  redraw();
}

// ---- one's own hand -------------------------------------------------------------------------------------------

let own = JSON.parse(localStorage.getItem("own") ?? "[]"); // [label, base64 of the 28x28] each, oldest first
const ownSheet = new Sheet($("own-canvas"), () => {});
const counts = () => TEN.map((k) => own.filter(([label]) => label === k).length);

function next() {
  const each = counts();
  return each.indexOf(Math.min(...each));
}

function showOwn() {
  const each = counts();
  $("asked").textContent = Math.min(...each) < EACH ? both("Draw a {k}", "写一个 {k}", { k: next() }) : both("Five of each are enough. Another {k} helps", "每个都有五遍了。再写一个 {k} 更好", { k: next() });
  lay("kept", [], (k) => [["", `${each[k]} / ${EACH}`]]);
  $("compare").disabled = new Set(own.map(([label]) => label)).size < 2;
  $("back").disabled = $("forget").disabled = !own.length;
  showMay();
}

function remember(changed) {
  own = changed;
  localStorage.setItem("own", JSON.stringify(own));
  $("mine").hidden = true;
  $("compared").textContent = "";
  showOwn();
}

async function keep() {
  try {
    const image = await seen(ownSheet);
    if (!image) return notice(t("Draw something first."));
    remember([...own, [next(), view.encode(image)]]);
    ownSheet.clear();
  } catch (error) {
    wrong(error);
  }
}

function compare() {
  const by = judge();
  if (!by) return;
  const images = new Uint8Array(own.length * PIXELS);
  own.forEach(([, image], i) => images.set(view.decode(image), i * PIXELS));
  $("compare").disabled = true;
  worker.postMessage(["own", { images, labels: Uint8Array.from(own, ([label]) => label), W: Float32Array.from(by.W), b: Float32Array.from(by.b) }]);
}

let compared = null;

function showCompared(found) {
  compared = found;
  $("compare").disabled = false;
  const { templates, W, before, after, of, mnist } = found;
  $("mine").hidden = false;
  lay("mine", [templates, W].map((each) => TEN.map((k) => column(each, k))), undefined, -1, ["template of {k}", "数字 {k} 的模板"]);
  const price = mnist ? " " + both("Of MNIST's test digits it reads {before} before and {after} after.", "MNIST 测试集的正确率：之前 {before}，之后 {after}。", { before: view.percent(mnist.before), after: view.percent(mnist.after) }) : "";
  $("compared").textContent = both("Above the templates of your hand, below MNIST's. MNIST's read {before} of your {of} drawings; going on from them with your other drawings, it reads {after}.", "上面是你笔迹的模板，下面是 MNIST 的。你写的 {of} 个里，MNIST 的模板认对 {before} 个；接着学了你其余的字之后，认对 {after} 个。", { before, of, after }) + price;
}

// ---- the network ----------------------------------------------------------------------------------------------

let training = null; // the server's GET /api/training

function showMay() {
  const off = !about?.corrections;
  $("send").disabled = off || !own.length;
  $("send").title = off ? t("Corrections are off: this server is read-only.") : "";
}

async function send() {
  $("send").disabled = true;
  let sent = 0;
  try {
    for (const [label, image] of own) {
      await post("api/corrections", { label, image });
      sent++;
    }
    notice(both("Added to the corrections: {n}", "已加入改正：{n} 个", { n: sent }));
  } catch (error) {
    wrong(error);
  }
  showMay();
}

async function train(method, path = "api/training") {
  try {
    training = await ask(path, { method });
  } catch (error) {
    wrong(error);
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
  const share = (from, to) => `${view.percent(from)} → ${view.percent(to)}`;
  const figures = () => both("Right before and after: your corrections held back {own}", "前后的正确率：留出的改正 {own}", { own: share(before.own, after.own) })
    + (before.mnist === null ? "" : both("; MNIST's test digits {mnist}", "；MNIST 测试集 {mnist}", { mnist: share(before.mnist, after.mnist) }));
  const said = {
    training: () => both("Training: epoch {epoch} of {epochs}", "训练中：第 {epoch} 轮，共 {epochs} 轮", { epoch, epochs }),
    measuring: () => both("Testing, before and after", "正在测试前后的正确率"),
    done: figures,
    keeping: figures,
    kept: () => `${figures()}. ${both("Kept, and the drawing page reads with it; from now on: shuzi serve --weights {file}", "已留下，书写页已换用；以后请用：shuzi serve --weights {file}", { file })}`,
    failed: () => error,
  }[state]?.() ?? refused ?? "";
  if ($("training").textContent !== said) $("training").textContent = said;
  if (busy) setTimeout(() => train("GET"), 1000);
}

// ---- wiring ---------------------------------------------------------------------------------------------------

function dress() {
  view.readColours();
  showSwitches();
  for (const each of [sheet, ownSheet]) each.dress();
  taken = null;
  if (compared && !$("mine").hidden) showCompared(compared);
  redraw();
}

function setLanguage(next) {
  localStorage.setItem("language", next);
  speak(next);
  if (now) $("trouble").textContent = "";
  if (subject) $("fewest-said").textContent = "";
  showOwn();
  showTraining();
  dress();
}

const another = (then) => () => sample().then(then, wrong);
const unsaid = () => {
  $("fewest-said").textContent = "";
  redraw();
};

const clicks = {
  restart, keep, compare, send,
  play: () => worker.postMessage([now.playing ? "rest" : "play"]),
  step: () => worker.postMessage(["step"]),
  take: () => worker.postMessage(["step"]),
  clear: () => {
    sheet.clear();
    $("hint").hidden = false;
  },
  sample: another((each) => sheet.show(each)),
  another: another((each) => put(each.image)),
  again: () => subject && put(subject.image),
  fewest: showFewest,
  "own-clear": () => ownSheet.clear(),
  back: () => remember(own.slice(0, -1)),
  forget: () => remember([]),
  train: () => train("POST"),
  stop: () => train("DELETE"),
  "keep-it": () => train("POST", "api/training/keep"),
  language: () => setLanguage(language === "zh" ? "en" : "zh"),
  mosaic: ({ offsetX, offsetY }) => {
    const at = (offset) => Math.floor((offset * columns()) / $("mosaic").clientWidth);
    $("which").value = at(offsetY) * columns() + at(offsetX);
    showBatch();
  },
};
const changes = {
  size: restart, count: restart, start: restart, seed: restart, wanted: unsaid,
  pace: () => worker.postMessage(["set", { pace: pace() }]),
  lr: () => $("lr").reportValidity() && worker.postMessage(["set", { lr: $("lr").valueAsNumber }]),
};

function wire() {
  for (const [id, act] of Object.entries(clicks)) $(id).addEventListener("click", act);
  for (const [id, act] of Object.entries(changes)) $(id).addEventListener("change", act);
  $("which").addEventListener("input", showBatch);
  for (const [id, on] of [["canvas", sheet], ["own-canvas", ownSheet]]) {
    $(id).addEventListener("keydown", (event) => {
      if (on === ownSheet && event.key === "Enter") keep();
      else if (!event.ctrlKey && !event.metaKey && on.key(event)) event.preventDefault();
    });
  }
  onTheme(dress);
}

async function start() {
  $("wanted").append(...TEN.map((k) => view.make("option", { value: k, textContent: k, selected: k === 8 })));
  view.layBars();
  wire();
  worker.onmessage = ({ data }) => {
    if (data.run) heard(data.run);
    else if (data.own) showCompared(data.own);
    else fault(data.fault);
  };
  setLanguage(language);
  restart();
  try {
    about = await ask("api/model");
    showMay();
    put((await sample()).image);
    await train("GET");
  } catch (error) {
    wrong(error);
  }
}

start();
