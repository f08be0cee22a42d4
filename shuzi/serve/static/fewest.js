// The fewest pixels that make softmax regression predict another digit, and how many are provably needed.
import { CLASSES, PIXELS } from "./mlp.js";

const ROUNDS = 400;
const CLEAR = 1e-4; // of a logit: the wanted digit's least lead, against ties and rounding

/**
 * image: 784 values; W, b as in mlp.js. Returns {pixels: Map of pixel to new value, or null; least: fewer never do}.
 *
 * A bound on each pixel's gain in the weighted mean lead over the rivals gives `least`. If the best pixels don't beat each
 * rival, weight moves to those that still lead (multiplicative weights, Freund and Schapire 1999).
 */
export function fewest(image, W, b, wanted) {
  const x = Float64Array.from(image, (ink) => ink / 255);
  const rivals = [...Array(CLASSES).keys()].filter((k) => k !== wanted);
  const slope = (p, r) => W[p * CLASSES + wanted] - W[p * CLASSES + rivals[r]];
  const lead = rivals.map((k, r) => x.reduce((sum, ink, p) => sum + ink * slope(p, r), b[wanted] - b[k] - CLEAR));
  let weights = rivals.map((_, r) => (lead[r] === Math.min(...lead) ? 1 : 0.01));
  let [best, least] = [null, 0];
  if (lead.every((each) => each > 0)) return { pixels: new Map(), least: 0 };
  for (let round = 0; round < ROUNDS && !(best && best.size <= least); round++) {
    const total = weights.reduce((sum, weight) => sum + weight);
    weights = weights.map((weight) => weight / total);
    const moves = [...x.keys()].map((p) => {
      const mean = weights.reduce((sum, weight, r) => sum + weight * slope(p, r), 0);
      return { p, ink: mean > 0 ? 1 : 0, gain: mean > 0 ? mean * (1 - x[p]) : -mean * x[p] };
    }).sort((one, other) => other.gain - one.gain);
    let missing = -lead.reduce((sum, each, r) => sum + weights[r] * each, 0);
    let needed = 0;
    while (missing >= 0 && needed < PIXELS) missing -= moves[needed++].gain;
    least = Math.max(least, missing >= 0 ? PIXELS + 1 : needed);
    const now = [...lead];
    const most = best ? best.size - 1 : PIXELS;
    let tried = 0;
    while (now.some((each) => each <= 0) && tried < most) {
      const { p, ink } = moves[tried++];
      for (let r = 0; r < rivals.length; r++) now[r] += (ink - x[p]) * slope(p, r);
      if (tried === needed) weights = weights.map((weight, r) => weight * Math.exp(-now[r]));
    }
    if (now.every((each) => each > 0)) best = new Map(moves.slice(0, tried).map(({ p, ink }) => [p, 255 * ink]));
  }
  return { pixels: best, least };
}
