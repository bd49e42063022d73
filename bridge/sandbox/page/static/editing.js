// Editing a message in place, and the way from the composer to it (arrow up).

import { grow, h } from "./dom.js";
import { decode } from "./mrkdwn.js";
import { isRoot, isSystem } from "./reading.js";
import { changed, quietly, slackAct, state } from "./store.js";

let editing = null; // "channel ts"

export const isEditing = (channel, message) => editing === `${channel.id} ${message.ts}`;

export function startEditing(channel, message) {
  editing = `${channel.id} ${message.ts}`;
  changed();
}

function stopEditing() {
  editing = null;
  changed();
}

/** Arrow up: edit the last thing this person said here; false where there is none. */
export function editLastOwn(channel, thread) {
  const isHere = (each) => (thread ? [each.thread_ts, each.ts].includes(thread) : isRoot(each));
  const last = channel.messages
    .filter((each) => each.user === state.screen.me && isHere(each) && !isSystem(each))
    .at(-1);
  if (last) startEditing(channel, last);
  return Boolean(last);
}

/** A message's markup as it was typed: names for ids, addresses for links. */
export function typedText(markup) {
  const handle = (id) => state.screen.people.find((each) => each.id === id)?.handle || id;
  const group = (id) =>
    state.screen.usergroups.find((each) => each.usergroup_id === id)?.handle || id;
  const channel = (id) => state.screen.channels.find((each) => each.id === id)?.name || id;
  const typed = markup
    .replace(/<@(\w+)(?:\|[^>]*)?>/g, (all, id) => `@${handle(id)}`)
    .replace(/<!subteam\^(\w+)(?:\|[^>]*)?>/g, (all, id) => `@${group(id)}`)
    .replace(/<!(here|channel|everyone)(?:\|[^>]*)?>/g, "@$1")
    .replace(/<#(\w+)(?:\|[^>]*)?>/g, (all, id) => `#${channel(id)}`)
    .replace(/<(?:mailto:|tel:)[^|>]*\|([^>]*)>/g, "$1")
    .replace(/<(https?:[^|>]*)(?:\|[^>]*)?>/g, "$1");
  return decode(typed);
}

export function editForm(channel, message) {
  const done = () => {
    const foot = box.closest("#thread") ? "#thread-foot" : "#channel-foot";
    stopEditing();
    requestAnimationFrame(() => document.querySelector(`${foot} textarea`)?.focus());
  };
  const before = typedText(message.text);
  const box = h("textarea", {
    rows: 1,
    "aria-label": "Edit message",
    oninput: (event) => grow(event.target),
    value: before,
  });
  const save = async () => {
    const text = box.value.trim();
    if (text && text !== before.trim()) {
      const edit = slackAct("edit", { channel: channel.id, ts: message.ts, text });
      const isRefused = await edit.then(
        () => false,
        () => true,
      );
      if (isRefused) return;
    }
    done();
  };
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape") done();
    else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) save();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  requestAnimationFrame(() => {
    grow(box);
    box.focus();
    box.setSelectionRange(before.length, before.length);
    box.scrollIntoView({ block: "nearest" });
  });
  return h(
    "div.edit-form",
    {},
    h(
      "div.composer",
      {},
      box,
      h(
        "div.row",
        {},
        h("button.kit-button", { type: "button", onclick: done }, "Cancel"),
        h("button.kit-button.primary", { type: "button", onclick: () => quietly(save()) }, "Save"),
      ),
    ),
  );
}
