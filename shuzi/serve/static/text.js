// English and Chinese stand side by side.
const known = ["en", "zh"];
const asked = new URLSearchParams(location.search).get("lang") ?? localStorage.getItem("language");

export let language = [asked, ...navigator.languages.map((tag) => tag.slice(0, 2)), "en"].find((each) => known.includes(each));

/** The text in the page's language, its {names} filled in. */
export function t(english, chinese, values = {}) {
  return (language === "zh" ? chinese : english).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

/** Shows the page in a language. */
export function speak(next = language) {
  language = next;
  document.documentElement.lang = t("en", "zh-CN");
  for (const each of document.querySelectorAll("[data-zh]")) {
    each.textContent = t(each.dataset.en ??= each.textContent, each.dataset.zh);
  }
  for (const each of document.querySelectorAll("[data-zh-label]")) {
    each.ariaLabel = t(each.dataset.label ??= each.ariaLabel, each.dataset.zhLabel);
  }
}
