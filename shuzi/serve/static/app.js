// The page: one sheet or one photo, one request to the reader in flight, the newest drawing wins.
import { ask, newestWins, notice, onReturn, onTheme, post, showOffline, showSwitches, told } from "./page.js";
import { Sheet } from "./sheet.js";
import { language, speak, t } from "./text.js";
import * as view from "./view.js";

const $ = (id) => document.getElementById(id);
const LARGEST = 10e6; // bytes the server takes
const REST = 150; // ms the pen rests before the network is asked why: ten maps cost it some 100 readings

let answer = null; // {text, numbers, digits, photo, size} of what is on the page
let chosen = 0;
let newest = false; // of a row that is written, the last digit is the one looked at until another is chosen
let photo = null; // a Blob while a picture is shown, else null
let named = ""; // the picture's file
let state = null; // of the photo: "reading", or the Fault for which it was not read
let kept = null; // the last correction, while it can be taken back
let why = null;
let templates = null;
let about = null; // the server's GET /api/model
const sheet = new Sheet($("canvas"), () => changed());

const model = () => document.querySelector("[name=model]:checked").value;

// ---- asking ---------------------------------------------------------------------------------------------------

/** What went wrong, as a sentence in the page's language. */
function sentence(fault) {
  const what = photo ? named : t("The drawing");
  if (fault.status !== 400 && fault.status !== 422) return told(fault, what);
  return photo ? t("{what} can't be read as a picture.", { what }) : t("Too much is drawn to be read. Undo some of it.");
}

let sheets = 0; // counts the sheets and photos laid on the page; an answer to an earlier one is not shown
let answers = 0;

const asked = async () => photo ?? (sheet.sample ? sheet.picture() : { width: sheet.width, height: 1000, strokes: sheet.strokes });

const read = newestWins(async () => {
  const mine = sheets;
  if (!photo && sheet.empty) return show(null);
  const body = await asked();
  const single = Boolean(!photo && sheet.sample && !sheet.strokes.length);
  const started = performance.now();
  const page = await post(`api/read?detail=true&model=${model()}&single=${single}`, body);
  if (mine !== sheets || (!photo && sheet.empty)) return;
  state = null;
  page.ms = performance.now() - started;
  page.digits = page.numbers.flatMap((number) => number.digits);
  page.photo = Boolean(photo);
  page.single = single;
  show(page);
}, failed);

/** Why there is no answer to see: it is being looked for, or can't be had; else empty. */
function instead() {
  return state === "reading" ? t("Reading…") : state ? sentence(state) : "";
}

/** What a person sees when a request failed; that the server is gone is said elsewhere, as long as it is. */
function failed(fault) {
  if (fault.status === null) return;
  if (photo && state === "reading") {
    state = fault;
    showChosen();
    speakSoon();
  } else notice(sentence(fault));
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

/** What the other model reads in the same digits, for where they differ. */
const compare = newestWins(async () => {
  const mine = answer;
  if (!mine?.digits.length || (!photo && sheet.empty)) return;
  const other = model() === "network" ? "softmax" : "network";
  const page = await post(`api/read?model=${other}&single=${mine.single}`, await asked());
  if (answer !== mine) return;
  mine.other = page.numbers.flatMap((number) => number.digits);
  view.showOther(mine, chosen, other);
}, failed);

let resting = 0;
let comparing = 0;

function explainSoon() {
  clearTimeout(resting);
  clearTimeout(comparing);
  comparing = setTimeout(compare, REST);
  if (model() === "softmax") return explain();
  resting = setTimeout(explain, REST);
}

// ---- showing --------------------------------------------------------------------------------------------------

function changed() {
  kept = null;
  showTook("");
  if (sheet.busy || !sheet.empty) $("hint").hidden = true;
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
  document.documentElement.dataset.answered = String(++answers); // for a benchmark to watch
}

function showChosen() {
  const digit = answer?.digits[chosen];
  view.showReading(answer, chosen, choose, instead(), state === "reading");
  $("copy").hidden = !answer?.text;
  view.showBars(digit);
  view.showOther(answer, chosen, model() === "network" ? "softmax" : "network");
  view.showPixels(digit);
  showSpeed();
  if (digit) explainSoon();
  else {
    why = null;
    showWhy();
  }
}

function choose(at) {
  newest = false;
  if (at === chosen) return;
  chosen = at;
  view.chooseBox(at);
  showChosen();
}

function showWhy() {
  view.showWhy(why, model() === "softmax" ? templates : null, model());
}

function showSpeed() {
  const it = about?.models[model()];
  if (!it) return;
  const name = it.own ? it.name : `${it.name} ${it.version}`;
  $("model").textContent = answer?.ms ? t("{name}, answers in {ms} ms", { name, ms: answer.ms.toFixed(answer.ms < 10 ? 1 : 0) }) : name;
}

let speaking = 0;

function speakSoon() {
  clearTimeout(speaking); // a screen reader hears the answer, not every frame on the way to it
  speaking = setTimeout(() => ($("live").textContent = view.spoken(answer, instead())), 600);
}

// ---- doing ----------------------------------------------------------------------------------------------------

function blank() {
  sheets++;
  photo = null;
  state = null;
  $("looking").hidden = true;
  $("undo").hidden = false;
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
  } catch (fault) {
    failed(fault);
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
  const none = () => notice(t("{what} is not a picture.", { what: file.name }));
  if (file.type && !file.type.startsWith("image/")) return none();
  try {
    const sent = file.size > LARGEST ? await shrunk(file) : file;
    blank();
    sheet.clear();
    photo = sent;
    named = file.name;
  } catch {
    return none();
  }
  $("picture").src = URL.createObjectURL(file);
  $("canvas").hidden = $("hint").hidden = true;
  $("photo").hidden = $("looking").hidden = false;
  $("undo").hidden = true; // a photo is cleared
  view.zoom(0);
  newest = false;
  state = "reading";
  show(null);
  read();
}

async function copy() {
  const text = answer?.text;
  if (!text) return;
  try {
    await navigator.clipboard.writeText(text);
  } catch { // only https and this computer's own pages have a clipboard
    const area = Object.assign(document.createElement("textarea"), { value: text });
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    $("copy").focus();
  }
  notice(t("Copied: {text}", { text: text.length > 40 ? text.slice(0, 40) + "…" : text }));
}

// ---- corrections ----------------------------------------------------------------------------------------------

async function correct(label) {
  await read.settled(); // what is kept is what is drawn, not what was read of it while it was drawn
  const digit = answer?.digits[chosen];
  if (!digit) return notice(t("Draw something first."));
  if (!about?.corrections) return notice(t("Corrections are off: this server is read-only."));
  if (!photo && sheet.sample) return notice(t("This is a test digit; it is not kept, lest it be trained on."));
  try {
    kept = await post("api/corrections", { label, image: digit.image });
    showTook(t("Kept as {k}.", { k: label }));
  } catch (fault) {
    unkept(fault);
  }
}

async function takeBack() {
  const { id, was } = kept;
  const image = answer?.digits[chosen]?.image;
  try {
    if (was === null || !image) await ask(`api/corrections/${id}`, { method: "DELETE" });
    else await post("api/corrections", { label: was, image });
    kept = null;
    showTook(was === null ? t("Taken back.") : t("Kept as {k}.", { k: was }));
  } catch (fault) {
    unkept(fault);
  }
}

function unkept(fault) {
  if (fault.status === 422) notice(t("There is no ink to learn from, or it is a test digit; it is not kept."));
  else if (fault.status === 507) notice(t("The correction can't be written. Is the disk full?"));
  else if (fault.status === 404) notice(t("It is kept no more."));
  else failed(fault);
}

function showTook(text) {
  $("took").textContent = text;
  $("takeback").hidden = !kept;
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
  showOffline();
  showTook(kept ? t("Kept as {k}.", { k: kept.label }) : "");
  [...$("labels").children].forEach((button, k) => (button.ariaLabel = t("it is {k}", { k })));
  view.showReading(answer, chosen, choose, instead(), state === "reading");
  view.showBoxes(answer, chosen, choose);
  showSpeed();
  showWhy();
}

function showKept() {
  if (!about) return;
  $("correct").hidden = !about.corrections;
  $("kept").textContent = !about.corrections ? t("Nothing is stored here.")
    : about.folder ? t("Corrections are kept on this computer, in {folder}. Nothing else is stored, nothing leaves it.", { folder: about.folder })
    : t("Corrections are kept on the computer that serves this page. Nothing else is stored.");
}

// ---- wiring ---------------------------------------------------------------------------------------------------

const shortcuts = {
  z: undo, c: clear, s: () => sample(false), h: () => sample(true), p: () => $("file").click(), m: switchModel,
  b: () => photo && $("boxed").click(), "+": () => closer(1), "=": () => closer(1), "-": () => closer(-1),
};

const closer = (steps) => photo && view.zoom(steps);

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
  on("copy", "click", copy);
  on("takeback", "click", takeBack);
  on("closer", "click", () => closer(1));
  on("farther", "click", () => closer(-1));
  on("boxed", "click", () => {
    const shown = $("frame").classList.toggle("boxed");
    $("boxed").ariaPressed = String(shown);
  });
  view.wirePhoto();
  on("language", "click", () => setLanguage(language === "zh" ? "en" : "zh"));
  on("keys", "click", () => $("help").showModal());
  on("single-keys", "change", () => localStorage.setItem("keys", $("single-keys").checked));
  $("single-keys").checked = localStorage.getItem("keys") !== "false";
  for (const radio of document.querySelectorAll("[name=model]")) {
    radio.addEventListener("change", () => {
      why = null;
      if (photo) state = "reading";
      view.showReading(answer, chosen, choose, instead(), state === "reading");
      showWhy();
      read();
    });
  }
  addEventListener("keydown", onKey);
  addEventListener("paste", (event) => open([...event.clipboardData.files][0]));
  wireDrop();
  onTheme(dress);
  onReturn(async () => {
    await meet();
    read();
  });
  for (let k = 0; k < 10; k++) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: k });
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

/** Learns what answers here. */
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
    delete $("network").dataset.t; // a name is the same in all languages
  }
  showKept();
  showSpeed();
  showWhy();
}

async function start() {
  view.layBars();
  view.layMaps();
  wire();
  dress();
  setLanguage(language);
  show(null);
  await meet();
  document.documentElement.dataset.ready = "true";
}

start();
