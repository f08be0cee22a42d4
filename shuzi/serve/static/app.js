// The page: one sheet or one photo; the newest drawing wins.
import { readsPhotos } from "./api.js";
import * as corrections from "./corrections.js";
import { $, TEN, ask, copyText, make, newestWins, notice, on, onReturn, onSwitch, post, root, sample, say, told, warn, wrong } from "./page.js";
import { Sheet } from "./sheet.js";
import { t } from "./text.js";
import * as view from "./view.js";

const LARGEST = 10e6; // bytes the server takes
const REST = 150; // ms until the network is asked why: 100 readings

let answer = null; // {text, numbers, digits, photo, size, body, model} of what is on the page
let chosen = 0;
let newest = false; // the last digit is shown until another is chosen
let photo = null; // a Blob while a picture is shown, else null
let named = ""; // the picture's file
let [page, pages] = [1, 1]; // of the picture
let pictured = 1; // the page that the browser shows
let state = null; // of the photo: "reading", or the Fault for which it was not read
let why = null;
let templates = null;
let about = null; // the server's GET /api/model
const sheet = new Sheet($("canvas"), () => changed());

const model = () => document.querySelector("[name=model]:checked").value;

// ---- asking

function sentence(fault) {
  const what = photo ? named : t("The drawing", "所写的内容");
  if (fault.status !== 400 && fault.status !== 422) return told(fault, what);
  if (/\[pdf\]/.test(fault.message)) return t("To read PDFs, run this in shuzi's source folder: pip install '.[pdf]'", "要识别 PDF，请在 shuzi 源码目录运行：pip install '.[pdf]'");
  return photo ? t("{what} can't be read as a picture.", "{what} 不是可以识别的图片。", { what }) : t("There is too much to read. Undo some of it.", "内容太多，无法识别，请撤销几笔。");
}

const digitsOf = (page) => page.numbers.flatMap((number) => number.digits);

let sheets = 0; // counts sheets: answers to an earlier one are not shown
let answers = 0;

const read = newestWins(async () => {
  const [mine, by] = [sheets, model()];
  if (!photo && sheet.empty) return show(null);
  const body = photo ?? (await sheet.body());
  const single = Boolean(!photo && sheet.sample && !sheet.strokes.length);
  const started = performance.now();
  const query = `single=${single}&page=${page}`;
  const read = await post(`api/read?detail=true&model=${by}&${query}`, body);
  if (mine !== sheets || by !== model() || (!photo && sheet.empty)) return;
  state = null;
  pages = read.pages;
  show({ ...read, ms: performance.now() - started, digits: digitsOf(read), photo: Boolean(photo), body, query });
}, failed);

/** Has the server draw a page that the browser can't show. */
const picture = newestWins(async () => {
  const [mine, wanted] = [sheets, page];
  if (!photo || pictured === page) return;
  const drawn = await post(`api/picture?page=${wanted}`, photo);
  if (mine !== sheets) return;
  pictured = wanted;
  showPicture(drawn);
}, () => {}); // reading it says why

/** Why there is no answer to see, or empty. */
const instead = () => (state === "reading" ? t("Reading…", "正在识别…") : state ? sentence(state) : "");

/** Tells of a failed request. */
function failed(fault) {
  if (fault.status === 501 && !network().disabled) withoutNetwork(fault);
  else if (photo && state === "reading" && fault.status !== null) {
    state = fault;
    showChosen();
    speakSoon();
  } else wrong(fault, sentence(fault));
}

const network = () => document.querySelector("[value=network]");

/** Goes on with softmax regression where the network can't run. */
function withoutNetwork(fault) {
  const tell = () => warn(fault.message);
  if (sheet.drawing) addEventListener("pointerup", tell, { once: true }); // what is drawn on must not move
  else tell();
  network().disabled = true;
  if (network().checked) switchModel();
}

const explain = newestWins(async () => {
  const digit = answer?.digits[chosen];
  const which = model();
  if (!digit) return;
  const reply = await post(`api/explain?model=${which}`, { image: digit.image });
  if (answer?.digits[chosen] !== digit || which !== model()) return;
  why = reply;
  showWhy();
}, failed);

/** What the other model reads in the same digits. */
const compare = newestWins(async () => {
  const mine = answer;
  if (!mine?.digits.length || network().disabled) return;
  mine.other = digitsOf(await post(`api/read?model=${mine.model === "network" ? "softmax" : "network"}&${mine.query}`, mine.body));
  if (answer !== mine) return;
  view.showOther(answer, chosen);
}, failed);

let resting = 0;

function explainSoon() {
  clearTimeout(resting);
  if (model() === "softmax") explain();
  resting = setTimeout(() => {
    compare();
    if (model() === "network") explain();
  }, REST);
}

function changed() {
  corrections.forget();
  $("hint").hidden = !sheet.empty;
  showCaption();
  newest = true;
  read();
}

function show(page) {
  answer = page;
  const last = Math.max(0, (page?.digits.length ?? 0) - 1);
  chosen = newest ? last : Math.min(chosen, last);
  view.showBoxes(answer, chosen, choose);
  showChosen();
  speakSoon();
  root.dataset.answered = String(++answers); // for a benchmark to watch
}

const showReading = () => view.showReading(answer, chosen, choose, instead(), state === "reading");
const showWhy = () => view.showWhy(why, model() === "softmax" ? templates : null);

function showChosen() {
  const digit = answer?.digits[chosen];
  showReading();
  showPaging();
  $("copy").hidden = !answer?.text;
  view.showBars(digit);
  view.showOther(answer, chosen);
  view.showPixels(digit);
  showSpeed();
  if (digit) return explainSoon();
  why = null;
  showWhy();
}

function choose(at) {
  newest = false;
  if (at === chosen) return;
  chosen = at;
  view.chooseBox(at);
  showChosen();
}

function showSpeed() {
  const it = about?.models[model()];
  if (!it) return;
  const name = it.own ? it.name : `${it.name} ${it.version}`;
  say("model", answer?.ms ? t("{name} · {ms} ms", "{name} · 用时 {ms} 毫秒", { name, ms: answer.ms.toFixed(answer.ms < 10 ? 1 : 0) }) : name);
}

function showPaging() {
  $("paging").hidden = pages === 1;
  $("before").disabled = page === 1;
  $("after").disabled = page === pages;
  say("page", t("Page {page} of {pages}", "第 {page} 页，共 {pages} 页", { page, pages }));
}

function showPicture(blob) {
  URL.revokeObjectURL($("picture").src);
  $("picture").src = URL.createObjectURL(blob);
  $("picture").style.visibility = "";
}

let speaking = 0;

function speakSoon() {
  clearTimeout(speaking); // a screen reader hears the answer, not the way to it
  speaking = setTimeout(() => say("live", view.spoken(answer, instead())), 600);
}

/** Shows the photo if there is one, else the sheet. */
function swap() {
  $("photo").hidden = $("looking").hidden = !photo;
  $("canvas").hidden = $("hint").hidden = $("undo").hidden = Boolean(photo);
}

function blank() {
  sheets++;
  photo = null;
  state = null;
  [page, pages, pictured] = [1, 1, 1];
  URL.revokeObjectURL($("picture").src);
  swap();
  chosen = 0;
  why = null;
}

function clear() {
  blank();
  sheet.clear();
}

const undo = () => (photo ? clear() : sheet.undo());

async function lay(hard) {
  const mine = ++sheet.turn;
  try {
    const next = await sample(hard);
    if (mine !== sheet.turn) return;
    blank();
    sheet.show(next);
  } catch (fault) {
    failed(fault);
  }
}

function showCaption() {
  const of = sheet.sample;
  say("caption", of ? t("MNIST test image {i}, label {k}", "MNIST 测试集 {i} 号（从 0 起），标签 {k}", { i: of.index, k: of.label }) : "");
}

async function open(file) {
  if (!file) return;
  if (!readsPhotos) return noPhotos();
  const what = file.name;
  if (file.type && !/^image\/|pdf$/.test(file.type)) return notice(t("{what} is not a picture or PDF.", "{what} 不是图片或 PDF。", { what }));
  const mine = ++sheet.turn;
  const sent = file.size > LARGEST ? await view.shrunk(file).catch(() => null) : file;
  if (mine !== sheet.turn) return;
  if (!sent) return notice(told({ status: 413 }, what));
  blank();
  sheet.clear();
  photo = sent;
  named = what;
  $("picture").onerror = () => {
    $("picture").onerror = null;
    pictured = 0;
    picture();
  };
  showPicture(file);
  swap();
  readPage();
}

function noPhotos(event) {
  event?.preventDefault(); // no file to choose
  clear();
  state = { status: 501, get message() { return t("This page reads drawings. To read photos, run this in shuzi's source folder: pip install '.[serve]', then: shuzi serve", "本页只识别手写笔迹。要识别照片，请在 shuzi 源码目录运行：pip install '.[serve]'，再运行：shuzi serve"); } };
  show(null);
}

function readPage() {
  view.zoom(0);
  newest = false;
  state = "reading";
  show(null);
  picture();
  read();
}

function turnPage(by) {
  sheets++;
  page += by;
  chosen = 0;
  $("picture").style.visibility = "hidden"; // no boxes on another page
  readPage();
}

async function copy() {
  const { text } = answer;
  await copyText(text);
  $("copy").focus();
  notice(t("Copied: {text}", "已复制：{text}", { text: text.length > 40 ? text.slice(0, 40) + "…" : text }));
}

// ---- corrections

async function correct(label) {
  await read.settled(); // so that all that is drawn is saved
  const digit = answer?.digits[chosen];
  if (!digit) return notice(t("Draw something first.", "请先写点什么。"));
  if (!about?.corrections) return notice(t("This server is read-only and saves no corrections.", "服务器为只读模式，不保存更正。"));
  if (!photo && sheet.sample) return notice(t("This sample comes from the test set, so it isn't saved: training on it would spoil the test.", "这个样例属于测试集，用来训练会使测试失去意义，所以不保存。"));
  corrections.save(label, digit.image);
}

const switchModel = () => document.querySelector("[name=model]:not(:checked)").click();

function showKept() {
  if (!about) return;
  $("correct").hidden = !about.corrections;
  say("kept", !about.corrections ? t("Nothing is stored here.", "这里不保存任何内容。")
    : about.folder ? t("Corrections are saved on this computer, in {folder}. Nothing else is stored, and nothing leaves this computer.", "更正只保存在本机：{folder}。除此之外不保存任何内容，数据不会离开本机。", { folder: about.folder })
    : t("Corrections are saved on the computer that serves this page. Nothing else is stored.", "更正保存在运行本服务的电脑上，除此之外不保存任何内容。"));
}

// ---- wiring

const closer = (steps) => photo && view.zoom(steps);

const clicks = {
  undo, clear, copy, sample: () => lay(false), hard: () => lay(true), takeback: corrections.undo,
  before: () => turnPage(-1), after: () => turnPage(1), closer: () => closer(1), farther: () => closer(-1), boxed: () => ($("boxed").ariaPressed = $("frame").classList.toggle("boxed")),
  keys: () => $("help").showModal(),
};

const shortcuts = {
  z: undo, c: clear, s: clicks.sample, h: clicks.hard, p: () => $("file").click(), m: switchModel,
  b: () => photo && clicks.boxed(), "+": clicks.closer, "=": clicks.closer, "-": clicks.farther,
};

function onKey(event) {
  const held = event.ctrlKey || event.metaKey;
  if (held && event.key === "z") return event.preventDefault(), undo();
  if (held || event.altKey || event.defaultPrevented || $("help").open) return;
  // WCAG 2.1.4
  if (!$("single-keys").checked && event.target !== $("canvas")) return;
  if (/^[0-9]$/.test(event.key)) correct(Number(event.key));
  else shortcuts[event.key.toLowerCase()]?.();
}

function wire() {
  on("click", clicks);
  const pick = ({ target }) => {
    open(target.files[0]);
    target.value = "";
  };
  on("change", { file: pick, camera: pick, "single-keys": () => localStorage.setItem("keys", $("single-keys").checked) });
  $("picture").onload = () => $("frame").style.setProperty("--ratio", $("picture").naturalWidth / $("picture").naturalHeight);
  view.wirePhoto(open);
  $("single-keys").checked = localStorage.getItem("keys") !== "false";
  document.querySelector(".models").onchange = () => {
    why = null;
    if (photo) state = "reading";
    showReading();
    showWhy();
    read();
  };
  if (!readsPhotos) on("click", { file: noPhotos, camera: noPhotos });
  addEventListener("keydown", onKey);
  onReturn(() => meet().then(picture).then(read));
  $("labels").append(...TEN.map((k) => make("button", { textContent: k, onclick: () => correct(k) })));
}

async function meet() {
  try {
    about = await ask("api/model");
  } catch (fault) {
    return failed(fault);
  }
  const { network, softmax } = about.models;
  templates = softmax.templates;
  if (network.own) {
    $("network").textContent = network.name;
    delete $("network").dataset.zh; // it needs no translation
  }
  showKept();
  showSpeed();
  showWhy();
}

/** Shows all of it. */
function showAll() {
  view.readColours();
  sheet.dress();
  showKept();
  showCaption();
  corrections.show();
  TEN.forEach((k) => ($("labels").children[k].ariaLabel = t("it is {k}", "它是 {k}", { k })));
  view.showBoxes(answer, chosen, choose);
  showChosen();
  showWhy();
}

view.layBars();
wire();
onSwitch(showAll);
show(null);
await meet();
root.dataset.ready = "true";
