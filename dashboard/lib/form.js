// A form made from a template's input_schema: which fields it has, and what becomes of what is typed. It draws nothing.
//
// A draft is what a field holds while one types: a text, a boolean, or a list. An empty text means: not given.

const LAST = 1e9;

function kindOf(property) {
  const { type, enum: choices } = property;
  const { widget, role } = property["x-ui"] ?? {};
  const item = property.items?.properties;
  if (property["x-file"]) {
    return "file";
  }
  if (type === "array" && (widget === "loras" || role === "loras") && item?.name && item?.strength) {
    return "loras";
  }
  if (choices) {
    return "choice";
  }
  if (type === "integer" || type === "number") {
    return widget === "seed" || role === "seed" ? "seed" : "number";
  }
  if (type === "boolean") {
    return "switch";
  }
  if (type === "string") {
    return widget === "textarea" ? "textarea" : "text";
  }
  return "json";
}

// The fields in the order of the form.
export function fieldsOf(schema) {
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const ui = property["x-ui"] ?? {};
    return { name, property, kind: kindOf(property), isRequired: required.has(name), label: property.title ?? name, role: ui.role ?? "",
      widget: ui.widget ?? "", group: ui.group ?? "", order: ui.order ?? LAST, isAdvanced: ui.advanced === true && !required.has(name) };
  }).sort((a, b) => a.order - b.order);
}

// ---- from a value to a draft

// How a value is written by people: no quotes around texts, all digits of a seed.
export function plain(value) {
  const withDigits = (key, member) => (typeof member === "bigint" ? String(member) : member);
  return typeof value === "string" ? value : typeof value === "bigint" ? String(value) : JSON.stringify(value, withDigits);
}

const rowOf = (lora) => ({ ...lora, name: String(lora.name ?? ""), strength: String(lora.strength ?? 1) });

function draftOf({ kind, property }, value) {
  const known = value ?? property.default;
  if (kind === "loras") {
    return (Array.isArray(known) ? known : []).map(rowOf);
  }
  if (kind === "switch") {
    return known === true;
  }
  return known === undefined ? "" : plain(known);
}

export const draftsOf = (fields, input = {}) => Object.fromEntries(fields.map((field) => [field.name, draftOf(field, input[field.name])]));

// ---- from a draft to a value: { value }, or { fault }; a value of undefined is not sent

function numberOf(text, isWhole) {
  const written = text.trim();
  if (isWhole) {
    if (!/^[-+]?\d+$/.test(written)) {
      return null;
    }
    const whole = BigInt(written.replace("+", ""));
    return Number.isSafeInteger(Number(whole)) ? Number(whole) : whole;
  }
  return written !== "" && Number.isFinite(Number(written)) ? Number(written) : null;
}

function isMultiple(value, step) {
  if (typeof value === "bigint") {
    return Number.isInteger(step) && value % BigInt(step) === 0n;
  }
  const times = value / step;
  return Math.abs(times - Math.round(times)) < 1e-9;
}

function checkNumber({ type, minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf }, text) {
  if (text.trim() === "") {
    return { value: undefined };
  }
  const value = numberOf(text, type === "integer");
  if (value === null) {
    return { fault: type === "integer" ? "must be a whole number" : "must be a number" };
  }
  const faults = [
    [minimum !== undefined && value < minimum, `must be at least ${minimum}`],
    [maximum !== undefined && value > maximum, `must be at most ${maximum}`],
    [exclusiveMinimum !== undefined && value <= exclusiveMinimum, `must be more than ${exclusiveMinimum}`],
    [exclusiveMaximum !== undefined && value >= exclusiveMaximum, `must be less than ${exclusiveMaximum}`],
    [multipleOf !== undefined && !isMultiple(value, multipleOf), `must be a multiple of ${multipleOf}`],
  ];
  const fault = faults.find(([isTrue]) => isTrue);
  return fault ? { fault: fault[1] } : { value };
}

// JSON Schema counts characters, not the halves of them that JavaScript counts.
function checkText({ minLength = 0, maxLength, default: preset }, text) {
  if (text === "" && (preset === undefined || minLength > 0)) {
    return { value: undefined };
  }
  const length = [...text].length;
  if (length < minLength) {
    return { fault: `must have at least ${minLength} characters` };
  }
  return maxLength !== undefined && length > maxLength ? { fault: `must have at most ${maxLength} characters; it has ${length}` } : { value: text };
}

function checkLoras(property, rows) {
  const faults = {};
  const value = rows.map(({ strength, ...rest }, index) => {
    const checked = checkNumber(property.items.properties.strength, strength);
    if (checked.fault) {
      faults[`${index}/strength`] = checked.fault;
    }
    return checked.value === undefined ? rest : { ...rest, strength: checked.value };
  });
  if (property.maxItems !== undefined && value.length > property.maxItems) {
    faults[""] = `must have at most ${property.maxItems}`;
  }
  return Object.keys(faults).length > 0 ? { faults } : { value: value.length > 0 || property.default !== undefined ? value : undefined };
}

function checkJson(text, parse) {
  try {
    return { value: text.trim() === "" ? undefined : parse(text) };
  } catch {
    return { fault: "must be JSON" };
  }
}

function checkField({ kind, property }, draft, parse) {
  switch (kind) {
    case "number":
    case "seed":
      return checkNumber(property, draft);
    case "choice":
      return { value: property.enum.find((choice) => plain(choice) === draft) };
    case "switch":
      return { value: draft };
    case "loras":
      return checkLoras(property, draft);
    case "json":
      return checkJson(draft, parse);
    case "file":
      return { value: draft === "" ? undefined : draft };
    default:
      return checkText(property, draft);
  }
}

const isSame = (a, b) => plain(a ?? null) === plain(b ?? null);

// { input, faults }: what would be sent, without what the template has by itself; and what is wrong, by "steps" or
// "loras/0/strength". `parse` reads JSON with all its digits (lib/api.js).
export function check(fields, drafts, parse = JSON.parse) {
  const input = {};
  const faults = {};
  fields.forEach((field) => {
    const { name, property, isRequired } = field;
    const { value, fault, faults: inner } = checkField(field, drafts[name], parse);
    if (fault) {
      faults[name] = fault;
    } else if (inner) {
      Object.entries(inner).forEach(([path, words]) => { faults[path ? `${name}/${path}` : name] = words; });
    } else if (value === undefined && isRequired && property.default === undefined) {
      faults[name] = "must be given";
    } else if (value !== undefined && !(property.default !== undefined && isSame(value, property.default))) {
      input[name] = value;
    }
  });
  return { input, faults };
}

// What the API says of members of "/input", by the same paths.
export const faultsOf = (errors) => Object.fromEntries((errors ?? []).filter((item) => item.pointer !== undefined)
  .map((item) => [item.pointer.replace(/^\/(input\/)?/, "").replaceAll("~1", "/").replaceAll("~0", "~"), item.detail]));

// ---- helps for single fields

const bigRandom = () => crypto.getRandomValues(new BigUint64Array(1))[0];

export function randomSeed({ minimum = 0, maximum = 18446744073709551615n }) {
  const low = BigInt(minimum);
  return String(low + (bigRandom() % (BigInt(maximum) - low + 1n)));
}

// The seed of the n-th of several jobs, when the first one's is given.
export function seedAfter(seed, n, { maximum = 18446744073709551615n, minimum = 0 }) {
  const low = BigInt(minimum);
  const next = low + ((BigInt(seed) - low + BigInt(n)) % (BigInt(maximum) - low + 1n));
  return Number.isSafeInteger(Number(next)) ? Number(next) : next;
}

// A width and height of that ratio and about that area, as the two fields allow; where the area has no room, a smaller one.
export function sizeOf(ratio, area, width, height) {
  const ideal = [Math.sqrt(area * ratio), Math.sqrt(area / ratio)];
  const limits = [width, height].map(({ minimum = 1, maximum = Infinity, multipleOf = 1 }) =>
    ({ step: multipleOf, least: Math.ceil(minimum / multipleOf) * multipleOf, most: Math.floor(maximum / multipleOf) * multipleOf }));
  const smaller = Math.min(1, ...limits.map(({ most }, side) => most / ideal[side]));
  const larger = Math.max(1, ...limits.map(({ least }, side) => least / (ideal[side] * smaller)));
  return limits.map(({ step, least, most }, side) => Math.min(most, Math.max(least, Math.round((ideal[side] * smaller * larger) / step) * step)));
}
