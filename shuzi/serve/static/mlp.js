// A multilayer perceptron on typed arrays: layers z = x W + b with ReLU between them, as in chapter 11 of the lesson.
// With one layer it is softmax regression, as in shuzi/softmax/equations.py. A layer is {W, b}: W (inputs * outputs) has an
// input's weights side by side.
import { normal } from "./draws.js";

export const PIXELS = 784;
export const CLASSES = 10;
const BLOCK = 500; // rows at once where all of a set are read

/** The layers to start from. hidden: units, 0 for no hidden layer. draw: draws uint32; without it all weights are 0. */
export function initial(hidden, draw) {
  const sizes = hidden ? [PIXELS, hidden, CLASSES] : [PIXELS, CLASSES];
  const gain = hidden ? 2 : 1; // ReLU drops about half of what comes in
  return sizes.slice(1).map((outputs, at) => ({
    W: draw ? normal(draw, sizes[at], outputs, Math.sqrt(gain / sizes[at])) : new Float32Array(sizes[at] * outputs),
    b: new Float32Array(outputs),
  }));
}

export const copy = (layers) => layers.map(({ W, b }) => ({ W: W.slice(), b: b.slice() }));

// ---- rows of numbers of which many are 0: row i has value[n] in column at[n], for from[i] <= n < from[i + 1]

/** The positive ones of `width` numbers a row, times a factor. Of z it is ReLU, max(0, z). */
function positive(values, width, factor = 1) {
  const rows = values.length / width;
  const x = { rows, width, from: new Uint32Array(rows + 1), at: new Uint16Array(values.length), value: new Float32Array(values.length) };
  let n = 0;
  for (let row = 0, i = 0; row < rows; row++) {
    for (let column = 0; column < width; column++, i++) {
      if (!(values[i] > 0)) continue;
      x.at[n] = column;
      x.value[n++] = factor * values[i];
    }
    x.from[row + 1] = n;
  }
  return x;
}

/** Images, Uint8Array (n * 784), as rows in [0, 1]. */
export const inked = (images) => positive(images, PIXELS, 1 / 255);

function transposed({ rows, width, from, at, value }) {
  const size = from[rows];
  const x = { rows: width, width: rows, from: new Uint32Array(width + 1), at: new Uint16Array(size), value: new Float32Array(size) };
  for (let n = 0; n < size; n++) x.from[at[n] + 1]++;
  for (let column = 0; column < width; column++) x.from[column + 1] += x.from[column];
  const next = x.from.slice();
  for (let row = 0; row < rows; row++) {
    for (let n = from[row]; n < from[row + 1]; n++) {
      const to = next[at[n]]++;
      x.at[to] = row;
      x.value[to] = value[n];
    }
  }
  return x;
}

/** out += factor * x M; M and out: `width` numbers a row. Four products at a time, for each of which `out` is read once. */
function addProduct(x, M, width, out, factor = 1) {
  const { rows, from, at, value } = x;
  for (let row = 0, to = 0; row < rows; row++, to += width) {
    const end = from[row + 1];
    let n = from[row];
    for (; n + 3 < end; n += 4) {
      const [a, b, c, d] = [width * at[n], width * at[n + 1], width * at[n + 2], width * at[n + 3]];
      const [p, q, r, s] = [factor * value[n], factor * value[n + 1], factor * value[n + 2], factor * value[n + 3]];
      for (let k = 0; k < width; k++) out[to + k] += p * M[a + k] + q * M[b + k] + r * M[c + k] + s * M[d + k];
    }
    for (; n < end; n++) {
      const [a, p] = [width * at[n], factor * value[n]];
      for (let k = 0; k < width; k++) out[to + k] += p * M[a + k];
    }
  }
}

// ---- forward

/** z = x W + b. */
function linear(x, { W, b }) {
  const z = new Float32Array(x.rows * b.length);
  for (let row = 0; row < x.rows; row++) z.set(b, row * b.length);
  addProduct(x, W, b.length, z);
  return z;
}

/** Returns what goes into each layer, x and then h = max(0, x W1 + b1), and the logits z (rows * 10). */
export function forward(x, layers) {
  const inputs = [x];
  for (const layer of layers.slice(0, -1)) inputs.push(positive(linear(inputs.at(-1), layer), layer.b.length));
  return { inputs, z: linear(inputs.at(-1), layers.at(-1)) };
}

/** Logits to probabilities, in place: p_k = exp(z_k) / sum of exp(z_j), without overflow. */
export function softmax(z) {
  const top = Math.max(...z);
  let sum = 0;
  for (let k = 0; k < CLASSES; k++) sum += z[k] = Math.exp(z[k] - top);
  for (let k = 0; k < CLASSES; k++) z[k] /= sum;
  return z;
}

/** -log p of the label from logits, in nats: log(sum of exp(z_j)) - z_label. */
export function crossEntropy(z, label) {
  const top = Math.max(...z);
  let sum = 0;
  for (let k = 0; k < CLASSES; k++) sum += Math.exp(z[k] - top);
  return top + Math.log(sum) - z[label];
}

// ---- backward

/** delta = p - onehot of each row, in place of the logits z. Returns the sum of the rows' losses. */
function errors(z, labels) {
  let loss = 0;
  for (let row = 0; row < labels.length; row++) {
    const own = z.subarray(row * CLASSES, (row + 1) * CLASSES);
    loss += crossEntropy(own, labels[row]);
    softmax(own)[labels[row]] -= 1;
  }
  return loss;
}

/** delta1 = delta W^T where h > 0, and 0 elsewhere. delta: of the outputs (rows * 10). */
export function backward(delta, { W }, h) {
  const below = new Float32Array(h.rows * h.width);
  for (let row = 0; row < h.rows; row++) {
    for (let n = h.from[row]; n < h.from[row + 1]; n++) {
      let sum = 0;
      for (let k = 0; k < CLASSES; k++) sum += delta[row * CLASSES + k] * W[h.at[n] * CLASSES + k];
      below[row * h.width + h.at[n]] = sum;
    }
  }
  return below;
}

/** W -= lr x^T delta / m, b -= lr times the mean of delta. */
function descend(x, delta, { W, b }, lr) {
  addProduct(transposed(x), delta, b.length, W, -lr / x.rows);
  for (let n = 0; n < delta.length; n++) b[n % b.length] -= (lr / x.rows) * delta[n];
}

/** Takes a step of gradient descent on the mean loss of x, in place. Returns that loss. */
export function step(x, labels, layers, lr) {
  const { inputs, z: delta } = forward(x, layers);
  const loss = errors(delta, labels);
  if (layers.length === 2) {
    const delta1 = backward(delta, layers[1], inputs[1]); // by the weights as they were
    descend(inputs[1], delta, layers[1], lr);
    descend(x, delta1, layers[0], lr);
  } else descend(x, delta, layers[0], lr);
  return loss / x.rows;
}

// ---- predictions

export function largest(z) {
  let best = 0;
  for (let k = 1; k < CLASSES; k++) if (z[k] > z[best]) best = k;
  return best;
}

export const probabilities = (image, layers) => softmax(forward(inked(image), layers).z);

/** The number of correct predictions from image `first` on. */
export function right({ images, labels }, layers, first = 0) {
  let count = 0;
  for (let from = first; from < labels.length; from += BLOCK) {
    const { z } = forward(inked(images.subarray(from * PIXELS, (from + BLOCK) * PIXELS)), layers);
    for (let row = 0; row * CLASSES < z.length; row++) count += largest(z.subarray(row * CLASSES, (row + 1) * CLASSES)) === labels[from + row];
  }
  return count;
}

/** Column k of W, which has `width` numbers a row: the weights of a digit or of a hidden unit. */
export function column(W, k, width = CLASSES) {
  const weights = new Float32Array(W.length / width);
  for (let p = 0; p < weights.length; p++) weights[p] = W[p * width + k];
  return weights;
}
export const columns = (W) => [...Array(CLASSES).keys()].map((k) => column(W, k));

/** The ten templates: the columns of W, or with a hidden layer of W1 W2, of all units or of those in `firing`. */
export function templates([{ W, b }, out], firing = [...b.keys()]) {
  if (!out) return columns(W);
  const product = new Float32Array(PIXELS * CLASSES);
  for (let p = 0; p < PIXELS; p++) {
    for (const j of firing) {
      const w = W[p * b.length + j];
      for (let k = 0; k < CLASSES; k++) product[p * CLASSES + k] += w * out.W[j * CLASSES + k];
    }
  }
  return columns(product);
}
