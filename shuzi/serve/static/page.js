// What all pages do alike: ask the server, tell of a fault, wear a theme.
import { language, t } from "./text.js";

const $ = (id) => document.getElementById(id);

const AGAIN = 2000; // ms between two looks for a server that is gone

/** A request that failed. status: HTTP's; 0 where no answer came though the server is there, null where it is gone. */
export class Fault extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

const gone = () => t("Not connected: the server does not answer. Is shuzi serve still running? The page goes on by itself once it is.");

export async function ask(path, options = {}) {
  let reply;
  try {
    reply = await fetch(path, options);
  } catch {
    if (!offline && (await alive())) throw new Fault(0, t("The answer was cut off."));
    disconnected();
    throw new Fault(null, gone());
  }
  if (!reply.ok) throw new Fault(reply.status, (await reply.json()).detail);
  return reply.status === 204 ? null : reply.json();
}

export const post = (path, body) => ask(path, {
  method: "POST",
  cache: "no-store",
  priority: "high",
  body: body instanceof Blob ? body : JSON.stringify(body),
  headers: { "Content-Type": body instanceof Blob ? body.type || "application/octet-stream" : "application/json" },
});

/** What went wrong, as a sentence in the page's language. what: the name of what was asked. */
export function told(fault, what) {
  const status = fault.status;
  if (status === undefined) return t("The page met a fault: {e}", { e: fault.message });
  if (status === null) return gone();
  if (status === 413) return t("{what} is too large.", { what });
  if (status === 408 || status === 503 || status === 0) return t("{what} was not answered in time. Try again, or with less.", { what });
  if (status === 403 || status === 421) return t("This server does not answer this page.");
  return t("The server met a fault ({status}).", { status });
}

// ---- the server gone ------------------------------------------------------------------------------------------

const banner = Object.assign(document.createElement("p"), { id: "offline", className: "offline", role: "alert", hidden: true });
document.querySelector("header").after(banner);

const alive = () => fetch("api/health", { cache: "no-store" }).then((reply) => reply.ok, () => false);

let offline = false;
let returned = () => {};

/** Calls `act` when a server that was gone is there again. */
export const onReturn = (act) => (returned = act);

/** Says, as long as it is so, that the server is gone. */
export function showOffline() {
  banner.hidden = !offline;
  banner.textContent = offline ? gone() : "";
}

async function disconnected() {
  if (offline) return;
  offline = true;
  showOffline();
  do await new Promise((done) => setTimeout(done, AGAIN)); while (!(await alive()));
  offline = false;
  showOffline();
  returned();
}

/** Runs `work` now, or once more after the one that is running; what lies between is skipped. `settled` waits for all. */
export function newestWins(work, failed = (fault) => notice(fault.message)) {
  let running = null;
  let again = false;
  async function rounds() {
    do {
      again = false;
      await work().catch(failed);
    } while (again);
    running = null;
  }
  function run() {
    again = true;
    running ??= rounds();
  }
  run.settled = async () => running;
  return run;
}

let noticed = 0;

/** Tells a person something, for a while. */
export function notice(text) {
  clearTimeout(noticed);
  $("notice").textContent = text;
  $("notice").className = "shown";
  noticed = setTimeout(() => ($("notice").className = ""), 8000);
}

// ---- theme ----------------------------------------------------------------------------------------------------

const root = document.documentElement;
const dark = matchMedia("(prefers-color-scheme: dark)");
const darkNow = () => (root.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";
const remembered = localStorage.getItem("theme");
if (remembered) root.dataset.theme = remembered;

/** Names the buttons for the other language and the other theme. */
export function showSwitches() {
  $("language").textContent = language === "zh" ? "English" : "中文";
  $("language").lang = language === "zh" ? "en" : "zh";
  $("theme").textContent = darkNow() ? t("Light") : t("Dark");
}

/** Calls `dress` whenever the theme changes. */
export function onTheme(dress) {
  dark.addEventListener("change", dress);
  $("theme").addEventListener("click", () => {
    localStorage.setItem("theme", root.dataset.theme = darkNow() ? "light" : "dark");
    dress();
  });
}
