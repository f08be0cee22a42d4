// Where no server is, the pages' requests are answered here: by files, or by what the browser computes.
import { CACHE } from "./constants.js";

export const readsPhotos = false;
if (globalThis.document) import("./offline.js");

const NO_SERVER = "Training the network needs shuzi serve on your own computer.";
const drawings = () => import("./drawings.js"); // pages read, workers don't

const answers = {
  "api/health": () => ({ status: "ok" }),
  "api/model": () => request("model.json"),
  "api/read": async ({ model = "network", single }, body) => (await drawings()).read(body, model, single === "true"),
  "api/explain": async ({ model = "network" }, body) => (await drawings()).explain(body, model),
  "api/samples": samples,
  "api/training": () => ({ state: "idle", refused: NO_SERVER }),
  "api/learn/set": () => request("mnist.bin.gz"),
};

async function samples({ count = 1, hard = "false" }) {
  const { samples: all } = await (await request("samples.json")).json();
  const chosen = all.filter((sample) => String(sample.hard) === hard).map((sample) => [Math.random(), sample]);
  return { samples: chosen.sort(([a], [b]) => a - b).slice(0, count).map(([, sample]) => sample) };
}

/** The Response to a request such as "api/model", or a file of the site, unpacked if its name ends in .gz. */
export async function request(path, { body } = {}) {
  const [name, query] = path.split("?");
  if (!answers[name]) return file(name);
  try {
    const answer = await answers[name](Object.fromEntries(new URLSearchParams(query)), body);
    return answer instanceof Response ? answer : Response.json(answer);
  } catch (fault) {
    return Response.json({ detail: fault.message }, { status: fault.status ?? 500 });
  }
}

async function file(name) {
  const reply = await fetch(name).catch(() => null);
  if (!reply?.ok) throw Object.assign(new Error(name), { status: 424 });
  await globalThis.caches?.open(CACHE).then((cache) => cache.put(name, reply.clone())).catch(() => {}); // a full disk
  const packed = name.endsWith(".gz") && !reply.headers.get("content-encoding"); // which some hosts add, and browsers unpack
  return packed ? new Response(reply.body.pipeThrough(new DecompressionStream("gzip"))) : reply;
}
