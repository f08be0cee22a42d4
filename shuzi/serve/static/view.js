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

export function verdict(digit) {
  const [a, b] = ranking(digit);
  if (kind(digit) === "digit") return t("sure: {p}", { p: percent(digit.confidence) });
  if (kind(digit) === "none") return t("nothing like 0 to 9 (is a digit: {p})", { p: percent(digit.digit_probability) });
  const [p, q] = [percent(digit.probabilities[a]), percent(digit.probabilities[b])];
  return t("perhaps {a} ({p}), or {b} ({q})", { a, b, p, q });
}

function word(digit) {
  if (kind(digit) === "digit") return String(digit.digit);
  return kind(digit) === "none" ? t("Not a digit") : t("Not sure");
}

/** Lays out what was read; `choose(index)` is called when a person picks one digit of several. */
export function showReading(answer, chosen, choose) {
  const digits = answer?.digits ?? [];
  const reading = $("reading");
  reading.className = digits.length > 1 ? "row" : "one";
  if (!digits.length) {
    reading.replaceChildren();
    $("verdict").textContent = answer?.photo ? t("No digit found in this picture") : t("Nothing to read yet");
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
  $("verdict").textContent = digits.length > 40 ? t("{n} digits; choose one to look closer", { n: digits.length })
    : about + verdict(which);
}

function fitRow(reading, answer, chosen, choose) {
  const marks = { digit: (d) => d.digit, unsure: () => "?", none: () => "×" };
  let index = 0;
  const button = (digit, at) => {
    const made = make("button", {
      type: "button", className: "digit " + kind(digit), textContent: marks[kind(digit)](digit),
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

export function spoken(answer) {
  const digits = answer?.digits ?? [];
  if (!digits.length) return answer?.photo ? t("No digit found in this picture") : "";
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
    const share = digit ? digit.probabilities[k] * digit.digit_probability : 0;
    row.querySelector("i i").style.transform = `scaleX(${share})`;
    row.lastChild.textContent = digit ? percent(share) : "";
    row.className = k === best ? "best" : "";
  });
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
    ? t("Exact: each pixel's ink times its weight. Their sum and the bias {b} make the logit below. Under it, the template: the weights themselves.", { b: bias === "b" ? "" : `(${best}: ${bias})` })
    : t("By occlusion: a 5 × 5 patch of ink is rubbed out, everywhere in turn. Red ink raised the digit's logit, blue ink lowered it.");
}

// ---- the photo ------------------------------------------------------------------------------------------------

/** Boxes with readings over the photo; boxes are in the picture's own pixels. */
export function showBoxes(answer, chosen, choose) {
  const [width, height] = answer?.size ?? [1, 1];
  if (answer?.photo) $("frame").style.setProperty("--ratio", width / height); // of what no browser shows, too (HEIC)
  $("boxes").replaceChildren(...(answer?.photo ? answer.digits : []).map((digit, at) => {
    const [x, y, w, h] = digit.box;
    const box = make("button", {
      type: "button", className: "box " + kind(digit), ariaPressed: String(at === chosen),
      ariaLabel: word(digit) + ", " + verdict(digit),
    }, make("span", { textContent: kind(digit) === "digit" ? digit.digit : kind(digit) === "none" ? "×" : "?" }));
    box.style.left = `${(100 * x) / width}%`;
    box.style.top = `${(100 * y) / height}%`;
    box.style.width = `${(100 * w) / width}%`;
    box.style.height = `${(100 * h) / height}%`;
    for (const type of ["pointerenter", "focus", "click"]) box.addEventListener(type, () => choose(at));
    return box;
  }));
}

export function chooseBox(chosen) {
  [...$("boxes").children].forEach((box, at) => (box.ariaPressed = String(at === chosen)));
}
