// The network that names digits, in a thread of its own: loaded when it is first asked.
import { TEMPERATURE } from "./constants.js";
import { t } from "./text.js";

// The smallest module with an instruction of WebAssembly SIMD: i8x16.splat, then i8x16.popcnt.
const SIMD = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11);
const INSTEAD = () => t(" Softmax regression reads instead.", " 改由 Softmax 回归识别。");

let worker = null;
const waiting = []; // of [done, failed], in the order of the requests

/** A fault for which the network can't read at all; the pages then go on with softmax regression. */
const unable = (sentence) => Object.assign(new Error(sentence + INSTEAD()), { status: 501 });

function start() {
  if (typeof WebAssembly === "undefined") throw unable(t("This browser has no WebAssembly, which the network needs.", "此浏览器不支持 WebAssembly，无法运行神经网络。"));
  if (!WebAssembly.validate(SIMD)) throw unable(t("This browser's WebAssembly has no SIMD, which the network needs.", "此浏览器的 WebAssembly 不支持 SIMD，无法运行神经网络。"));
  const started = new Worker("classifier-worker.js", { type: "module" });
  const failed = () => {
    const fault = unable(t("A file of the network couldn't be loaded. Reload the page to try again.", "神经网络的文件无法加载，请刷新页面重试。"));
    while (waiting.length) waiting.shift()[1](fault);
    started.terminate();
    worker = null;
  };
  started.onerror = failed;
  started.onmessage = ({ data }) => (data ? waiting.shift()[0](data) : failed());
  return started;
}

function softmax(logits) {
  const top = Math.max(...logits);
  const exp = logits.map((z) => Math.exp((z - top) / TEMPERATURE));
  const sum = exp.reduce((total, value) => total + value);
  return exp.map((value) => value / sum);
}

/** Calibrated probabilities of the ten digits and of "no digit" for each of some 28x28s, Uint8Array(784) each. */
export async function scores(images) {
  worker ??= start();
  const all = await new Promise((done, failed) => {
    waiting.push([done, failed]);
    worker.postMessage(images);
  });
  const classes = all.length / images.length;
  return images.map((_, i) => softmax([...all.subarray(i * classes, (i + 1) * classes)]));
}
