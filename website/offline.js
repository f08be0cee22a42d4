// Keeps what a page loads for visits without a network; browsers allow it on https and on localhost.
if (navigator.serviceWorker) {
  await navigator.serviceWorker.register(new URL("sw.js", import.meta.url));
  const { active } = await navigator.serviceWorker.ready;
  active.postMessage([location.href.split("#")[0]]);
  const names = (list) => list.getEntries().map(({ name }) => name);
  new PerformanceObserver((list) => active.postMessage(names(list))).observe({ type: "resource", buffered: true });
}
