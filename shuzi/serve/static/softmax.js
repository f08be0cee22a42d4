// Softmax regression as in shuzi/softmax/equations.py, on typed arrays.
export const PIXELS = 784;
export const CLASSES = 10;
const INK = Float32Array.from({ length: 256 }, (_, ink) => ink / 255);

/** Images, Uint8Array (n * 784), as their nonzero pixels: zeros add nothing to any sum. */
export function inked(images) {
  const rows = images.length / PIXELS;
  const total = images.reduce((sum, ink) => sum + (ink > 0), 0);
  const [from, at, ink] = [new Uint32Array(rows + 1), new Uint16Array(total), new Uint8Array(total)];
  for (let row = 0, n = 0; row < rows; row++) {
    for (let pixel = 0; pixel < PIXELS; pixel++) {
      const value = images[row * PIXELS + pixel];
      if (!value) continue;
      at[n] = CLASSES * pixel; // where the pixel's ten weights begin
      ink[n++] = value;
    }
    from[row + 1] = n;
  }
  return { from, at, ink, rows };
}

/** y = x W + b of one row, into `y`. W: (784 * 10), a pixel's ten weights side by side; b (10). */
export function logits(x, row, W, b, y = new Float64Array(CLASSES)) {
  for (let k = 0; k < CLASSES; k++) y[k] = b[k];
  for (let n = x.from[row]; n < x.from[row + 1]; n++) {
    const value = INK[x.ink[n]];
    const w = x.at[n];
    for (let k = 0; k < CLASSES; k++) y[k] += value * W[w + k];
  }
  return y;
}

/** Logits to probabilities, in place: p_k = exp(y_k) / sum of exp(y_j), without overflow. */
export function softmax(y) {
  const top = Math.max(...y);
  let sum = 0;
  for (let k = 0; k < CLASSES; k++) sum += y[k] = Math.exp(y[k] - top);
  for (let k = 0; k < CLASSES; k++) y[k] /= sum;
  return y;
}

/** -log p of the label from logits, in nats: log(sum of exp(y_j)) - y_label. */
export function crossEntropy(y, label) {
  const top = Math.max(...y);
  let sum = 0;
  for (let k = 0; k < CLASSES; k++) sum += Math.exp(y[k] - top);
  return top + Math.log(sum) - y[label];
}

export function largest(y) {
  let best = 0;
  for (let k = 1; k < CLASSES; k++) if (y[k] > y[best]) best = k;
  return best;
}

let errors = new Float64Array(0);

/** Moves W and b by -lr times the gradient of a batch's mean loss, x^T (p - onehot) / m. Returns that loss. */
export function step(x, labels, batch, W, b, lr) {
  const m = batch.length;
  if (errors.length < m * CLASSES) errors = new Float64Array(m * CLASSES);
  let loss = 0;
  for (let i = 0; i < m; i++) {
    const y = logits(x, batch[i], W, b, errors.subarray(i * CLASSES, (i + 1) * CLASSES));
    const label = labels[batch[i]];
    loss += crossEntropy(y, label);
    softmax(y)[label] -= 1; // p - onehot
  }
  for (let i = 0; i < m; i++) {
    for (let k = 0; k < CLASSES; k++) b[k] -= (lr / m) * errors[i * CLASSES + k];
    for (let n = x.from[batch[i]]; n < x.from[batch[i] + 1]; n++) {
      const value = (lr / m) * INK[x.ink[n]];
      const w = x.at[n];
      for (let k = 0; k < CLASSES; k++) W[w + k] -= value * errors[i * CLASSES + k];
    }
  }
  return loss / m;
}

/** The number of correct predictions from row `first` on. */
export function right(x, labels, W, b, first = 0) {
  const y = new Float64Array(CLASSES);
  let count = 0;
  for (let row = first; row < x.rows; row++) count += largest(logits(x, row, W, b, y)) === labels[row];
  return count;
}

/** A digit's weights: column k of W. */
export const column = (W, k) => Float32Array.from({ length: PIXELS }, (_, p) => W[p * CLASSES + k]);
export const columns = (W) => [...Array(CLASSES).keys()].map((k) => column(W, k));

export const probabilities = (image, { W, b }) => softmax(logits(inked(image), 0, W, b));
