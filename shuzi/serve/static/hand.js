// Your handwriting: drawings kept in this browser, and what is learnt from them.
import { $, TEN, decode, encode, notice, on, post, say, wrong } from "./page.js";
import { Sheet } from "./sheet.js";
import { columns } from "./mlp.js";
import { t } from "./text.js";
import { lay, percent } from "./view.js";

const EACH = 5; // drawings of each digit that are asked for

let corrections = false; // whether the server saves them
let turn = 0; // counts changes: results from earlier drawings are not shown
let own = JSON.parse(localStorage.getItem("own") ?? "[]"); // [label, base64 28x28], oldest first
const ownSheet = new Sheet($("own-canvas"), () => {});
const counts = () => TEN.map((k) => own.filter(([label]) => label === k).length);
const next = () => counts().indexOf(Math.min(...counts()));

function showOwn() {
  const each = counts();
  say("asked", Math.min(...each) < EACH ? t("Draw a {k}", "写一个 {k}", { k: next() }) : t("Five of each are enough. One more {k} would help", "每个数字都写够五遍了，再写个 {k} 会更好", { k: next() }));
  lay("kept", [], (k) => [["", `${each[k]} / ${EACH}`]]);
  $("compare").disabled = each.filter(Boolean).length < 2;
  $("back").disabled = $("forget").disabled = !own.length;
  $("send").disabled = !corrections || !own.length;
}

function remember(changed) {
  turn++;
  own = changed;
  localStorage.setItem("own", JSON.stringify(own));
  compared = null;
  showCompared();
  showOwn();
}

async function keep() {
  const before = ownSheet.turn;
  try {
    const image = await ownSheet.image();
    if (before !== ownSheet.turn) return; // drawn on, or saved already
    if (!image) return notice(t("Draw something first.", "请先写点什么。"));
    remember([...own, [next(), encode(image)]]);
    ownSheet.clear();
  } catch (error) {
    wrong(error);
  }
}

/** Trains on the drawings, from a model's weights. */
export function compare(worker, by) {
  if (!by) return;
  $("compare").disabled = true;
  const images = Uint8Array.from(own.flatMap(([, image]) => [...decode(image)]));
  worker.postMessage(["own", { images, labels: Uint8Array.from(own, ([label]) => label), layer: by, turn }]);
}

let compared = null; // the worker's result

/** Shows the worker's result, unless the drawings have changed. */
export function found(result) {
  if (result.turn !== turn) return;
  compared = result;
  showHand();
}

function showCompared() {
  $("mine").hidden = !compared;
  if (!compared) return say("compared", "");
  const { templates, layer, before, after, of, mnist } = compared;
  lay("mine", [templates, columns(layer.W)]);
  const price = mnist ? t(" Accuracy on MNIST's test set: {before} before, {after} after.", "MNIST 测试集准确率：之前 {before}，之后 {after}。", { before: percent(mnist.before), after: percent(mnist.after) }) : "";
  say("compared", t("Top: templates learnt from your drawings. Bottom: MNIST's, which read {before} of your {of} drawings correctly. After learning from your other drawings: {after}.", "上面是从你的字迹学到的模板，下面是 MNIST 的。你写的 {of} 个数字里，MNIST 的模板认对 {before} 个；用你写的其余数字继续训练后，认对 {after} 个。", { before, of, after }) + price);
}

async function send() {
  $("send").disabled = true;
  try {
    for (const [label, image] of own) await post("api/corrections", { label, image });
    notice(t("Added to the corrections: {n}", "已加入更正：{n} 个", { n: own.length }));
  } catch (error) {
    wrong(error);
  }
  showOwn();
}

export function showHand(saves = corrections) {
  corrections = saves;
  ownSheet.dress();
  showOwn();
  showCompared();
}

on("click", { keep, send, "own-clear": () => ownSheet.clear(), back: () => remember(own.slice(0, -1)), forget: () => remember([]) });
on("keydown", { "own-canvas": (event) => event.key === "Enter" && keep() });
