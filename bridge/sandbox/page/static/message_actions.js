// What can be done with a message: react, answer, edit, copy, delete, the app's shortcuts.

import { confirm, plain } from "./dialog.js";
import { button, closePopovers, h, icon, popover, toast } from "./dom.js";
import { startEditing } from "./editing.js";
import { pickEmoji } from "./emoji.js";
import { decode } from "./mrkdwn.js";
import { isSystem } from "./reading.js";
import { go, person, quietly, slackAct, state } from "./store.js";

export function openThread(channel, ts) {
  go({ at: channel.kind === "im" ? state.route.at : channel.name, thread: ts });
  document.querySelector("#thread textarea")?.focus();
}

export function toolbar(channel, message, view, isPrivate) {
  if (isPrivate || isSystem(message) || channel.is_archived || !channel.is_member) return null;
  const react = (event) =>
    pickEmoji(event.currentTarget, (name) =>
      quietly(slackAct("react", { channel: channel.id, ts: message.ts, name })),
    );
  const isMine = message.user === state.screen.me;
  return h(
    "div.toolbar",
    { role: "toolbar", "aria-label": "Message actions" },
    button("Add a reaction", react, { class: "quiet" }, icon("smile")),
    view.thread
      ? null
      : button(
          "Reply in thread",
          () => openThread(channel, message.thread_ts || message.ts),
          { class: "quiet" },
          icon("reply"),
        ),
    isMine
      ? button(
          "Edit message",
          () => startEditing(channel, message),
          { class: "quiet" },
          icon("edit"),
        )
      : null,
    button(
      "More actions",
      (event) => more(event.currentTarget, channel, message, isMine),
      { class: "quiet" },
      icon("more"),
    ),
  );
}

function more(anchor, channel, message, isMine) {
  const item = (label, act, kind = "") =>
    h(
      "button.menu-item",
      { type: "button", role: "menuitem", class: kind, onclick: () => (closePopovers(), act()) },
      label,
    );
  const mayDelete = isMine || ["administrator", "owner"].includes(person(state.screen.me)?.role);
  const copy = () =>
    navigator.clipboard
      ?.writeText(decode(message.shown || message.text))
      .then(() => toast("Copied."));
  const rows = [
    ...(state.screen.app.shortcuts || [])
      .filter((each) => each.type === "message")
      .map((each) =>
        item(`${each.name} · ${state.screen.app.name}`, () =>
          quietly(
            slackAct("message_shortcut", {
              channel: channel.id,
              ts: message.ts,
              callback_id: each.callback_id,
            }),
          ),
        ),
      ),
    item("Copy text", copy),
    isMine ? item("Edit message", () => startEditing(channel, message)) : null,
    mayDelete ? item("Delete message", () => remove(channel, message), "danger") : null,
  ];
  popover(anchor, h("div.menu", { role: "menu" }, rows), { right: true });
}

async function remove(channel, message) {
  const isSure = await confirm({
    title: plain("Delete message"),
    text: plain("Are you sure you want to delete this message? This cannot be undone."),
    confirm: plain("Delete"),
    style: "danger",
  });
  if (isSure) await quietly(slackAct("delete", { channel: channel.id, ts: message.ts }));
}
