// Trains in a thread of its own and reports to the page.
import { request } from "./api.js";
import { generator, normal, shuffled } from "./draws.js";
import { CLASSES, PIXELS, inked, largest, logits, right, step } from "./softmax.js";

const FRAME = 25; // ms of training between two reports
const HELD = 5000; // the last training images, for validation
const MEASURED = 20; // validations per epoch
const DRAWN = 200; // points of the loss curve per epoch
const OWN = { folds: 5, steps: 200, lr: 0.1 }; // training on one's own digits, all in each step

let set = null; // the promise of [train, test]: images, labels, x
let run = null;

const pause = (ms) => new Promise((over) => setTimeout(over, ms));

async function bytes(path) {
  let reply = await request(path);
  while (reply.status === 503) { // busy
    await pause(1000);
    reply = await request(path);
  }
  if (!reply.ok) throw Object.assign(new Error((await reply.json()).detail), { status: reply.status });
  return reply.arrayBuffer();
}

async function load() {
  const packed = await bytes("api/learn/set");
  const [train, test] = new Uint32Array(packed, 0, 2);
  let at = 8;
  const take = (count) => new Uint8Array(packed, (at += count) - count, count);
  const labels = [take(train), take(test)];
  const images = [take(train * PIXELS), take(test * PIXELS)];
  return images.map((each, i) => ({ images: each, labels: labels[i], x: inked(each) }));
}

const loaded = () => (set ??= load().catch((error) => {
  set = null;
  throw error;
}));

/** A new run. settings: {count, size of a batch, lr, start: "random" or "zeros", seed}. */
async function begin(settings) {
  const mine = { ...settings, epoch: 1, done: 0, W: new Float32Array(PIXELS * CLASSES), b: new Float32Array(CLASSES), since: [], losses: [], shares: [] };
  run = mine;
  const [train] = await loaded();
  mine.count = Math.min(mine.count, train.labels.length);
  if (mine.start === "random") mine.W = normal(generator(mine.seed), PIXELS, CLASSES, 1 / Math.sqrt(PIXELS));
  mine.draw = generator(mine.seed);
  mine.order = shuffled(mine.draw, mine.count);
  if (run !== mine) return;
  mine.set = train;
  mine.held = Math.min(HELD, train.labels.length - mine.count);
  measure(mine);
  say(mine);
}

const epochs = (mine) => mine.epoch - 1 + mine.done / mine.count;
const next = (mine) => mine.order.subarray(mine.done, mine.done + mine.size);

function measure(mine) {
  const { x, labels } = mine.set;
  if (!mine.held) return;
  mine.share = right(x, labels, mine.W, mine.b, x.rows - mine.held) / mine.held;
  mine.shares.push([epochs(mine), mine.share]);
}

/** One step; whether it ended the epoch. */
function take(mine) {
  const { x, labels } = mine.set;
  const batch = next(mine);
  mine.loss = step(x, labels, batch, mine.W, mine.b, mine.lr);
  mine.first ??= mine.loss;
  mine.done += batch.length;
  mine.since.push(mine.loss);
  const steps = Math.ceil(mine.count / mine.size);
  const taken = Math.ceil(mine.done / mine.size);
  const ended = mine.done === mine.count;
  if (ended || taken % Math.ceil(steps / DRAWN) === 0) {
    mine.losses.push([epochs(mine), mine.since.reduce((sum, loss) => sum + loss) / mine.since.length]);
    mine.since = [];
  }
  if (ended || taken % Math.ceil(steps / MEASURED) === 0) measure(mine);
  return ended;
}

function turn(mine) {
  mine.epoch++;
  mine.done = 0;
  mine.order = shuffled(mine.draw, mine.count);
}

/** Takes one step, or steps until a pause or the epoch's end. */
async function play(mine, once = false) {
  if (!mine.set || mine.playing || mine.done === mine.count) return;
  mine.playing = !once;
  do {
    const until = performance.now() + FRAME;
    let ended;
    do ended = take(mine);
    while (!ended && !once && !mine.pace && performance.now() < until);
    if (ended) {
      mine.playing = false;
      turn(mine);
    }
    if (mine !== run) return;
    say(mine);
    await pause(mine.pace);
  } while (mine.playing);
  if (mine === run) say(mine);
}

/** Reports to the page; in a pause with the next batch. */
function say(mine) {
  const { set, order, since, draw, ...said } = mine;
  if (!mine.playing) {
    const { images, labels } = set;
    const rows = [...next(mine)];
    said.batch = { rows, labels: rows.map((row) => labels[row]), images: rows.map((row) => images.slice(row * PIXELS, (row + 1) * PIXELS)) };
  }
  postMessage({ run: said });
  mine.losses = [];
  mine.shares = [];
}

// ---- one's own hand

function learn(x, labels, rows, W, b) {
  const learnt = { W: W.slice(), b: b.slice() };
  for (let i = 0; i < OWN.steps; i++) step(x, labels, rows, learnt.W, learnt.b, OWN.lr);
  return learnt;
}

/** Templates of one's own digits, and how many are right before and after W is trained on the others. */
async function own({ images, labels, W, b, turn }) {
  const x = inked(images);
  const all = Uint32Array.from(labels.keys());
  const nth = labels.map((label, i) => labels.subarray(0, i).filter((other) => other === label).length);
  const count = (learnt, rows) => rows.filter((row) => largest(logits(x, row, learnt.W, learnt.b)) === labels[row]).length;
  let after = 0;
  for (let fold = 0; fold < OWN.folds; fold++) {
    const others = all.filter((row) => nth[row] % OWN.folds !== fold);
    after += count(learn(x, labels, others, W, b), all.filter((row) => !others.includes(row)));
  }
  const [, test] = await loaded().catch(() => []);
  const share = (learnt) => right(test.x, test.labels, learnt.W, learnt.b) / test.labels.length;
  postMessage({
    own: {
      templates: learn(x, labels, all, new Float32Array(W.length), new Float32Array(CLASSES)).W,
      turn, W, before: count({ W, b }, all), after, of: all.length,
      mnist: test && { before: share({ W, b }), after: share(learn(x, labels, all, W, b)) },
    },
  });
}

const orders = {
  begin,
  own,
  play: () => play(run),
  step: () => play(run, true),
  set: (changes) => Object.assign(run, changes), // pace, lr, playing
};

onmessage = async ({ data: [order, value] }) => {
  try {
    await orders[order](value);
  } catch (error) {
    postMessage({ id: value?.id ?? run.id, fault: error.message, status: error.status });
  }
};
