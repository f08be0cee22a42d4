// What is not sure in a CSV file of forms, one by one: look, type, Enter.
import { $, ask, on, onSwitch, post, root, say, told } from "./page.js";
import { t } from "./text.js";

let items = []; // {file, field, text, confidence}
let at = 0;
let busy = false;
let anyway = false; // Enter was pressed on what the field doesn't admit

function refused(fault) {
  anyway = fault.status === 409;
  say("said", anyway
    ? t("The field does not admit this. Enter again keeps it all the same.", "不符合此栏的规定。再按一次回车则照样保存。")
    : fault.status === 422 ? fault.message : told(fault, $("text").value));
}

function show() {
  const item = items[at];
  $("zone").hidden = $("form").hidden = !item;
  say("which", item ? `${at + 1} / ${items.length} · ${item.file} · ${item.field}` : t("All fields are sure or checked.", "所有栏都已确定或核对。"));
  say("said", "");
  anyway = false;
  if (!item) return;
  const zone = `api/review/zone?${new URLSearchParams({ file: item.file, field: item.field })}`;
  if ($("zone").getAttribute("src") !== zone) $("zone").src = zone;
  $("text").value = item.text;
  $("text").select();
}

/** Begins with what is not sure now. */
async function begin() {
  ({ items } = await ask("api/review"));
  at = 0;
  show();
}

async function step(by) {
  if (at + by >= items.length) return begin().catch(refused);
  at = Math.max(0, at + by);
  show();
}

async function keep(event) {
  event.preventDefault();
  if (busy) return;
  busy = true;
  const { file, field } = items[at];
  const text = $("text").value;
  try {
    await post("api/review", { file, field, text, anyway });
    items[at].text = text;
    await step(1);
  } catch (fault) {
    refused(fault);
  }
  busy = false;
}

on("submit", { form: keep });
on("input", { text: () => (anyway = false) });
on("click", { later: () => step(1), back: () => step(-1) });
on("error", { zone: () => say("said", t("The picture can't be read.", "图片无法读取。")) });
addEventListener("keydown", ({ key }) => key === "Escape" ? step(1) : key === "PageUp" && step(-1));
await begin().catch(refused);
onSwitch(show);
root.dataset.ready = "true";
