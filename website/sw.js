// Answers from what was kept of the site, so that the second visit works offline. A new build has a new cache.
const CACHE = "{cache}";
const FILES = {files}; // of the drawing page and of /learn, without what is large

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES)));
});

self.addEventListener("activate", (event) => {
  const old = caches.keys().then((names) => names.filter((name) => name.startsWith("shuzi-") && name !== CACHE));
  event.waitUntil(old.then((names) => Promise.all(names.map((name) => caches.delete(name)))).then(() => self.clients.claim()));
});

/** Keeps what a page loaded before it had this worker. */
self.addEventListener("message", ({ data: addresses }) => {
  for (const address of addresses) if (address.startsWith(self.registration.scope)) answer(address).catch(() => {});
});

self.addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method === "GET" && url.startsWith(self.registration.scope)) event.respondWith(answer(event.request));
});

async function answer(request) {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request, { ignoreSearch: true });
  if (kept) return kept;
  const reply = await fetch(request);
  if (reply.ok) await cache.put(request, reply.clone());
  return reply;
}
