// Corrections: saved in the order in which they are made; the last one can be undone.
import { $, ask, notice, post, say, wrong } from "./page.js";
import { t } from "./text.js";

let last = null; // {id, label, was, image} while it can be undone
let writing = Promise.resolve();

const inOrder = (work) => (writing = writing.then(work).catch(refused));
const savedAs = (k) => t("Saved as {k}.", "已存为 {k}。", { k });

export const save = (label, image) => inOrder(async () => {
  last = { ...(await post("api/corrections", { label, image })), image };
  show();
});

export const undo = () => inOrder(async () => {
  if (!last) return;
  const { id, was, image } = last;
  if (was === null) await ask(`api/corrections/${id}`, { method: "DELETE" });
  else await post("api/corrections", { label: was, image });
  last = null;
  show(was === null ? t("Correction removed.", "已撤回更正。") : savedAs(was));
});

export function forget() {
  last = null;
  show();
}

/** Shows what became of the last correction. */
export function show(text = last ? savedAs(last.label) : "") {
  say("took", text);
  $("takeback").hidden = !last;
}

function refused(fault) {
  if (fault.status === 422) notice(t("Not saved: it is empty, or one of this page's test samples.", "未保存：没有笔迹，或者是本页的测试集样例。"));
  else if (fault.status === 507) notice(t("The correction can't be saved. Is the disk full?", "更正保存失败，磁盘可能已满。"));
  else if (fault.status === 404) notice(t("This correction no longer exists.", "这条更正已被删除。"));
  else wrong(fault);
}
