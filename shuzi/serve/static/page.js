// What all pages do alike: ask the server, tell of a fault, wear a theme.
import { language, t } from "./text.js";

const $ = (id) => document.getElementById(id);

export async function ask(path, options = {}) {
  let reply;
  try {
    reply = await fetch(path, options);
  } catch {
    throw new Error(t("The server does not answer. Is shuzi serve still running?"));
  }
  const body = await reply.json();
  if (!reply.ok) throw new Error(body.detail ?? body.title);
  return body;
}

export const post = (path, body) => ask(path, {
  method: "POST",
  cache: "no-store",
  priority: "high",
  body: body instanceof Blob ? body : JSON.stringify(body),
  headers: { "Content-Type": body instanceof Blob ? body.type || "application/octet-stream" : "application/json" },
});

/** Runs `work` now, or once more after the one that is running; what lies between is skipped. */
export function newestWins(work) {
  let running = false;
  let again = false;
  return async function run() {
    if (running) return void (again = true);
    running = true;
    do {
      again = false;
      await work().catch((error) => notice(error.message));
    } while (again);
    running = false;
  };
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
