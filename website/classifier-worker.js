// Runs the classifier on onnxruntime-web: images in, logits out, or null if it can't.
import { request } from "./api.js";

let session = null; // its promise

async function load() {
  const [{ InferenceSession, Tensor, env }, runtime, network] = await Promise.all([
    import("./ort.mjs"), request("ort.wasm.gz"), request("reader.onnx"),
  ]);
  Object.assign(env.wasm, { numThreads: 1, wasmBinary: await runtime.arrayBuffer() });
  return { Tensor, session: await InferenceSession.create(new Uint8Array(await network.arrayBuffer())) };
}

onmessage = async ({ data: images }) => {
  try {
    const { Tensor, session: network } = await (session ??= load());
    const pixels = new Uint8Array(images.length * images[0].length);
    images.forEach((image, i) => pixels.set(image, i * image.length));
    const { logits } = await network.run({ images: new Tensor("uint8", pixels, [images.length, 28, 28]) });
    postMessage(logits.data);
  } catch (error) {
    console.warn(error);
    postMessage(null);
  }
};
