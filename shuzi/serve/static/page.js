// What all pages share: requests, messages, samples, language and theme.
import { request } from "./api.js";
import { speak, t } from "./text.js";

export const $ = (id) => document.getElementById(id);
export const root = document.documentElement;
export const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
export const TEN = [...Array(10).keys()];

export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Shows a text; a screen reader reads it only if it is new. */
export function say(id, text) {
  if ($(id).textContent !== text) $(id).textContent = text;
}

/** Listens to events of a type. acts: {id: function}. */
export const on = (type, acts) => Object.entries(acts).forEach(([id, act]) => $(id).addEventListener(type, act));

const AGAIN = 2000; // ms until the next look for a lost server

/** A failed request. status: HTTP's; 0 without an answer, null without a server. */
const fault = (status, detail) => Object.assign(new Error(detail), { status });

const gone = () => t("Not connected: the server does not answer. Is shuzi serve still running? This page reconnects by itself.", "未连接：服务器没有回应。shuzi serve 还在运行吗？恢复后本页会自动重连。");

export async function ask(path, options = {}) {
  let reply;
  try {
    reply = await request(path, options);
  } catch {
    if (!offline && (await alive())) throw fault(0, t("The answer was cut off.", "服务器响应中断。"));
    disconnected();
    throw fault(null, gone());
  }
  if (!reply.ok) throw fault(reply.status, (await reply.json()).detail);
  return reply.status === 204 ? null : reply.headers.get("content-type") === "image/jpeg" ? reply.blob() : reply.json();
}

export function post(path, body) {
  const [type, sent] = body instanceof Blob ? [body.type || "application/octet-stream", body] : ["application/json", JSON.stringify(body)];
  return ask(path, { method: "POST", cache: "no-store", priority: "high", body: sent, headers: { "Content-Type": type } });
}

/** What went wrong, as a sentence. what: was asked about. */
export function told(fault, what) {
  const status = fault.status;
  if (status === undefined) return t("Something went wrong on this page: {e}", "页面出错了：{e}", { e: fault.message });
  if (status === null) return gone();
  if (status === 501) return fault.message; // can't be done here: a sentence for the person
  if (status === 424) return t("{file} couldn't be loaded. Reload the page to try again.", "{file} 无法加载，请刷新页面重试。", { file: fault.message });
  if (status === 413) return t("{what} is too large.", "{what} 太大了。", { what });
  if (status === 408 || status === 503 || status === 0) return t("{what}: reading took too long. Try again, or with less.", "识别超时：{what}。请重试，或减少内容。", { what });
  if (status === 403 || status === 421) return t("The server refused this page's request.", "服务器拒绝了本页面的请求。");
  return t("Something went wrong on the server ({status}).", "服务器出错了（{status}）。", { status });
}

/** Tells of a failed request; the banner tells of a lost server. */
export const wrong = (fault, text = told(fault, t("The drawing", "所写的内容"))) => fault.status !== null && notice(text);

// ---- a lost server

const banner = make("p", { id: "offline", role: "alert" });
document.querySelector("header").after(banner);

const alive = () => request("api/health", { cache: "no-store" }).then((reply) => reply.ok, () => false);

let offline = false;
let warning = "";
let returned = () => {};

/** Calls `act` when a lost server is back. */
export const onReturn = (act) => (returned = act);

const showOffline = () => (banner.textContent = offline ? gone() : warning);

/** Says at the top of the page what stays so. */
export function warn(text) {
  warning = text;
  showOffline();
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

/** Runs `work` now, or once more after the present run. `settled` waits for all. */
export function newestWins(work, failed) {
  let [running, again] = [null, false];
  async function rounds() {
    do {
      again = false;
      await work().catch(failed);
    } while (again);
    running = null;
  }
  const run = () => {
    again = true;
    running ??= rounds();
  };
  return Object.assign(run, { settled: async () => running });
}

let noticed = 0;

export function notice(text) {
  clearTimeout(noticed);
  $("notice").textContent = text;
  $("notice").className = "shown";
  noticed = setTimeout(() => ($("notice").className = ""), 8000);
}

export async function copyText(value) {
  try {
    await navigator.clipboard.writeText(value);
  } catch { // only https and localhost have a clipboard
    const area = make("textarea", { value });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }
}

// ---- samples

export const decode = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
export const encode = (image) => btoa(String.fromCharCode(...image));

const waiting = { true: [], false: [] }; // fetched ahead, hard and not

/** One of MNIST's test digits: {image: Uint8Array(784), label, index}. */
export async function sample(hard = false) {
  if (!waiting[hard].length) waiting[hard] = (await ask(`api/samples?count=20&hard=${hard}`)).samples;
  const next = waiting[hard].shift();
  return { ...next, image: decode(next.image) };
}

// ---- language and theme

const dark = matchMedia("(prefers-color-scheme: dark)");
const darkNow = () => (root.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";
const remembered = localStorage.getItem("theme");
if (remembered) root.dataset.theme = remembered;

/** Wires the switches of language and theme; calls show() now and after each. */
export function onSwitch(show) {
  const anew = () => {
    speak();
    $("language").lang = t("zh", "en");
    $("theme").textContent = darkNow() ? t("Light", "浅色") : t("Dark", "深色");
    showOffline();
    show();
  };
  const turn = (what, next, act) => $(what).addEventListener("click", () => {
    const value = next();
    localStorage.setItem(what, value);
    act(value);
    anew();
  });
  turn("language", () => t("zh", "en"), speak);
  turn("theme", () => (darkNow() ? "light" : "dark"), (theme) => (root.dataset.theme = theme));
  dark.addEventListener("change", anew);
  anew();
}
