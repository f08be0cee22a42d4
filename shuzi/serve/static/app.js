// The page: one sheet or one photo, one request to the reader in flight, the newest drawing wins.
import { ask, newestWins, notice, onTheme, post, showSwitches } from "./page.js";
import { Sheet } from "./sheet.js";
import { language, speak, t } from "./text.js";
import * as view from "./view.js";

const $ = (id) => document.getElementById(id);
const LARGEST = 10e6; // bytes the server takes
const REST = 150; // ms the pen rests before the network is asked why: ten maps cost it some 100 readings

let answer = null; // {text, numbers, digits, photo, size} of what is on the page
let chosen = 0;
let newest = false; // while a row is written, its last digit is the one looked at
let photo = null; // a Blob while a picture is shown, else null
let why = null;
let templates = null;
let about = null; // the server's GET /api/model
const sheet = new Sheet($("canvas"), () => changed());

const model = () => document.querySelector("[name=model]:checked").value;

// ---- asking ---------------------------------------------------------------------------------------------------

let sheets = 0; // counts the sheets and photos laid on the page; an answer to an earlier one is not shown
let answers = 0;

const read = newestWins(async () => {
  const mine = sheets;
  if (!photo && sheet.empty) return show(null);
  const body = photo ?? (sheet.sample ? await sheet.picture() : { width: sheet.width, height: 1000, strokes: sheet.strokes });
  const single = !photo && sheet.sample && !sheet.strokes.length;
  const started = performance.now();
  const page = await post(`api/read?detail=true&model=${model()}&single=${Boolean(single)}`, body);
  if (mine !== sheets || (!photo && sheet.empty)) return;
  page.ms = performance.now() - started;
  page.digits = page.numbers.flatMap((number) => number.digits);
  page.photo = Boolean(photo);
  show(page);
});

const explain = newestWins(async () => {
  const digit = answer?.digits[chosen];
  const which = model();
  if (!digit) return;
  const reply = await post(`api/explain?model=${which}`, { image: digit.image });
  if (answer?.digits[chosen] !== digit || which !== model()) return;
  why = reply;
  showWhy();
});

let resting = 0;

function explainSoon() {
  clearTimeout(resting);
  if (model() === "softmax") return explain();
  resting = setTimeout(explain, REST);
}

// ---- showing --------------------------------------------------------------------------------------------------

function changed() {
  if (sheet.busy || !sheet.empty) $("hint").hidden = true;
  showCaption();
  newest = true;
  read();
}

function show(page) {
  answer = page;
  const last = Math.max(0, (page?.digits.length ?? 0) - 1);
  chosen = newest ? last : Math.min(chosen, last);
  newest = false;
  view.showBoxes(answer, chosen, choose);
  showChosen();
  speakSoon();
  document.documentElement.dataset.answered = String(++answers); // for a benchmark to watch
}

function showChosen() {
  const digit = answer?.digits[chosen];
  view.showReading(answer, chosen, choose);
  view.showBars(digit);
  view.showPixels(digit);
  showSpeed();
  if (digit) explainSoon();
  else {
    why = null;
    showWhy();
  }
}

function choose(at) {
  if (at === chosen) return;
  chosen = at;
  view.chooseBox(at);
  showChosen();
}

function showWhy() {
  view.showWhy(why, model() === "softmax" ? templates : null, model());
}

function showSpeed() {
  const named = about?.models[model()];
  if (!named) return;
  $("model").textContent = answer?.ms
    ? t("{name} {version}, answers in {ms} ms", { name: named.name, version: named.version, ms: answer.ms.toFixed(answer.ms < 10 ? 1 : 0) })
    : `${named.name} ${named.version}`;
}

let speaking = 0;

function speakSoon() {
  clearTimeout(speaking); // a screen reader hears the answer, not every frame on the way to it
  speaking = setTimeout(() => ($("live").textContent = view.spoken(answer)), 600);
}

// ---- doing ----------------------------------------------------------------------------------------------------

function blank() {
  sheets++;
  photo = null;
  URL.revokeObjectURL($("picture").src);
  $("photo").hidden = true;
  $("canvas").hidden = false;
  $("hint").hidden = false;
  $("hint").textContent = t("Draw a digit here, or a row of them");
  chosen = 0;
  why = null;
}

function clear() {
  blank();
  sheet.clear();
}

function undo() {
  if (photo) return clear();
  sheet.undo();
  $("hint").hidden = !sheet.empty;
}

const waiting = { true: [], false: [] }; // samples fetched ahead, hard and not

async function sample(hard) {
  try {
    if (!waiting[hard].length) waiting[hard] = (await ask(`api/samples?count=20&hard=${hard}`)).samples;
    const next = waiting[hard].shift();
    blank();
    sheet.show({ ...next, image: view.decode(next.image) });
    showCaption();
  } catch (error) {
    notice(error.message);
  }
}

function showCaption() {
  const of = sheet.sample;
  $("caption").hidden = !of;
  if (of) $("caption").textContent = t("MNIST's test set, number {i}: somebody meant {k}", { i: of.index, k: of.label });
}

const LONGEST = 4000; // pixels that a photo too large to send is brought to

async function shrunk(file) {
  const whole = await createImageBitmap(file);
  const scale = LONGEST / Math.max(whole.width, whole.height, LONGEST);
  const canvas = new OffscreenCanvas(whole.width * scale, whole.height * scale);
  canvas.getContext("2d").drawImage(whole, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 });
}

async function open(file) {
  if (!file) return;
  if (file.type && !file.type.startsWith("image/")) return notice(t("This is not a picture."));
  try {
    const sent = file.size > LARGEST ? await shrunk(file) : file;
    blank();
    sheet.clear();
    photo = sent;
  } catch {
    return notice(t("This is not a picture."));
  }
  $("picture").src = URL.createObjectURL(file);
  $("canvas").hidden = $("hint").hidden = true;
  $("photo").hidden = false;
  newest = false;
  read();
}

async function correct(label) {
  const digit = answer?.digits[chosen];
  if (!digit) return notice(t("Draw something first."));
  if (!about?.corrections) return notice(t("Corrections are off: this server is read-only."));
  try {
    const kept = await post("api/corrections", { label, image: digit.image });
    notice(t("Kept as {k}: {file}", { k: label, file: kept.file }));
  } catch (error) {
    notice(error.message);
  }
}

function switchModel() {
  [...document.querySelectorAll("[name=model]")].find((radio) => !radio.checked).click();
}

// ---- theme and language ---------------------------------------------------------------------------------------

function dress() {
  view.readColours();
  sheet.dress();
  showSwitches();
  view.showPixels(answer?.digits[chosen]);
  showWhy();
}

function setLanguage(next) {
  localStorage.setItem("language", next);
  speak(next);
  showSwitches();
  showKept();
  showCaption();
  view.showReading(answer, chosen, choose);
  view.showBoxes(answer, chosen, choose);
  showSpeed();
  showWhy();
}

function showKept() {
  if (!about) return;
  $("correct").hidden = !about.corrections;
  $("kept").textContent = about.corrections
    ? t("Corrections are kept on this computer, in {folder}. Nothing else is stored, nothing leaves it.", { folder: about.folder ?? "" })
    : t("Nothing is stored here.");
}

// ---- wiring ---------------------------------------------------------------------------------------------------

const shortcuts = {
  z: undo, c: clear, s: () => sample(false), h: () => sample(true), p: () => $("file").click(), m: switchModel,
};

function onKey(event) {
  if (event.target === $("canvas") && !event.ctrlKey && !event.metaKey && sheet.key(event)) return event.preventDefault();
  if ((event.ctrlKey || event.metaKey) && event.key === "z") return event.preventDefault(), undo();
  if (event.ctrlKey || event.metaKey || event.altKey || $("help").open) return;
  // Single keys can be switched off, or then work on the sheet alone (WCAG 2.1.4).
  if (!$("single-keys").checked && event.target !== $("canvas")) return;
  if (/^[0-9]$/.test(event.key)) correct(Number(event.key));
  else shortcuts[event.key.toLowerCase()]?.();
}

function wire() {
  const on = (id, type, act) => $(id).addEventListener(type, act);
  on("undo", "click", undo);
  on("clear", "click", clear);
  on("sample", "click", () => sample(false));
  on("hard", "click", () => sample(true));
  for (const id of ["file", "camera"]) {
    on(id, "change", () => {
      open($(id).files[0]);
      $(id).value = "";
    });
  }
  on("picture", "load", () => $("frame").style.setProperty("--ratio", $("picture").naturalWidth / $("picture").naturalHeight));
  on("language", "click", () => setLanguage(language === "zh" ? "en" : "zh"));
  on("keys", "click", () => $("help").showModal());
  on("single-keys", "change", () => localStorage.setItem("keys", $("single-keys").checked));
  $("single-keys").checked = localStorage.getItem("keys") !== "false";
  for (const radio of document.querySelectorAll("[name=model]")) {
    radio.addEventListener("change", () => {
      why = null;
      showWhy();
      read();
    });
  }
  addEventListener("keydown", onKey);
  addEventListener("paste", (event) => open([...event.clipboardData.files][0]));
  wireDrop();
  onTheme(dress);
  for (let k = 0; k < 10; k++) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: k });
    button.setAttribute("aria-label", t("it is {k}", { k }));
    button.addEventListener("click", () => correct(k));
    $("labels").append(button);
  }
}

function wireDrop() {
  const files = (event) => event.dataTransfer.types.includes("Files");
  addEventListener("dragover", (event) => {
    if (!files(event)) return;
    event.preventDefault();
    $("drop").hidden = false;
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) $("drop").hidden = true;
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    $("drop").hidden = true;
    open(event.dataTransfer.files[0]);
  });
}

async function start() {
  view.layBars();
  view.layMaps();
  wire();
  dress();
  setLanguage(language);
  show(null);
  try {
    about = await ask("api/model");
    templates = about.models.softmax.templates;
    showKept();
    showSpeed();
    showWhy();
  } catch (error) {
    notice(error.message);
  }
  document.documentElement.dataset.ready = "true";
}

start();
