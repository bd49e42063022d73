// Who somebody is, at a glance: avatars of Slack's people and of phones, names, numbers.

import { h, icon } from "./dom.js";
import { person, state } from "./store.js";

const TONES = 8;

function toneOf(text) {
  let sum = 7;
  for (const letter of text) sum = (Math.imul(sum, 33) ^ letter.codePointAt(0)) >>> 0;
  return `tone-${(sum >>> 3) % TONES}`;
}

const initial = (name) => ([...name.trim()][0] || "?").toUpperCase();

/** Somebody of the workspace; the app has a mark of its own. */
export function avatar(id, size = "") {
  const found = person(id);
  if (!found || found.is_bot) return appAvatar(size);
  return h(
    "span.avatar",
    { class: `${toneOf(found.id)} ${size}`, "aria-hidden": "true" },
    initial(found.real_name),
  );
}

export function appAvatar(size = "") {
  return h("span.avatar.tone-app", { class: size, "aria-hidden": "true" }, icon("chat"));
}

/** A phone's owner: letters where there is a name, a handset where there is none. */
export function phoneAvatar(number, size = "") {
  const name = phoneOf(number)?.name;
  const shown = name ? initial(name) : icon("phone");
  return h(
    "span.avatar.round",
    { class: `${toneOf(number)} ${size}`, "aria-hidden": "true" },
    shown,
  );
}

export const phoneOf = (number) => state.phones?.phones.find((each) => each.number === number);
export const ownNumber = (number) =>
  state.phones?.own_numbers.find((each) => each.number === number);

/** A number as people here write it. */
export function written(number) {
  const national = /^\+1(\d{3})(\d{3})(\d{4})$/.exec(number);
  return national ? `(${national[1]}) ${national[2]}-${national[3]}` : number;
}

/** What a phone's address book calls a number. */
export function calledBy(number) {
  if (phoneOf(number)?.name) return phoneOf(number).name;
  return written(number);
}
