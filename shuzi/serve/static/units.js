// The hidden units: what each sees, and its weight on each digit.
import { $, ARROWS, TEN, make, say } from "./page.js";
import { column } from "./mlp.js";
import { t } from "./text.js";
import { most, number, paintMap, tone } from "./view.js";

const TILE = 56; // canvas pixels of a unit's map
const BAR = 9; // canvas pixels of the bar's height
const GAP = 8;
const NARROW = 32; // CSS pixels: a tile is at least this wide
const MOST = 16; // tiles in a row

let now = null; // {layers, hidden}: what is shown; hidden: {a, h}, of the drawing, or null
let unit = 0;
let moved = () => {};

export const chosenUnit = () => unit;
/** Calls act() when another unit is chosen. */
export const onUnit = (act) => (moved = act);

const count = () => now.layers[0].b.length;
const across = () => (count() <= MOST ? MOST / 2 : Math.max(8, Math.min(MOST, Math.floor($("units").parentElement.clientWidth / NARROW))));
const chosenDigit = () => Number(document.querySelector("#digits :checked").value);

/** The place of a unit's tile, in canvas pixels. */
const corner = (j) => [(j % across()) * (TILE + GAP) + GAP / 2, Math.floor(j / across()) * (TILE + BAR + GAP) + GAP / 2];

export function choose(j) {
  unit = Math.max(0, Math.min(count() - 1, j));
  showUnits();
  moved();
}

/** Shows a network's hidden units. hidden: {a, h} of the drawing, or null without one. */
export function showUnits(layers = now?.layers, hidden = now?.hidden) {
  if (layers?.length !== 2) return;
  now = { layers, hidden };
  unit = Math.min(unit, count() - 1);
  const maps = Array.from({ length: count() }, (_, j) => column(layers[0].W, j, count()));
  paintTiles(maps, most(maps));
  showUnit(maps[unit], most(maps));
}

function paintTiles(maps, scale) {
  const canvas = $("units");
  const rows = Math.ceil(count() / across());
  const [width, height] = [across() * (TILE + GAP), rows * (TILE + BAR + GAP)];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, width, height);
  context.imageSmoothingEnabled = false;
  const one = new OffscreenCanvas(28, 28);
  const weights = column(now.layers[1].W, chosenDigit());
  const top = most([weights]);
  maps.forEach((map, j) => {
    const [x, y] = corner(j);
    context.globalAlpha = now.hidden && !now.hidden.h[j] ? 0.3 : 1;
    paintMap(one, map, scale);
    context.drawImage(one, x, y, TILE, TILE);
    context.globalAlpha = 1;
    context.fillStyle = tone(weights[j] > 0);
    const length = (TILE / 2) * (Math.abs(weights[j]) / top);
    context.fillRect(x + TILE / 2 - (weights[j] < 0 ? length : 0), y + TILE + 3, length, BAR - 4);
  });
  const [x, y] = corner(unit);
  context.strokeStyle = getComputedStyle(canvas).color;
  context.lineWidth = 4;
  context.strokeRect(x - 2, y - 2, TILE + 4, TILE + BAR + 4);
}

function showUnit(map, scale) {
  const { hidden, layers } = now;
  const weights = TEN.map((k) => layers[1].W[unit * 10 + k]);
  say("unit-name", t("Unit {j}", "单元 {j}", { j: unit }));
  paintMap($("unit-map"), map, scale);
  const a = hidden && number(hidden.a[unit], 2);
  say("unit", !hidden ? t("Draw a digit to see whether the unit fires.", "写一个数字，看看它是否激活。")
    : hidden.h[unit] ? t("Fires for your drawing: x·w + b = {a}, so h = {a}.", "被你写的字激活：x·w + b = {a}，所以 h = {a}。", { a })
    : t("Silent for your drawing: x·w + b = {a}, so h = 0.", "没有被你写的字激活：x·w + b = {a}，所以 h = 0。", { a }));
  const top = most([weights]);
  $("unit-ten").replaceChildren(...weights.map((weight, k) => {
    const bar = make("i", { className: weight < 0 ? "less" : "more" });
    bar.style.setProperty("--part", Math.abs(weight) / top);
    return make("li", {}, make("b", { textContent: k }), make("span", {}, bar), make("span", { className: "n", textContent: number(weight, 2) }));
  }));
}

function layDigits() {
  $("digits").append(...TEN.map((k) => make("label", {}, make("input", { type: "radio", name: "digit", value: k, checked: k === 0 }), make("span", { textContent: k }))));
  $("digits").onchange = () => showUnits();
}

layDigits();
const canvas = $("units");
Object.assign(canvas, {
  tabIndex: 0, role: "application",
  onclick: ({ offsetX, offsetY }) => {
    const by = canvas.width / canvas.clientWidth;
    const [x, y] = [Math.floor((offsetX * by) / (TILE + GAP)), Math.floor((offsetY * by) / (TILE + BAR + GAP))];
    if (y * across() + x < count()) choose(y * across() + x);
  },
  onkeydown: (event) => {
    const move = ARROWS[event.key];
    if (!move) return;
    event.preventDefault();
    choose(unit + move[0] + move[1] * across());
  },
});
new ResizeObserver(() => now && showUnits()).observe($("units").parentElement);
