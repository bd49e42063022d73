// A phone's conversations as rows of its list: whom each is with, its last words.

import { h, icon } from "./dom.js";
import { calledBy, ownNumber, phoneAvatar, written } from "./people.js";
import { now, state } from "./store.js";
import { isUnseen, lastOf } from "./texts.js";
import { clockTime, dayKey, shortDay } from "./time.js";

export const nameIn = (number) => (ownNumber(number) ? state.phones.company : calledBy(number));

export function subtitle(others) {
  return others.length === 1 ? written(others[0]) : `${others.length + 1} people`;
}

export function face(others, size = "medium") {
  const phones = others.filter((number) => !ownNumber(number));
  if (phones.length)
    return h(
      "span.faces",
      {},
      phones.slice(0, 2).map((number) => phoneAvatar(number, size)),
    );
  return h(
    "span.avatar.round.tone-company",
    { class: size, "aria-hidden": "true" },
    icon("people"),
  );
}

export function chatRow(phone, conversation, open) {
  const last = lastOf(conversation);
  const at = new Date(last.at);
  const when = dayKey(at) === dayKey(new Date(now())) ? clockTime(at) : shortDay(at);
  const name = conversation.with.map(nameIn).join(", ");
  const words = last.text || (last.files.length ? "Picture" : "");
  return h(
    "button.chat-row",
    {
      type: "button",
      class: isUnseen(phone, conversation) ? "unseen" : "",
      "aria-label": `Conversation with ${name}`,
      onclick: open,
    },
    face(conversation.with),
    h(
      "span.chat-words",
      {},
      h("span.chat-top", {}, h("b", {}, name), h("time", {}, when)),
      h("span.detail", {}, last.direction === "out" ? `You: ${words}` : words),
    ),
  );
}
