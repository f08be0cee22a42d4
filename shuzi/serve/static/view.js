// The answer: digits, ten bars, the 28x28, ten maps, boxes on a photo.
import { $, TEN, decode, make, say } from "./page.js";
import { language, t } from "./text.js";

/** A percentage that never rounds up to 100 %. */
export function percent(share) {
  const rounded = share > 0.999 ? Math.min(0.9999, Math.floor(share * 1e4) / 1e4) : share;
  const places = share > 0.999 ? 2 : share > 0.99 || share < 0.01 ? 1 : 0;
  return rounded.toLocaleString(language, { style: "percent", maximumFractionDigits: places });
}

/** A number with a true minus sign, and none before 0. */
export const number = (value, places = 3) => value.toFixed(places).replace(/^-(?=[0.]*$)/, "").replace("-", "−");

// ---- the digits

const kind = (digit) => (!digit.is_digit ? "none" : digit.digit === null ? "unsure" : "digit");

const ranking = (digit) => TEN.toSorted((a, b) => digit.probabilities[b] - digit.probabilities[a]);

/** The probability that it is a digit, and k. */
const share = (digit, k) => (k === digit.guess ? digit.confidence : digit.probabilities[k] * digit.digit_probability);

function verdict(digit) {
  const [a, b] = ranking(digit);
  return {
    digit: () => t("confidence: {p}", "置信度：{p}", { p: percent(digit.confidence) }),
    none: () => t("not like 0 to 9 (probability of a digit: {p})", "不像 0 到 9（是数字的概率：{p}）", { p: percent(digit.digit_probability) }),
    unsure: () => t("perhaps {a} ({p}), or {b} ({q})", "可能是 {a}（{p}），也可能是 {b}（{q}）", { a, b, p: percent(share(digit, a)), q: percent(share(digit, b)) }),
  }[kind(digit)]();
}

/** A digit in one letter. */
const mark = (digit) => ({ unsure: "?", none: "–" })[kind(digit)] ?? String(digit.digit);

const word = (digit) => ({ none: t("Not a digit", "不是数字"), unsure: t("Not sure", "拿不准") })[kind(digit)] ?? String(digit.digit);

const aloud = (digit) => word(digit) + t(", ", "，") + verdict(digit);

const button = (digit, pressed, properties, ...children) =>
  make("button", { className: kind(digit), ariaPressed: String(pressed), ariaLabel: aloud(digit), ...properties }, ...children);

const WIDE = 16; // digits, marks and gaps that fit beside the 28x28

/** Whether an answer is shown as a row of digits and marks, not as one digit. */
const inRow = (answer) => answer?.digits.length > 1 || answer?.numbers.some(({ marks }) => marks.length);

const nothing = (answer) => (answer?.photo ? t("No digit found in this picture", "这张图片里没有找到数字") : "");

/** Shows what was read, or `instead`; choose(index): a person picks a digit. */
export function showReading(answer, chosen, choose, instead, busy) {
  const digits = instead ? [] : (answer?.digits ?? []);
  const reading = $("reading");
  const row = digits.length > 0 && inRow(answer);
  reading.className = row ? "" : "one";
  reading.ariaBusy = String(busy);
  const which = digits[chosen];
  if (row) fitRow(reading, answer, chosen, choose);
  else reading.replaceChildren(...digits.map((digit) => make("span", { className: kind(digit), textContent: word(digit) })));
  say("verdict", !which ? instead || nothing(answer) || t("Nothing to read yet", "还没有可识别的内容")
    : digits.length > 40 ? t("{n} digits. Choose one", "共 {n} 个数字；选一个细看", { n: digits.length })
    : (row && kind(which) !== "digit" ? word(which) + t(": ", "：") : "") + verdict(which));
  const n = instead ? 0 : (answer?.unread.length ?? 0);
  say("unread", !n ? "" : n === 1 ? t("1 place not read", "有 1 处没有识别") : t("{n} places not read", "有 {n} 处没有识别", { n }));
}

function fitRow(reading, answer, chosen, choose) {
  const lines = [];
  let at = 0;
  for (const { line, text } of answer.numbers) {
    lines[line] ??= make("div", { className: "line" });
    lines[line].append(make("span", { className: "number" }, ...[...text].map((sign) => {
      if (!/[0-9?]/.test(sign)) return make("span", { textContent: sign });
      const own = at++;
      const digit = answer.digits[own];
      return button(digit, own === chosen, { textContent: mark(digit), title: word(digit), onclick: () => choose(own) });
    })));
  }
  const focused = [...reading.querySelectorAll("button")].indexOf(document.activeElement);
  const laid = lines.filter(Boolean);
  const longest = Math.max(3, ...laid.map((line) => line.textContent.length + line.children.length - 1));
  reading.replaceChildren(...laid);
  reading.className = laid.length > 5 || longest > WIDE ? "many" : "";
  reading.style.setProperty("--digits", longest);
  reading.style.setProperty("--lines", laid.length);
  reading.querySelectorAll("button")[focused]?.focus();
}

export function spoken(answer, instead) {
  const digits = answer?.digits ?? [];
  if (!digits.length || instead) return instead || nothing(answer);
  return inRow(answer) ? answer.text : aloud(digits[0]);
}

// ---- the bars

export function layBars() {
  $("bars").ariaLabel = "Probability of each digit";
  $("bars").dataset.zhLabel = "每个数字的概率";
  $("bars").replaceChildren(...TEN.map((k) =>
    make("li", {}, make("b", { textContent: k }), make("i", {}, make("i")), make("span"))));
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

/** Shows the other model's answer, and marks it on the bars. */
export function showOther(answer, chosen) {
  const other = answer?.other ?? [];
  const n = other.filter((digit, at) => mark(digit) !== mark(answer.digits[at])).length;
  const name = answer?.model === "network" ? t("Softmax regression", "Softmax 回归") : t("Network", "神经网络");
  const of = { name, n, m: other.length, text: other.map(mark).join("") };
  say("other", !of.m ? "" : !n ? t("{name} agrees", "{name}的结果相同", of)
    : of.m < 10 ? t("{name} reads {text}", "{name}的结果是 {text}", of)
    : t("{name} differs in {n} of {m} digits", "{name}：{m} 个数字中有 {n} 个不同", of));
  const digit = other[chosen];
  TEN.forEach((k) => $("bars").children[k].style.setProperty("--other", digit ? digit.probabilities[k] * digit.digit_probability : -1));
}

// ---- pixels and maps

const SHADES = 255; // of a colour in a palette
let maps; // palettes of RGBA: from "against" by "nothing" to "for",
let inks; // and from paper to ink

const shades = (from, to) => Uint32Array.from({ length: SHADES + 1 }, (_, i) =>
  from.reduce((rgba, value, c) => rgba | (Math.round(value + ((to[c] - value) * i) / SHADES) << (8 * c)), 0xff000000));

/** Takes the colours from the theme. */
export function readColours() {
  const probe = make("i");
  document.body.append(probe);
  const [against, none, more, ink, paper] = ["against", "nothing", "for", "ink", "sheet"].map((name) => {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color.match(/\d+/g).map(Number);
  });
  probe.remove();
  maps = Uint32Array.of(...shades(none, against).reverse(), ...shades(none, more).subarray(1));
  inks = shades(paper, ink);
  paintMap($("ramp"), Float32Array.from({ length: 101 }, (_, i) => i - 50), 50);
}

function paint(canvas, values, palette, zero, factor) {
  const image = new ImageData(canvas.width, canvas.height);
  const pixels = new Uint32Array(image.data.buffer);
  const last = palette.length - 1;
  for (let i = 0; i < pixels.length; i++) pixels[i] = palette[Math.max(0, Math.min(last, Math.round(zero + factor * values[i])))];
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** Paints values, -scale (against) to scale (for). */
export const paintMap = (canvas, values, scale) => paint(canvas, values, maps, SHADES, SHADES / scale);

/** The CSS colour of all that is for, or against. */
export const tone = (positive) => `rgb(${[0, 8, 16].map((shift) => (maps.at(positive ? -1 : 0) >> shift) & 255)})`;

/** Paints pixel values, 0 to 255. */
export const paintInk = (canvas, image) => paint(canvas, image, inks, 0, 1);

/** How many cells a map has side by side: 28 pixels, or about the square root of the number of hidden units. */
export const across = (cells) => (cells === 784 ? 28 : 2 ** Math.ceil(Math.log2(cells) / 2));

/** Gives a canvas a pixel for each value, and paints them. */
export function fitMap(canvas, values, scale = most([values])) {
  const width = across(values.length);
  Object.assign(canvas, { width, height: values.length / width });
  canvas.style.aspectRatio = `${width} / ${canvas.height}`;
  paintMap(canvas, values, scale);
}

export function showPixels(digit) {
  paintInk($("pixels"), digit ? decode(digit.image) : new Uint8Array(784));
}

/** The largest magnitude in some maps. */
export function most(maps) {
  let top = 1e-9;
  for (const map of maps) for (let i = 0; i < map.length; i++) top = Math.max(top, Math.abs(map[i]));
  return top;
}

/** Shows for each digit its maps, on a common scale, and lines of [name, value, decimal places]; marks one. */
export function lay(id, maps, lines = () => [], marked = -1, mark = "label") {
  const scales = maps.map(most);
  $(id).replaceChildren(...TEN.map((k) => {
    const canvases = maps.map((ten, i) => {
      const canvas = make("canvas", { role: "img", ariaLabel: t("map of {k}", "数字 {k} 的贡献图", { k }) });
      fitMap(canvas, ten[k], scales[i]);
      return canvas;
    });
    return make("li", { className: k === marked ? mark : "" }, make("b", { textContent: k }), ...canvases, ...named(lines(k)));
  }));
}

/** Lines of [name, value, decimal places] as elements. */
export const named = (lines) => lines.map(([what, value, places]) =>
  make("span", { className: "n" }, make("i", { textContent: what }), value.toFixed ? number(value, places) : value));

/** Shows ten maps with their logits, or none, and templates below. */
export function showWhy(why, templates) {
  const maps = why?.maps ?? TEN.map(() => new Float32Array(784));
  const best = why ? why.logits.indexOf(Math.max(...why.logits)) : -1;
  lay("maps", templates ? [maps, templates] : [maps], (k) => [["", why?.logits[k] ?? "", 1]], best, "best");
  say("why-text", templates
    ? t("Exact: each pixel value times its weight. Their sum plus the bias {b} is the logit. Second row: the weights, or template.", "精确分解：各像素值与权重的乘积之和，加上偏置 {b}，就是 logit。第二行是权重本身，即模板。", { b: why?.bias ? t("({k}: {b})", "（{k}：{b}）", { k: best, b: number(why.bias[best], 2) }) : "b" })
    : t("Occlusion: the network reads again with one 5 × 5 patch erased at a time. Red ink raises the digit's logit, blue ink lowers it.", "遮挡法：逐处擦去 5×5 的笔迹，看 logit 的变化。红色处的笔迹使该数字的 logit 升高，蓝色处使其降低。"));
}

// ---- the photo

const LABEL = 0.42; // a label's height, of its box's; its width: 3/4 of that

/** Shows boxes, which are in the picture's pixels, over the photo. */
export function showBoxes(answer, chosen, choose) {
  const [width, height] = answer?.size ?? [1, 1];
  if (answer?.photo) $("frame").style.setProperty("--ratio", width / height); // of what no browser shows, too (HEIC)
  const digits = answer?.photo ? answer.digits : [];
  const places = labelPlaces(digits, width, height);
  const place = (element, [x, y, w, h]) => {
    const part = (value, whole) => `${(100 * value) / whole}%`;
    element.style.cssText = `--x: ${part(x, width)}; --y: ${part(y, height)}; --w: ${part(w, width)}; --h: ${part(h, height)}`;
    return element;
  };
  const unread = answer?.photo ? answer.unread : [];
  $("boxes").replaceChildren(...digits.map((digit, at) => {
    const label = make("span", { className: places[at] ?? "nowhere", textContent: mark(digit) });
    label.style.fontSize = `${(80 * LABEL * digit.box[3]) / height}cqh`;
    const box = place(button(digit, at === chosen, { className: "box " + kind(digit) }, label), digit.box);
    for (const type of ["pointerenter", "focus", "click"]) box.addEventListener(type, () => choose(at));
    return box;
  }), ...unread.map((box) => place(make("span", { className: "box unsure" }), box)));
}

/** Where each label hides no writing: above its box, below it, or nowhere. */
function labelPlaces(digits, width, height) {
  const taken = digits.map(({ box: [x, y, w, h] }) => [x, y, x + w, y + h]);
  return digits.map(({ box: [x, y, , h] }, own) => {
    const [tall, right] = [LABEL * h + 3, x + 0.75 * LABEL * h];
    const free = ([, [l, t, r, b]]) => t >= 0 && b <= height && r <= width
      && !taken.some((each, at) => at !== own && each[0] < r && each[2] > l && each[1] < b && each[3] > t);
    const place = [["above", [x, y - tall, right, y]], ["below", [x, y + h, right, y + h + tall]]].find(free);
    if (place) taken.push(place[1]);
    return place?.[0];
  });
}

export function chooseBox(chosen) {
  [...$("boxes").querySelectorAll("button")].forEach((box, at) => (box.ariaPressed = String(at === chosen)));
}

const STEP = 1.5;
const CLOSEST = 12;
let closeness = 1;

/** Zooms in by some steps at a place on the screen, by default its middle; by 0 out to the whole picture. */
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

/** Ctrl and wheel zoom, so does a double click; a mouse drags. open(file): was pasted or dropped. */
export function wirePhoto(open) {
  const photo = $("photo");
  photo.onwheel = (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoom(-Math.sign(event.deltaY) * Math.min(1, Math.abs(event.deltaY) / 50), [event.clientX, event.clientY]);
  };
  photo.ondblclick = (event) => zoom(2, [event.clientX, event.clientY]);
  photo.onpointermove = (event) => {
    if (event.pointerType === "mouse" && event.buttons === 1) photo.scrollBy(-event.movementX, -event.movementY);
  };
  photo.ondragstart = (event) => event.preventDefault();
  addEventListener("paste", (event) => open([...event.clipboardData.files][0]));
  addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    $("drop").hidden = false;
  });
  addEventListener("dragleave", (event) => ($("drop").hidden ||= !event.relatedTarget));
  addEventListener("drop", (event) => {
    event.preventDefault();
    $("drop").hidden = true;
    open(event.dataTransfer.files[0]);
  });
}

const LONGEST = 4000; // pixels of a photo that is too large to send

/** A smaller copy of a photo, as a JPEG. */
export async function shrunk(file) {
  const whole = await createImageBitmap(file);
  const scale = LONGEST / Math.max(whole.width, whole.height, LONGEST);
  const canvas = new OffscreenCanvas(whole.width * scale, whole.height * scale);
  canvas.getContext("2d").drawImage(whole, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 });
}
