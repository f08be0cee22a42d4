// The network's training on the server.
import { $, ask, notice, on, say, wrong } from "./page.js";
import { t } from "./text.js";
import { percent } from "./view.js";

let training = null; // the server's GET /api/training
let polling = 0;
let asked = 0; // counts requests: answers to earlier ones are not shown

export async function train(method, path = "api/training") {
  clearTimeout(polling);
  const mine = ++asked;
  try {
    const reply = await ask(path, { method });
    if (mine !== asked) return;
    training = reply;
  } catch (error) {
    if (mine !== asked) return;
    if (/under way/.test(error.message)) return train("GET");
    if (error.status === 409) notice(t("There are no corrections to train on yet. Add your drawings, or correct results on the drawing page.", "还没有可用来训练的更正。请加入你写的数字，或在书写页更正识别结果。"));
    else wrong(error);
  }
  showTraining();
}

export function showTraining() {
  if (!training) return;
  const { state, refused, epoch, epochs, before, after, error, file } = training;
  const busy = ["training", "measuring", "keeping"].includes(state);
  $("train").hidden = busy || state === "done";
  $("train").disabled = Boolean(refused);
  $("keep-it").hidden = state !== "done";
  $("stop").hidden = !["training", "measuring", "done"].includes(state);
  $("progress").hidden = !busy;
  if (state === "training" && epoch > 1) $("progress").value = (epoch - 1) / epochs;
  else $("progress").removeAttribute("value");
  const share = (of) => `${percent(before[of])} → ${percent(after[of])}`;
  const figures = () => t("Accuracy before and after: held-out corrections {own}", "训练前后的准确率：留出的更正 {own}", { own: share("own") })
    + (before.mnist === null ? "" : t("; MNIST's test set {mnist}", "；MNIST 测试集 {mnist}", { mnist: share("mnist") }));
  const said = {
    training: () => t("Training: epoch {epoch} of {epochs}", "训练中：第 {epoch} 轮，共 {epochs} 轮", { epoch, epochs }),
    measuring: () => t("Measuring accuracy before and after", "正在测试训练前后的准确率"),
    done: figures,
    keeping: figures,
    kept: () => figures() + t(". The drawing page now uses the new weights. Next time, start with: shuzi serve --weights {file}", "。新权重已启用，书写页即刻生效；以后启动请用：shuzi serve --weights {file}", { file }),
    failed: () => error,
  }[state];
  say("training", said ? said() : refused ? t(refused, "此处无法训练：需要 shuzi serve 仅对本机开放、未设为只读，并已安装 torch。") : "");
  if (busy) polling = setTimeout(train, 1000, "GET");
}

on("click", { train: () => train("POST"), stop: () => train("DELETE"), "keep-it": () => train("POST", "api/training/keep") });
