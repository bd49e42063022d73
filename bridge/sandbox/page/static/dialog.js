// Questions that want an answer before anything happens.

import { h } from "./dom.js";
import { text } from "./blocks.js";

/** Ask as Slack's confirmation dialog does; resolves to whether it was confirmed. */
export function confirm({ title, text: words, confirm: yes, deny, style }) {
  return new Promise((resolve) => {
    const answer = (value) => () => {
      node.close();
      node.remove();
      resolve(value);
    };
    const node = h(
      "dialog.confirm",
      { oncancel: answer(false) },
      h("h2", {}, text(title)),
      h("p", {}, text(words)),
      h(
        "footer",
        {},
        h("button.kit-button", { type: "button", onclick: answer(false) }, deny ? text(deny) : "Cancel"),
        h("button.kit-button", { type: "button", class: style || "primary", onclick: answer(true) }, yes ? text(yes) : "OK"),
      ),
    );
    document.body.append(node);
    node.showModal();
  });
}

export const plain = (words) => ({ type: "plain_text", text: words, emoji: false });
