// Lays openapi.json out to read: every path, what it takes, what it answers. No other host is asked.
const make = (tag, text = "", ...children) => {
  const element = document.createElement(tag);
  element.textContent = text;
  element.append(...children);
  return element;
};

function table(heads, rows) {
  if (!rows.length) return "";
  const row = (cells, tag) => make("tr", "", ...cells.map((cell) => make(tag, cell)));
  return make("table", "", row(heads, "th"), ...rows.map((cells) => row(cells, "td")));
}

function type(schema = {}) {
  if (schema.$ref) return schema.$ref.split("/").at(-1);
  if (schema.anyOf) return schema.anyOf.map(type).join(" or ");
  if (schema.enum) return schema.enum.join(" | ");
  if (schema.const !== undefined) return String(schema.const);
  if (schema.type === "array") return `[${type(schema.items ?? schema.prefixItems?.[0])}, …]`;
  return (schema.format ?? schema.type ?? "any") + (schema.default === undefined ? "" : `, ${schema.default} by default`);
}

function operation(path, method, it) {
  const parameters = (it.parameters ?? []).map((each) => [each.name, type(each.schema), each.description ?? each.schema?.description ?? ""]);
  const bodies = Object.entries(it.requestBody?.content ?? {}).map(([media, { schema }]) => [media, type(schema), schema?.description ?? ""]);
  const replies = Object.entries(it.responses).map(([status, reply]) => [status, reply.description]);
  const title = make("h2", "", make("b", method.toUpperCase()), ` ${path}`);
  return make("article", "", title, make("p", it.description ?? it.summary ?? ""), table(["Query", "Type", ""], parameters),
    table(["Body", "Type", ""], bodies), table(["Answer", ""], replies));
}

function schema(name, it) {
  const rows = Object.entries(it.properties ?? {}).map(([field, each]) => [field, type(each), each.description ?? ""]);
  const title = make("h2", name);
  return make("article", "", title, make("p", it.description ?? ""), table(["Field", "Type", ""], rows));
}

const theme = localStorage.getItem("theme");
if (theme) document.documentElement.dataset.theme = theme;
const document_ = await (await fetch("openapi.json")).json();
const paths = Object.entries(document_.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, it]) => operation(path, method, it)));
const schemas = Object.entries(document_.components?.schemas ?? {}).map(([name, it]) => schema(name, it));
document.getElementById("paths").append(make("p", document_.info.description), ...paths, ...schemas);
