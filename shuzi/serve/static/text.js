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
  "See it learn": "看它学习",
  "{name} reads {text}: they differ": "{name}认作 {text}：两者不同",
  "{name} reads {text} too": "{name}也认作 {text}",
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
  "{n} digits; choose one": "共 {n} 个数字；选一个细看",
  "it is {k}": "它是 {k}",
  "evidence for {k}: logit {z}": "数字 {k} 的证据：logit {z}",
  "template of {k}": "数字 {k} 的模板",
  "Exact: each pixel's ink times its weight. The sum and the bias {b} make the logit; below it, the weights: the template.":
    "精确：每个像素的墨量乘以权重，加总再加上偏置 b，就是 logit；其下是权重本身，即模板。",
  "By occlusion: a 5 × 5 patch of ink is rubbed out, everywhere in turn. Red ink raised the digit's logit, blue ink lowered it.":
    "遮挡法：依次擦去每处 5×5 的墨迹。红色的墨迹提高该数字的 logit，蓝色的降低它。",
  "MNIST's test set, number {i}: somebody meant {k}": "MNIST 测试集第 {i} 个：写的人写的是 {k}",
  "Look closer": "细看",
  "Larger": "放大",
  "Smaller": "缩小",
  "Boxes": "方框",
  "Copy text": "复制文字",
  "Copied: {text}": "已复制：{text}",
  "look closer at a photo, or less close": "放大或缩小照片",
  "show or hide its boxes": "显示或隐藏照片上的方框",
  "Reading…": "正在识别…",
  "Take back": "撤回",
  "Taken back.": "已撤回。",
  "Kept as {k}.": "已存为 {k}。",
  "It is kept no more.": "它已不在了。",
  "This is a test digit; it is not kept, lest it be trained on.": "这是测试集里的数字，不能拿来训练，所以不保存。",
  "There is no ink to learn from, or it is a test digit; it is not kept.": "里面没有可学的墨迹，或者是测试集里的数字，所以不保存。",
  "The correction can't be written. Is the disk full?": "改正写不进去。磁盘满了吗？",
  "Corrections are kept on this computer, in {folder}. Nothing else is stored, nothing leaves it.":
    "改正只存放在本机：{folder}。此外不保存任何内容，也没有数据离开本机。",
  "Corrections are kept on the computer that serves this page. Nothing else is stored.":
    "改正存放在提供此页面的电脑上，此外不保存任何内容。",
  "Nothing is stored here.": "这里不保存任何内容。",
  "Not connected: the server does not answer. Is shuzi serve still running? The page goes on by itself once it is.":
    "未连接：服务器没有回应。shuzi serve 还在运行吗？恢复后本页会自动继续。",
  "Draw something first.": "请先写点什么。",
  "The answer was cut off.": "回答中断了。",
  "The drawing": "所写的内容",
  "{what} is not a picture.": "{what} 不是图片。",
  "{what} is too large.": "{what} 太大了。",
  "{what} can't be read as a picture.": "{what} 无法作为图片读取。",
  "{what} was not answered in time. Try again, or with less.": "{what} 没能及时得到答案。请再试一次，或者减少内容。",
  "Too much is drawn to be read. Undo some of it.": "写得太多，认不过来。请撤销一些。",
  "This server does not answer this page.": "这台服务器不回应本页面。",
  "The server met a fault ({status}).": "服务器出错了（{status}）。",
  "The page met a fault: {e}": "页面出错了：{e}",
  "{name}, answers in {ms} ms": "{name}，{ms} 毫秒作答",
  "Corrections are off: this server is read-only.": "此服务器为只读，不保存改正。",
};

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
  return both(english, chinese[english] ?? english, values);
}

/** One of two texts, its {names} filled in. */
export function both(english, chinese, values = {}) {
  return (language === "zh" ? chinese : english).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
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
  for (const element of document.querySelectorAll("[data-zh]")) {
    element.textContent = both(original(element, "text", element.textContent), element.dataset.zh);
  }
  for (const element of document.querySelectorAll("[data-zh-label]")) {
    element.ariaLabel = both(original(element, "label", element.ariaLabel), element.dataset.zhLabel);
  }
  for (const element of document.querySelectorAll("[data-t-alt]")) element.alt = t(element.dataset.tAlt);
}
