// What is uncertain in a CSV file of numbers, tables or forms, one by one: look, type, Enter.
import { $, ask, on, onSwitch, post, root, say, told } from "./page.js";
import { t } from "./text.js";

let items = null; // {file, field, text, confidence}, once they are here
let at = 0;
let said = () => ""; // a sentence in the page's language
let about = null; // the server's GET /api/model
let anyway = false; // Enter was pressed on a text that breaks the field's rules

const tell = (sentence = said) => say("said", (said = sentence)());

function refused(fault) {
  anyway = fault.status === 409;
  const text = $("text").value;
  tell(() => fault.status === 409 ? t("The field's rules don't allow this. Press Enter again to save it anyway.", "不符合该字段的规则。再按一次 Enter 仍会保存。")
    : fault.status !== 422 ? told(fault, text)
    : fault.message.startsWith("text:") ? t("Only digits, spaces and . , ' - / : + % are allowed.", "只能填写数字、空格和 . , ' - / : + % 这些符号。")
    : fault.message);
}

function showWhich() {
  const item = items?.[at];
  $("zone").hidden = $("form").hidden = !item;
  say("which", !items ? "" : item ? `${at + 1} / ${items.length} · ${item.file} · ${item.field}` : t("Done. Everything is either certain or checked.", "全部内容均已确认。"));
  return item;
}

function show() {
  const item = showWhich();
  tell(() => "");
  anyway = false;
  if (!item) return;
  const zone = `api/review/zone?${new URLSearchParams({ file: item.file, field: item.field })}`;
  if ($("zone").getAttribute("src") !== zone) $("zone").src = zone;
  $("text").value = item.text;
  $("text").select();
}

function showAll() {
  const folder = about?.folder ?? t("the corrections folder", "更正文件夹");
  say("kept", t("Save writes to the CSV file. If every digit of the field was found, pictures of the digits are also kept for training, in {folder}.", "保存会写入 CSV 文件。如果字段中的数字都已找到，其图像还会存入 {folder}，供训练使用。", { folder }));
  showWhich();
  tell();
}

/** Starts again with the fields that are uncertain now. */
async function begin() {
  ({ items } = await ask("api/review"));
  at = 0;
  show();
}

async function step(by) {
  if (at + by >= (items?.length ?? 0)) return begin();
  at = Math.max(0, at + by);
  show();
}

async function save() {
  const item = items[at];
  const text = $("text").value;
  const { kept } = await post("api/review", { file: item.file, field: item.field, text, anyway });
  item.text = text;
  await step(1);
  if (kept) tell(() => t("Saved. Kept for training: {n} digits.", "已保存，并留存 {n} 个数字供训练。", { n: kept }));
}

let busy = false;

/** Does one thing at a time: what is pressed meanwhile is ignored. */
async function alone(work) {
  if (busy) return;
  busy = true;
  await work().catch(refused);
  busy = false;
}

on("submit", { form: (event) => (event.preventDefault(), alone(save)) });
on("input", { text: () => (anyway = false) });
on("click", { later: () => alone(() => step(1)), back: () => alone(() => step(-1)) });
on("error", { zone: () => tell(() => t("The picture can't be read.", "图片无法读取。")) });
addEventListener("keydown", ({ key }) => {
  const by = { Escape: 1, PageUp: -1 }[key];
  if (by) alone(() => step(by));
});
onSwitch(showAll);
await alone(async () => {
  about = await ask("api/model");
  showAll();
  await begin();
});
root.dataset.ready = "true";
