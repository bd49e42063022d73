// Questions that want an answer before anything happens.

import { h } from "./dom.js";
import { text } from "./blocks.js";

/** Ask as Slack's confirmation dialog does; resolves to whether it was confirmed. */
export function confirm({ title, text: words, confirm: yes, deny, style }) {
  return shown(
    (answer) => [
      h("h2", {}, text(title)),
      h("p", {}, text(words)),
      footer(() => answer(false), deny ? text(deny) : "Cancel", yes ? text(yes) : "OK", style),
    ],
    () => true,
    text(title),
  ).then(Boolean);
}

/** Ask for some fields (`name`, `label`, `kind`, `value`, `options`); their values, or null. */
export function ask({ title, words, fields, yes }) {
  const read = (form) =>
    Object.fromEntries(
      fields.map(({ name }) => [
        name,
        form[name].type === "checkbox" ? form[name].checked : form[name].value.trim(),
      ]),
    );
  return shown(
    (answer) => [
      h("h2", {}, title),
      words ? h("p.detail", {}, words) : null,
      h("div.fields-of", {}, fields.map(field)),
      footer(() => answer(null), "Cancel", yes),
    ],
    read,
    title,
  );
}

function field({ name, label, kind = "text", value, placeholder, options, required }) {
  if (kind === "checkbox") {
    return h(
      "label.check",
      {},
      h("input", { type: "checkbox", name, checked: Boolean(value) }),
      h("span", {}, label),
    );
  }
  if (kind === "select") {
    const choices = options.map(([each, words]) =>
      h("option", { value: each, selected: each === value }, words),
    );
    return h("label", {}, label, h("select.kit-select", { name }, choices));
  }
  const props = {
    name,
    type: kind,
    value: value || "",
    placeholder,
    required,
    autocomplete: "off",
  };
  return h("label", {}, label, h("input", props));
}

function footer(cancel, deny, yes, style) {
  return h(
    "footer",
    {},
    h("button.kit-button", { type: "button", onclick: cancel }, deny),
    h("button.kit-button", { type: "submit", class: style || "primary" }, yes),
  );
}

function shown(content, read, label) {
  return new Promise((resolve) => {
    const answer = (value) => {
      node.close();
      node.remove();
      resolve(value);
    };
    const submit = (event) => {
      event.preventDefault();
      answer(read(event.target.elements));
    };
    const node = h(
      "dialog",
      {
        oncancel: () => answer(null),
        "aria-label": [label]
          .flat()
          .map((part) => part.textContent ?? part)
          .join(""),
      },
      h("form", { onsubmit: submit }, content(answer)),
    );
    document.body.append(node);
    node.showModal();
  });
}

export const plain = (words) => ({ type: "plain_text", text: words, emoji: false });
