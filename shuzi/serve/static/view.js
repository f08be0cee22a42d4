// The answer on the page: digits large, ten bars, the 28x28, ten maps. Data in, elements out; no requests here.
import { t, language } from "./text.js";

const $ = (id) => document.getElementById(id);
const TEN = [...Array(10).keys()];

/** A share as text that never rounds up to certainty: 99.97 % stays below 100 %. */
export function percent(share) {
  const rounded = share > 0.999 ? Math.min(0.9999, Math.floor(share * 1e4) / 1e4) : share;
  const places = share > 0.999 ? 2 : share > 0.99 || share < 0.01 ? 1 : 0;
  return new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: places }).format(rounded);
}

export function decode(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

export function encode(image) {
  return btoa(String.fromCharCode(...image));
}

export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// ---- the digits -----------------------------------------------------------------------------------------------

/** What one digit is: "digit", "unsure" or "none" (not a digit). */
export function kind(digit) {
  if (!digit.is_digit) return "none";
  return digit.digit === null ? "unsure" : "digit";
}

function ranking(digit) {
  return TEN.toSorted((a, b) => digit.probabilities[b] - digit.probabilities[a]);
}

/** How likely the digit is k: that it is one at all, and then this one. The same wherever it is shown. */
function share(digit, k) {
  return k === digit.guess ? digit.confidence : digit.probabilities[k] * digit.digit_probability;
}

export function verdict(digit) {
  const [a, b] = ranking(digit);
  if (kind(digit) === "digit") return t("sure: {p}", { p: percent(digit.confidence) });
  if (kind(digit) === "none") return t("nothing like 0 to 9 (is a digit: {p})", { p: percent(digit.digit_probability) });
  return t("perhaps {a} ({p}), or {b} ({q})", { a, b, p: percent(share(digit, a)), q: percent(share(digit, b)) });
}

const MARKS = { unsure: "?", none: "–" };

/** A digit in one letter. */
function mark(digit) {
  return MARKS[kind(digit)] ?? String(digit.digit);
}

function word(digit) {
  if (kind(digit) === "digit") return String(digit.digit);
  return kind(digit) === "none" ? t("Not a digit") : t("Not sure");
}

const nothing = (answer) => (answer?.photo ? t("No digit found in this picture") : "");

/** Lays out what was read, or what is said instead; `choose(index)` is called when a person picks one digit of several. */
export function showReading(answer, chosen, choose, instead, busy) {
  const digits = answer?.digits ?? [];
  const reading = $("reading");
  reading.className = digits.length > 1 ? "row" : "one";
  reading.ariaBusy = String(busy);
  if (!digits.length || instead) {
    reading.replaceChildren();
    $("verdict").textContent = instead || nothing(answer) || t("Nothing to read yet");
    return;
  }
  if (digits.length === 1) {
    reading.replaceChildren(make("span", { className: "digit " + kind(digits[0]), textContent: word(digits[0]) }));
    $("verdict").textContent = verdict(digits[0]);
    return;
  }
  fitRow(reading, answer, chosen, choose);
  const which = digits[chosen];
  const about = kind(which) === "digit" ? "" : word(which) + ": ";
  $("verdict").textContent = digits.length > 40 ? t("{n} digits; choose one", { n: digits.length })
    : about + verdict(which);
}

function fitRow(reading, answer, chosen, choose) {
  let index = 0;
  const button = (digit, at) => {
    const made = make("button", {
      type: "button", className: "digit " + kind(digit), textContent: mark(digit),
      title: word(digit), ariaPressed: String(at === chosen), ariaLabel: word(digit) + ", " + verdict(digit),
    });
    made.addEventListener("click", () => choose(at));
    return made;
  };
  const lines = [];
  for (const number of answer.numbers) {
    lines[number.line] ??= make("div", { className: "line" });
    lines[number.line].append(make("span", { className: "number" }, ...number.digits.map((digit) => button(digit, index++))));
  }
  const focused = [...reading.querySelectorAll("button")].indexOf(document.activeElement);
  const laid = lines.filter(Boolean);
  reading.replaceChildren(...laid);
  const longest = Math.max(3, ...laid.map((line) => line.textContent.length + line.children.length - 1));
  reading.style.setProperty("--digits", longest);
  reading.style.setProperty("--lines", laid.length);
  if (focused >= 0) reading.querySelectorAll("button")[focused]?.focus();
}

export function spoken(answer, instead) {
  const digits = answer?.digits ?? [];
  if (!digits.length || instead) return instead || nothing(answer);
  if (digits.length === 1) return word(digits[0]) + ", " + verdict(digits[0]);
  return answer.text;
}

// ---- the bars -------------------------------------------------------------------------------------------------

export function layBars() {
  $("bars").replaceChildren(...TEN.map((k) =>
    make("li", {}, make("b", { textContent: k }), make("i", {}, make("i")), make("span", { textContent: "" }))));
}

export function showBars(digit) {
  const best = digit && kind(digit) !== "none" ? ranking(digit)[0] : -1;
  [...$("bars").children].forEach((row, k) => {
    const part = digit ? share(digit, k) : 0;
    row.querySelector("i i").style.transform = `scaleX(${part})`;
    row.lastChild.textContent = digit ? percent(part) : "";
    row.className = k === best ? "best" : "";
  });
}

/** What the other model says of the same digits: beside the answer, and as a mark on the bars of the chosen one. */
export function showOther(answer, chosen, which) {
  const other = answer?.other ?? [];
  const mark = (digit) => (digit.digit ?? (kind(digit) === "none" ? "×" : "?"));
  const differs = other.filter((digit, at) => mark(digit) !== mark(answer.digits[at])).length;
  const name = which === "softmax" ? t("Softmax regression") : t("Network");
  const text = other.map(mark).join("");
  $("other").textContent = !other.length ? "" : differs ? t("{name} reads {text}: they differ", { name, text }) : t("{name} reads {text} too", { name, text });
  $("other").className = differs ? "differs" : "";
  const digit = other[chosen];
  [...$("bars").children].forEach((row, k) => row.style.setProperty("--other", digit ? digit.probabilities[k] * digit.digit_probability : -1));
}

// ---- pixels and maps ------------------------------------------------------------------------------------------

function rgb(name) {
  const probe = new OffscreenCanvas(1, 1).getContext("2d");
  probe.fillStyle = getComputedStyle($(name)).color;
  probe.fillRect(0, 0, 1, 1);
  return probe.getImageData(0, 0, 1, 1).data.slice(0, 3);
}

let colours;

/** The three colours of the scale, read anew from the theme: against, nothing, for. */
export function readColours() {
  const swatch = (variable) => {
    const probe = make("span", { id: "probe" });
    probe.style.color = `var(${variable})`;
    document.body.append(probe);
    const colour = rgb("probe");
    probe.remove();
    return colour;
  };
  colours = { against: swatch("--against"), none: swatch("--nothing"), for: swatch("--for"), ink: swatch("--ink"), paper: swatch("--sheet") };
  const ramp = Float32Array.from({ length: 101 }, (_, i) => i - 50);
  paintMap($("ramp"), ramp, 50);
}

const mix = (a, b, share, at) => a[at] + (b[at] - a[at]) * share;

function paint(canvas, values, colour) {
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(canvas.width, canvas.height);
  values.forEach((value, i) => {
    const [from, to, share] = colour(value);
    for (let c = 0; c < 3; c++) pixels.data[4 * i + c] = mix(from, to, share, c);
    pixels.data[4 * i + 3] = 255;
  });
  context.putImageData(pixels, 0, 0);
}

/** Paints values into a canvas: 0 is nothing, `most` and more is for, -most and less against. */
export function paintMap(canvas, values, most) {
  const { against, none } = colours;
  paint(canvas, values, (value) => [none, value < 0 ? against : colours.for, Math.min(1, Math.abs(value) / most)]);
}

/** Paints ink, 0 to 255, into a canvas. */
export function paintInk(canvas, image) {
  paint(canvas, [...image], (ink) => [colours.paper, colours.ink, ink / 255]);
}

export function showPixels(digit) {
  paintInk($("pixels"), digit ? decode(digit.image) : new Uint8Array(784));
}

export function layMaps() {
  const map = (className) => make("canvas", { width: 28, height: 28, className, role: "img" });
  $("maps").replaceChildren(...TEN.map((k) =>
    make("li", {}, make("b", { textContent: k }), map("evidence"), make("span", { className: "logit" }), map("template"))));
}

const largest = (maps) => Math.max(1e-9, ...maps.map((map) => map.reduce((most, value) => Math.max(most, Math.abs(value)), 0)));

/** Ten maps with their logits in one scale; `why` null clears them; templates are laid below where there are any. */
export function showWhy(why, templates, model) {
  $("maps").classList.toggle("with-templates", Boolean(templates));
  const most = why && largest(why.maps);
  const best = why ? why.logits.indexOf(Math.max(...why.logits)) : -1;
  const mostTemplate = templates && largest(templates);
  [...$("maps").children].forEach((item, k) => {
    const [evidence, template] = item.querySelectorAll("canvas");
    paintMap(evidence, why ? why.maps[k] : new Float32Array(784), most || 1);
    if (templates) paintMap(template, templates[k], mostTemplate);
    const z = why ? why.logits[k].toFixed(1).replace("-", "−") : "";
    item.querySelector(".logit").textContent = z;
    evidence.ariaLabel = t("evidence for {k}: logit {z}", { k, z });
    template.ariaLabel = t("template of {k}", { k });
    item.className = k === best ? "best" : "";
  });
  const bias = why?.bias ? why.bias[best].toFixed(2).replace("-", "−") : "b";
  $("why-text").textContent = model === "softmax"
    ? t("Exact: each pixel's ink times its weight. The sum and the bias {b} make the logit; below it, the weights: the template.", { b: bias === "b" ? "" : `(${best}: ${bias})` })
    : t("By occlusion: a 5 × 5 patch of ink is rubbed out, everywhere in turn. Red ink raised the digit's logit, blue ink lowered it.");
}

// ---- the photo ------------------------------------------------------------------------------------------------

const LABEL = 0.42; // a label's height, of its box's; its width is three quarters of that

/** Boxes with readings over the photo; boxes are in the picture's own pixels. */
export function showBoxes(answer, chosen, choose) {
  const [width, height] = answer?.size ?? [1, 1];
  if (answer?.photo) $("frame").style.setProperty("--ratio", width / height); // of what no browser shows, too (HEIC)
  const digits = answer?.photo ? answer.digits : [];
  const places = labelPlaces(digits, width, height);
  $("boxes").replaceChildren(...digits.map((digit, at) => {
    const [x, y, w, h] = digit.box;
    const label = make("span", { className: places[at] ?? "nowhere", textContent: mark(digit) });
    label.style.fontSize = `${(80 * LABEL * h) / height}cqh`;
    const box = make("button", {
      type: "button", className: "box " + kind(digit), ariaPressed: String(at === chosen),
      ariaLabel: word(digit) + ", " + verdict(digit),
    }, label);
    const part = (value, whole) => `${(100 * value) / whole}%`;
    for (const [name, value] of [["--x", part(x, width)], ["--y", part(y, height)], ["--w", part(w, width)], ["--h", part(h, height)]]) {
      box.style.setProperty(name, value);
    }
    for (const type of ["pointerenter", "focus", "click"]) box.addEventListener(type, () => choose(at));
    return box;
  }));
}

/** Where each label stands so that it hides no writing: above its box, below it, or nowhere. */
function labelPlaces(digits, width, height) {
  const taken = digits.map(({ box: [x, y, w, h] }) => [x, y, x + w, y + h]);
  const free = ([l, t, r, b], own) => t >= 0 && b <= height && r <= width
    && !taken.some((each, at) => at !== own && each[0] < r && each[2] > l && each[1] < b && each[3] > t);
  return digits.map(({ box: [x, y, w, h] }, at) => {
    const tall = LABEL * h + 3;
    const right = x + 0.75 * LABEL * h;
    const place = [["above", [x, y - tall, right, y]], ["below", [x, y + h, right, y + h + tall]]].find(([, room]) => free(room, at));
    if (place) taken.push(place[1]);
    return place?.[0];
  });
}

export function chooseBox(chosen) {
  [...$("boxes").children].forEach((box, at) => (box.ariaPressed = String(at === chosen)));
}

const STEP = 1.5;
const CLOSEST = 12;
let closeness = 1;

/** Looks closer by so many steps at a place on the screen, by default the middle; 0 shows the whole picture. */
export function zoom(steps, at = null) {
  const [view, frame] = [$("photo"), $("frame")];
  const before = frame.getBoundingClientRect();
  const [x, y] = at ?? [view.getBoundingClientRect().left + view.clientWidth / 2, view.getBoundingClientRect().top + view.clientHeight / 2];
  const [u, v] = [(x - before.left) / before.width, (y - before.top) / before.height];
  closeness = steps ? Math.min(CLOSEST, Math.max(1, closeness * STEP ** steps)) : 1;
  frame.style.setProperty("--zoom", closeness);
  $("closer").disabled = closeness === CLOSEST;
  $("farther").disabled = closeness === 1;
  const after = frame.getBoundingClientRect();
  view.scrollBy(after.left + u * after.width - x, after.top + v * after.height - y);
}

/** Ctrl and the wheel (or two fingers on a touchpad) look closer, a double click too, and a mouse pulls the picture along. */
export function wirePhoto() {
  const photo = $("photo");
  photo.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoom(-Math.sign(event.deltaY) * Math.min(1, Math.abs(event.deltaY) / 50), [event.clientX, event.clientY]);
  }, { passive: false });
  photo.addEventListener("dblclick", (event) => zoom(2, [event.clientX, event.clientY]));
  photo.addEventListener("pointermove", (event) => {
    if (event.pointerType === "mouse" && event.buttons === 1) photo.scrollBy(-event.movementX, -event.movementY);
  });
  photo.addEventListener("dragstart", (event) => event.preventDefault());
}
