// Make it say 8: pixels of a digit are changed until the model predicts another.
import { fewest } from "./fewest.js";
import { Grid } from "./grid.js";
import { $, TEN, make, on, say } from "./page.js";
import { CLASSES, column, largest, probabilities } from "./mlp.js";
import { t } from "./text.js";
import { most, paintMap, percent } from "./view.js";

let subject = null; // {image: as it was, x: as it is}
let judge = null; // the model to fool: a layer
const board = new Grid($("board"), paint, (at) => {
  const inks = [...new Set([subject.image[at], 255, 0])];
  subject.x[at] = inks[(inks.indexOf(subject.x[at]) + 1) % inks.length];
  unsaid();
});
const wanted = () => Number($("wanted").value);

/** Whether a sample is of another digit than the one wanted. */
export const isOther = ({ label }) => label !== wanted();

export function pose({ image }) {
  subject = { image, x: image.slice() };
  unsaid();
}

function unsaid() {
  say("fewest-said", "");
  paint();
}

/** Shows the prediction of a layer {W, b}. */
export function showPuzzle(model) {
  judge = model;
  paint();
}

function paint() {
  if (!subject || !judge) return;
  const p = probabilities(subject.x, [judge]);
  const said = largest(p);
  const changed = [...subject.x.keys()].filter((at) => subject.x[at] !== subject.image[at]);
  board.paint(subject.x, changed);
  say("says", t("It says {k} ({p}). {wanted}: {q}", "预测为 {k}（{p}）。{wanted}：{q}", { k: said, p: percent(p[said]), wanted: wanted(), q: percent(p[wanted()]) }));
  say("changed", t("Pixels changed: {n}", "改动的像素：{n}", { n: changed.length }));
  const rival = said === wanted() ? TEN.toSorted((one, other) => p[other] - p[one])[1] : said;
  const lever = column(judge.W, wanted()).map((w, at) => w - judge.W[at * CLASSES + rival]);
  paintMap($("lever"), lever, most([lever]));
  if (said === wanted() && changed.length && !$("fewest-said").textContent) tellFewest();
}

function tellFewest() {
  const { W, b } = judge;
  const { pixels, least } = fewest(subject.image, W, b, wanted());
  const n = pixels?.size;
  say("fewest-said", !pixels ? t("No change makes it say {wanted}.", "无论怎样改动，都不会判为 {wanted}。", { wanted: wanted() })
    : !n ? t("It already says {wanted}. Choose another digit.", "它本来就判为 {wanted}。换一个数字吧。", { wanted: wanted() })
    : least === n ? t("The fewest: {n}. Fewer are provably not enough.", "最少 {n} 个，可以证明不能更少。", { n })
    : t("The fewest found: {n}. At least {least} are provably needed.", "目前找到的最少改动为 {n} 个；可以证明至少需要 {least} 个。", { n, least }));
  return pixels;
}

function showFewest() {
  if (!subject || !judge) return;
  const pixels = tellFewest();
  if (pixels) subject.x = subject.image.map((ink, at) => pixels.get(at) ?? ink);
  paint();
}

$("wanted").append(...TEN.map((k) => make("option", { value: k, textContent: k, selected: k === 8 })));
on("click", { again: () => subject && pose(subject), fewest: showFewest });
on("change", { wanted: unsaid });
