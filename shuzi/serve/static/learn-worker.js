// Trains in a thread of its own and reports to the page.
import { request } from "./api.js";
import { generator, shuffled } from "./draws.js";
import { PIXELS, columns, copy, initial, inked, right, step } from "./mlp.js";

const FRAME = 25; // ms of training between two reports
const HELD = 5000; // the last training images, for validation
const SHARE = 7; // of a smaller set one in so many is held out
const MEASURED = 10; // validations per epoch; fewer where they would take longer than the training
const DRAWN = 200; // points of the loss curve per epoch
const OWN = { folds: 5, steps: 200, lr: 0.1 }; // training on one's own digits, all in each step

const SET = "api/learn/set";
let set = null; // the promise of [train, test]: {images, labels}
let run = null;

const pause = (ms) => new Promise((over) => setTimeout(over, ms));

/** A failure that the page explains. status: HTTP's, 0 without an answer. */
const failure = (status, detail = "") => Object.assign(new Error(detail), { status });

async function bytes(path) {
  let reply;
  do {
    if (reply) await pause(1000); // the server is busy
    reply = await request(path).catch(() => {
      throw failure(0);
    });
  } while (reply.status === 503);
  if (!reply.ok) throw failure(reply.status, await reply.json().then(({ detail }) => detail, () => ""));
  return reply.arrayBuffer().catch(() => {
    throw failure(0);
  });
}

/** MNIST: two uint32, the numbers of training and test images; their labels; their images. */
async function load() {
  const packed = await bytes(SET);
  const [train, test] = packed.byteLength < 8 ? [0, 0] : new Uint32Array(packed, 0, 2);
  if (!train || packed.byteLength !== 8 + (train + test) * (1 + PIXELS)) throw failure(0);
  let at = 8;
  const take = (count) => new Uint8Array(packed, (at += count) - count, count);
  const labels = [take(train), take(test)];
  return labels.map((each) => ({ labels: each, images: take(each.length * PIXELS) }));
}

const loaded = () => (set ??= load().catch((error) => {
  set = null;
  throw error;
}));

/** Chosen images of a set. */
function chosen({ images, labels }, rows) {
  const batch = { rows, images: new Uint8Array(rows.length * PIXELS), labels: new Uint8Array(rows.length) };
  rows.forEach((row, i) => {
    batch.images.set(images.subarray(row * PIXELS, (row + 1) * PIXELS), i * PIXELS);
    batch.labels[i] = labels[row];
  });
  return batch;
}

/** A new run. settings: {hidden, lr, size of a batch, count, epochs, start: "random" or "zeros", seed, pace}. */
async function begin(settings) {
  const mine = { ...settings, epoch: 1, done: 0, since: [], losses: [], shares: [], kept: [] };
  run = mine;
  const [train] = await loaded();
  if (run !== mine) return;
  const all = train.labels.length;
  if (mine.count > all) mine.count = all - Math.min(HELD, Math.floor(all / SHARE));
  mine.held = Math.min(HELD, all - mine.count);
  mine.layers = initial(mine.hidden, mine.start === "random" && generator(mine.seed));
  mine.draw = generator(mine.seed);
  mine.order = shuffled(mine.draw, mine.count);
  mine.set = train;
  measure(mine);
  keep(mine);
  say(mine);
}

const epochs = (mine) => mine.epoch - 1 + mine.done / mine.count;
const next = (mine) => chosen(mine.set, mine.order.subarray(mine.done, mine.done + mine.size));

function measure(mine) {
  mine.unmeasured = 0;
  if (!mine.held) return;
  mine.share = right(mine.set, mine.layers, mine.set.labels.length - mine.held) / mine.held;
  mine.shares.push([epochs(mine), mine.share]);
}

const keep = (mine) => mine.kept.push({ epochs: epochs(mine), share: mine.share, layers: copy(mine.layers) });

/** One step; whether it ended the epoch. */
function take(mine) {
  const { images, labels } = next(mine);
  mine.loss = step(inked(images), labels, mine.layers, mine.lr);
  mine.first ??= mine.loss;
  mine.done += labels.length;
  mine.unmeasured += labels.length;
  mine.since.push(mine.loss);
  const steps = Math.ceil(mine.count / mine.size);
  const taken = Math.ceil(mine.done / mine.size);
  const ended = mine.done === mine.count;
  if (ended || taken % Math.ceil(steps / DRAWN) === 0) {
    mine.losses.push([epochs(mine), mine.since.reduce((sum, loss) => sum + loss) / mine.since.length]);
    mine.since = [];
  }
  if (ended || mine.unmeasured >= Math.max(mine.count / MEASURED, mine.held)) {
    measure(mine);
    if (ended || mine.epoch === 1) keep(mine); // most happens in the first epoch
  }
  return ended;
}

function turn(mine) {
  mine.epoch++;
  mine.done = 0;
  mine.order = shuffled(mine.draw, mine.count);
}

/** Takes one step, or steps until a pause or the end of `epochs` more epochs. */
async function play(mine, once = false) {
  if (!mine.set || mine.playing) return;
  mine.playing = !once;
  const last = mine.epoch - 1 + mine.epochs;
  do {
    const until = performance.now() + FRAME;
    let ended;
    do ended = take(mine);
    while (!ended && !once && !mine.pace && performance.now() < until);
    if (ended) {
      turn(mine);
      if (mine.epoch > last) mine.playing = false;
    }
    if (mine !== run) return;
    say(mine);
    await pause(mine.pace);
  } while (mine.playing);
  if (mine === run) say(mine);
}

/** Reports to the page; in a pause with the next batch. */
function say(mine) {
  const { set, order, since, draw, unmeasured, ...said } = mine;
  postMessage({ run: mine.playing ? said : { ...said, batch: next(mine) } });
  Object.assign(mine, { losses: [], shares: [], kept: [] });
}

// ---- one's own hand

function learn({ images, labels }, layer) {
  const layers = copy([layer]);
  for (let i = 0; i < OWN.steps; i++) step(inked(images), labels, layers, OWN.lr);
  return layers;
}

/** Templates of one's own digits, and how many are right before and after a layer is trained on the others. */
async function own({ images, labels, layer, turn }) {
  const mine = { images, labels };
  const all = Uint32Array.from(labels.keys());
  const nth = labels.map((label, i) => labels.subarray(0, i).filter((other) => other === label).length);
  const count = (layers, rows) => right(chosen(mine, rows), layers);
  let after = 0;
  for (let fold = 0; fold < OWN.folds; fold++) {
    const others = all.filter((row) => nth[row] % OWN.folds !== fold);
    after += count(learn(chosen(mine, others), layer), all.filter((row) => nth[row] % OWN.folds === fold));
  }
  const [, test] = (await set?.catch(() => null)) ?? [];
  const share = (layers) => right(test, layers) / test.labels.length;
  postMessage({
    own: {
      templates: columns(learn(mine, initial(0)[0])[0].W),
      turn, layer, before: count([layer], all), after, of: all.length,
      mnist: test?.labels.length ? { before: share([layer]), after: share(learn(mine, layer)) } : null,
    },
  });
}

const orders = {
  begin,
  own,
  play: () => play(run),
  step: () => play(run, true),
  set: (changes) => { // pace, lr, epochs, playing
    Object.assign(run, changes);
    if (run.set) say(run);
  },
};

onmessage = async ({ data: [order, value] }) => {
  try {
    await orders[order](value);
  } catch (error) {
    postMessage({ id: value?.id ?? run.id, fault: error.message, status: error.status });
  }
};
