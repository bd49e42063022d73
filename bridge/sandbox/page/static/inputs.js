// What people type into and pick from. `chooser` tells each pick; `input` also keeps it for a submit.

import { h } from "./dom.js";
import { plainText } from "./blocks.js";
import { channelName, state } from "./store.js";

const LISTS = new Set([
  "static_select",
  "users_select",
  "channels_select",
  "conversations_select",
  "multi_static_select",
  "multi_users_select",
  "multi_channels_select",
  "multi_conversations_select",
]);
const NATIVE = { datepicker: "date", timepicker: "time", datetimepicker: "datetime-local" };
const TYPED = {
  plain_text_input: "text",
  email_text_input: "email",
  url_text_input: "url",
  number_input: "number",
};
export const PICKERS = new Set([
  ...LISTS,
  ...Object.keys(NATIVE),
  "checkboxes",
  "radio_buttons",
  "external_select",
  "multi_external_select",
]);

/** A picker that calls `chosen(value)` with what the simulator's `choose` takes. */
export function chooser(element, host, chosen) {
  if (LISTS.has(element.type)) return listed(element, chosen);
  if (element.type.endsWith("external_select")) return searched(element, host, chosen);
  if (element.type in NATIVE) return native(element, chosen);
  return choices(element, chosen);
}

/** An input block: label, element, hint, and the place where its error is said. */
export function input(block, host) {
  const { element } = block;
  const keep = (value) => host.keep(block, element, value);
  const changed = (value) => {
    keep(value);
    if (block.dispatch_action) host.act(element, value, block);
  };
  const kept = host.kept(block, element);
  const field =
    element.type in TYPED
      ? typed(element, kept, keep, changed)
      : chooserWith(element, host, kept, changed);
  const optional = block.optional ? h("span.optional", {}, " (optional)") : null;
  // the control is called after its label alone: not after its hint, nor all its options
  const control = field.matches("input, textarea, select, .choices")
    ? field
    : field.querySelector("input");
  control?.setAttribute("aria-label", block.label.text);
  const isGroup = field.matches(".choices");
  if (isGroup) field.setAttribute("role", "group");
  return h(
    isGroup ? "div.input" : "label.input",
    { dataset: { input: block.block_id } },
    h("span.label", {}, plainText(block.label), optional),
    field,
    block.hint ? h("span.hint", {}, plainText(block.hint)) : null,
    h("span.error", { role: "alert" }),
  );
}

function chooserWith(element, host, kept, changed) {
  const known = PICKERS.has(element.type);
  return known ? chooser({ ...element, kept }, host, changed) : h("span.unknown", {}, element.type);
}

function typed(element, kept, keep, changed) {
  const props = {
    placeholder: element.placeholder?.text,
    maxlength: element.max_length,
    minlength: element.min_length,
    value: kept?.value ?? element.initial_value ?? "",
    oninput: (event) => keep(event.target.value),
    onchange: (event) => changed(event.target.value),
  };
  if (element.multiline) return h("textarea", { rows: 4, ...props });
  return h("input", {
    type: TYPED[element.type],
    step: element.is_decimal_allowed ? "any" : undefined,
    ...props,
  });
}

function optionsOf(element) {
  const kind = element.type.replace("multi_", "");
  if (kind === "users_select") {
    return state.screen.people
      .filter((each) => !each.is_deleted)
      .map((each) => [each.id, each.real_name]);
  }
  if (kind === "static_select") {
    const groups = element.option_groups || [];
    const options = element.options || groups.flatMap((group) => group.options);
    return options.map((each) => [each.value, each.text.text]);
  }
  return state.screen.channels
    .filter((each) => each.is_member)
    .map((each) => [each.id, channelName(each)]);
}

const SELECTED = [
  "option",
  "options",
  "user",
  "users",
  "channel",
  "channels",
  "conversation",
  "conversations",
];

function initial(element) {
  const kept = element.kept || {};
  for (const name of SELECTED) {
    const value = kept[`selected_${name}`] ?? element[`initial_${name}`];
    if (value) return [value].flat().map((each) => each.value ?? each);
  }
  return [];
}

function listed(element, chosen) {
  if (element.type.startsWith("multi_")) return listedMany(element, chosen);
  const before = initial(element);
  const options = optionsOf(element).map(([value, words]) =>
    h("option", { value, selected: before.includes(value) }, words),
  );
  const placeholder = element.placeholder?.text || "Choose…";
  const empty = h("option", { value: "", disabled: true, selected: !before.length }, placeholder);
  const props = {
    dataset: { action: element.action_id || "" },
    "aria-label": placeholder,
    onchange: (event) => chosen(event.target.value),
  };
  return h("select.kit-select", props, empty, options);
}

/** Several of a list: boxes to tick instead of Slack's tokens. */
function listedMany(element, chosen) {
  const options = optionsOf(element).map(([value, words]) => ({
    value,
    text: { type: "plain_text", text: words, emoji: false },
  }));
  const node = choices({ ...element, type: "checkboxes", options }, chosen);
  node.classList.add("many", "scroll");
  return node;
}

function searched(element, host, chosen) {
  const found = h("div.found");
  const isMany = element.type.startsWith("multi_");
  let picked = [];
  const pick = (option) => {
    picked = isMany ? [...picked, option] : [option];
    box.value = picked.map((each) => each.text.text).join(", ");
    found.replaceChildren();
    chosen(isMany ? picked : option);
  };
  const search = async (event) => {
    const options = await host.suggest(element, event.target.value);
    found.replaceChildren(
      ...options.map((option) =>
        h("button.menu-item", { type: "button", onclick: () => pick(option) }, option.text.text),
      ),
    );
  };
  const before = element.kept?.selected_option ?? element.initial_option;
  const box = h("input", {
    type: "text",
    placeholder: element.placeholder?.text || "Search…",
    value: before?.text?.text || "",
    oninput: search,
  });
  return h("div.searched", {}, box, found);
}

/** Seconds since 1970 as a datetime-local input wants them. */
function localTime(seconds) {
  if (!seconds) return undefined;
  const at = new Date(seconds * 1000);
  return new Date(at - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

function native(element, chosen) {
  const kept = element.kept || {};
  const given = {
    datepicker: kept.selected_date ?? element.initial_date,
    timepicker: kept.selected_time ?? element.initial_time,
    datetimepicker: localTime(kept.selected_date_time ?? element.initial_date_time),
  };
  const read = (written) =>
    element.type === "datetimepicker" ? Math.floor(Date.parse(written) / 1000) : written;
  return h("input.kit-select", {
    type: NATIVE[element.type],
    value: given[element.type] ?? "",
    onchange: (event) => chosen(read(event.target.value)),
  });
}

function choices(element, chosen) {
  const isMany = element.type === "checkboxes";
  const name = `choice-${Math.random()}`;
  const before = initial(element);
  const node = h("span.choices");
  const picked = () => [...node.querySelectorAll("input:checked")].map((each) => each.value);
  const tell = () => chosen(isMany ? picked() : picked()[0]);
  const choice = (option) =>
    h(
      "label.choice",
      {},
      h("input", {
        type: isMany ? "checkbox" : "radio",
        name,
        value: option.value,
        checked: before.includes(option.value),
        onchange: tell,
      }),
      h("span", {}, plainText(option.text)),
    );
  node.append(...element.options.map(choice));
  return node;
}
