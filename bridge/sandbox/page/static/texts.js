// What a phone's conversations hold, and what its owner has seen of them.

import { remember, remembered, state } from "./store.js";

export const keyOf = (others) => [...others].sort().join(",");
const seenKey = (phone, chat) => `seen:${phone.number}:${chat}`;

export const arrived = (text) => text.direction === "in";
export const lastOf = (conversation) => conversation.texts.at(-1);

/** Whether the newest text of a conversation has come since it was last open. */
export function isUnseen(phone, conversation) {
  const last = conversation.texts.filter(arrived).at(-1);
  return Boolean(last && last.at > remembered(seenKey(phone, keyOf(conversation.with)), ""));
}

export const unseenOf = (phone) =>
  phone.conversations.filter((each) => isUnseen(phone, each)).length;

export function markSeen(phone, conversation) {
  if (isUnseen(phone, conversation))
    remember(seenKey(phone, keyOf(conversation.with)), conversation.last_at);
}

/** The company's number that a new phone texts: the one texts came from last, else the first. */
export function usualNumber() {
  const own = state.phones.own_numbers.filter((each) => each.receives).map((each) => each.number);
  const used = state.phones.phones
    .flatMap((each) => each.conversations)
    .sort((one, other) => (one.last_at < other.last_at ? 1 : -1))
    .flatMap((each) => each.with);
  return used.find((each) => own.includes(each)) || own[0];
}
