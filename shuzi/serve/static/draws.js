// The random numbers of shuzi/softmax/draws.py: from a seed the same initial weights and the same order of images.
// Mersenne Twister: M. Matsumoto and T. Nishimura, ACM TOMACS 8 (1998).
const [N, M] = [624, 397];
const BLOCK = 16; // normal numbers come in blocks of this size, half of them cosines and half sines

/** A function that draws uint32. seed: 0 to 2^32 - 1. */
export function generator(seed) {
  const state = new Uint32Array(N);
  state[0] = seed;
  for (let i = 1; i < N; i++) state[i] = Math.imul(1812433253, state[i - 1] ^ (state[i - 1] >>> 30)) + i;
  let at = N;
  const twist = () => {
    for (let i = 0; i < N; i++) {
      const y = (state[i] & 0x80000000) | (state[(i + 1) % N] & 0x7fffffff);
      state[i] = state[(i + M) % N] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    at = 0;
  };
  return () => {
    if (at === N) twist();
    let y = state[at++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  };
}

/** Weights (inputs * outputs) from N(0, deviation^2), an input's side by side; drawn output by output, as torch does. */
export function normal(draw, inputs, outputs, deviation) {
  const W = new Float32Array(inputs * outputs);
  const put = (n, value) => (W[(n % inputs) * outputs + Math.floor(n / inputs)] = deviation * value);
  for (let block = 0; block < W.length; block += BLOCK) {
    const uniform = Array.from({ length: BLOCK }, () => (draw() & 0xffffff) / 2 ** 24);
    for (let i = 0; i < BLOCK / 2; i++) { // Box and Muller
      const radius = Math.sqrt(-2 * Math.log(1 - uniform[i]));
      const angle = 2 * Math.PI * uniform[i + BLOCK / 2];
      put(block + i, radius * Math.cos(angle));
      put(block + i + BLOCK / 2, radius * Math.sin(angle));
    }
  }
  return W;
}

/** A permutation of 0 to count - 1 (Fisher and Yates). */
export function shuffled(draw, count) {
  const places = Uint32Array.from({ length: count }, (_, i) => i);
  for (let i = 0; i < count - 1; i++) {
    const j = i + (draw() % (count - i));
    [places[i], places[j]] = [places[j], places[i]];
  }
  return places;
}
