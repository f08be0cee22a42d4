// What is not sure in a CSV file of forms, one by one: look, type, Enter.
import { ask, onTheme, post, showSwitches, told } from "./page.js";
import { both, language, speak } from "./text.js";

const $ = (id) => document.getElementById(id);

let items = []; // {file, field, text, confidence}
let at = 0;
let busy = false;
let anyway = false; // the field doesn't admit it, and Enter was pressed all the same

const say = (english, chinese) => ($("said").textContent = both(english, chinese));

function refused({ status, message }) {
  if (status === 409) return say("The field does not admit this. Enter again keeps it all the same.", "不符合此栏的规定。再按一次回车则照样保存。");
  if (status === 422) return say(message, message);
  $("said").textContent = told({ status, message }, $("text").value);
}

function show() {
  const item = items[at];
  $("zone").hidden = $("form").hidden = !item;
  $("which").textContent = item
    ? `${at + 1} / ${items.length} · ${item.file} · ${item.field}`
    : both("All fields are sure or checked.", "所有栏都已确定或核对。");
  $("back").disabled = at === 0;
  anyway = false;
  say("", "");
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

$("form").addEventListener("submit", async (event) => {
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
    anyway = fault.status === 409;
  }
  busy = false;
});
$("text").addEventListener("input", () => (anyway = false));
$("later").addEventListener("click", () => step(1));
$("back").addEventListener("click", () => step(-1));
addEventListener("keydown", (event) => {
  const by = { Escape: 1, PageDown: 1, PageUp: -1 }[event.key];
  if (by) event.preventDefault(), step(by);
});
$("zone").addEventListener("error", () => say("The picture can't be read.", "图片无法读取。"));

$("language").addEventListener("click", () => {
  localStorage.setItem("language", language === "zh" ? "en" : "zh");
  speak(language === "zh" ? "en" : "zh");
  showSwitches();
  show();
});
onTheme(showSwitches);
speak();
showSwitches();
await begin().catch(refused);
document.documentElement.dataset.ready = "true";
