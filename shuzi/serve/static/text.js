// English stands in the page and in the code; here is its Chinese. A missing entry shows the English.
const chinese = {
  "Read by": "由谁来认",
  "Network": "神经网络",
  "Softmax regression": "Softmax 回归",
  "Dark": "深色",
  "Light": "浅色",
  "Keys": "按键",
  "Draw": "书写",
  "Drawing sheet: arrow keys move the pen, Space sets it down or lifts it": "画纸：方向键移动笔，空格键落笔或提笔",
  "Your picture": "你的图片",
  "Draw a digit here, or a row of them": "在这里写一个数字，或一行数字",
  "Tools": "工具",
  "Undo": "撤销",
  "Clear": "清空",
  "Show me one": "来一个样本",
  "A hard one": "来个难认的",
  "Photo": "照片",
  "Camera": "拍照",
  "Answer": "答案",
  "What is read": "认出的数字",
  "The 28 by 28 pixels that the model sees": "模型看到的 28×28 像素",
  "What it sees: 28 × 28": "模型看到的 28 × 28",
  "Probability of each digit": "每个数字的概率",
  "Wrong? Say what it is:": "认错了？它其实是：",
  "Why": "为什么",
  "against": "反对",
  "for": "支持",
  "API": "接口",
  "Drop the picture to read it": "松开即可识别图片",
  "put a wrong answer right": "改正认错的答案",
  "undo": "撤销",
  "clear": "清空",
  "show me one": "来一个样本",
  "a hard one": "来个难认的",
  "choose a photo": "选一张照片",
  "the other model": "换另一个模型",
  "on the sheet: move the pen (Shift: finely)": "在画纸上：移动笔（按住 Shift 微移）",
  "on the sheet: set the pen down, lift it": "在画纸上：落笔、提笔",
  "Single keys work everywhere on the page": "单个按键在整个页面有效",
  "Close": "关闭",
  "sure: {p}": "把握：{p}",
  "Not sure": "拿不准",
  "perhaps {a} ({p}), or {b} ({q})": "可能是 {a}（{p}），也可能是 {b}（{q}）",
  "Not a digit": "不是数字",
  "nothing like 0 to 9 (is a digit: {p})": "不像 0 到 9（是数字的把握：{p}）",
  "Nothing to read yet": "还没有可认的内容",
  "No digit found in this picture": "这张图片里没有找到数字",
  "{n} digits; choose one to look closer": "共 {n} 个数字；选一个细看",
  "it is {k}": "它是 {k}",
  "evidence for {k}: logit {z}": "数字 {k} 的证据：logit {z}",
  "template of {k}": "数字 {k} 的模板",
  "Exact: each pixel's ink times its weight. Their sum and the bias {b} make the logit below. Under it, the template: the weights themselves.":
    "精确：每个像素的墨量乘以权重，加总再加上偏置 b，就是下面的 logit。再下面是模板，也就是权重本身。",
  "By occlusion: a 5 × 5 patch of ink is rubbed out, everywhere in turn. Red ink raised the digit's logit, blue ink lowered it.":
    "遮挡法：依次擦去每处 5×5 的墨迹。红色的墨迹提高该数字的 logit，蓝色的降低它。",
  "MNIST's test set, number {i}: somebody meant {k}": "MNIST 测试集第 {i} 个：写的人写的是 {k}",
  "Kept as {k}: {file}": "已存为 {k}：{file}",
  "Corrections are kept on this computer, in {folder}. Nothing else is stored, nothing leaves it.":
    "改正只存放在本机：{folder}。此外不保存任何内容，也没有数据离开本机。",
  "Nothing is stored here.": "这里不保存任何内容。",
  "The server does not answer. Is shuzi serve still running?": "服务器没有回应。shuzi serve 还在运行吗？",
  "Draw something first.": "请先写点什么。",
  "This is not a picture.": "这不是图片。",
  "{name} {version}, answers in {ms} ms": "{name} {version}，{ms} 毫秒作答",
  "Corrections are off: this server is read-only.": "此服务器为只读，不保存改正。",
};

/** Adds a page's own Chinese. */
export const alsoChinese = (more) => Object.assign(chinese, more);

const known = ["en", "zh"];

function remembered() {
  const asked = new URLSearchParams(location.search).get("lang") ?? localStorage.getItem("language");
  if (known.includes(asked)) return asked;
  const first = navigator.languages.map((tag) => tag.slice(0, 2)).find((tag) => known.includes(tag));
  return first ?? "en";
}

export let language = remembered();

/** The text in the page's language, its {names} filled in. */
export function t(english, values = {}) {
  const text = language === "zh" ? chinese[english] ?? english : english;
  return text.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

const originals = new Map();

function original(element, attribute, now) {
  const key = attribute + "";
  if (!originals.has(element)) originals.set(element, {});
  return (originals.get(element)[key] ??= now);
}

/** Puts the page into a language; without an argument, into the present one. */
export function speak(next = language) {
  language = next;
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const element of document.querySelectorAll("[data-t]")) {
    element.textContent = t(original(element, "text", element.textContent));
  }
  for (const element of document.querySelectorAll("[data-t-label]")) {
    element.setAttribute("aria-label", t(original(element, "label", element.getAttribute("aria-label"))));
  }
  for (const element of document.querySelectorAll("[data-t-alt]")) element.alt = t(element.dataset.tAlt);
}
