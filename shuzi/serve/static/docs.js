// Lays openapi.json out to read: every path, what it takes, what it answers.
import { $, ask, make } from "./page.js";

function table(heads, rows) {
  if (!rows.length) return "";
  const row = (cells, tag) => make("tr", {}, ...cells.map((cell) => make(tag, {}, cell)));
  return make("table", {}, row(heads, "th"), ...rows.map((cells) => row(cells, "td")));
}

function type(schema = {}) {
  if (schema.$ref) return schema.$ref.split("/").at(-1);
  if (schema.anyOf) return schema.anyOf.map(type).join(" or ");
  if (schema.enum) return schema.enum.map((each) => each || "empty").join(" | ");
  if (schema.const !== undefined) return String(schema.const);
  if (schema.type === "array") return `[${type(schema.items ?? schema.prefixItems?.[0])}, …]`;
  return (schema.format ?? schema.type ?? "any") + (schema.default === undefined ? "" : `, ${schema.default} by default`);
}

/** A type, linked to its fields where it has some. */
const linked = (schema = {}) => schema.$ref ? make("a", { href: `#${type(schema)}` }, type(schema)) : type(schema);
const media = (content = {}) => Object.entries(content).map(([name, { schema }]) => [name, linked(schema)]);
const field = ([name, schema, description]) => [name, type(schema), description ?? schema?.description ?? ""];

function operation(path, method, it) {
  const parameters = (it.parameters ?? []).map((each) => field([each.name, each.schema, each.description]));
  const bodies = media(it.requestBody?.content);
  const replies = Object.entries(it.responses).map(([status, reply]) => [status, media(reply.content)[0]?.[1] ?? "", reply.description]);
  return make("article", {}, make("h2", {}, make("b", {}, method.toUpperCase()), ` ${path}`), make("p", {}, it.description ?? it.summary ?? ""),
    table(["Query", "Type", "Meaning"], parameters), table(["Body", "Type"], bodies), table(["Answer", "Type", "Meaning"], replies));
}

const schema = ([name, it]) => make("article", { id: name }, make("h2", {}, name), make("p", {}, it.description ?? ""),
  table(["Field", "Type", "Meaning"], Object.entries(it.properties ?? {}).map(field)));

const api = await ask("openapi.json");
const paths = Object.entries(api.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, it]) => operation(path, method, it)));
$("paths").append(make("p", {}, api.info.description), ...paths, ...Object.entries(api.components?.schemas ?? {}).map(schema));
document.documentElement.dataset.ready = "true";
