// What may be meant by what is being typed: commands, people, channels, emoji.

import { h } from "./dom.js";
import { findEmoji } from "./emoji.js";
import { OWN_COMMANDS } from "./own_commands.js";
import { avatar } from "./people.js";
import { state } from "./store.js";

const LIMIT = 8;
const KINDS = [
  [/(?:^|\s)@([\w.-]*)$/, people],
  [/(?:^|\s)#([a-z0-9_-]*)$/, channels],
  [/(?:^|\s):([a-z0-9_+-]{2,})$/, emoji],
];

/** Suggestions for the text up to the caret: `words` replace the last `length` characters. */
export function completionsFor(text, caret, isThread) {
  const before = text.slice(0, caret);
  if (text.startsWith("/") && !isThread) {
    const found = commands(before);
    if (found.length) return found;
  }
  for (const [pattern, find] of KINDS) {
    const typed = pattern.exec(before)?.[1];
    if (typed !== undefined)
      return find(typed.toLowerCase()).map((each) => ({ ...each, length: typed.length + 1 }));
  }
  return [];
}

function commands(before) {
  const own = Object.entries(OWN_COMMANDS).map(([name, told]) => ({ name, by: "Slack", ...told }));
  const all = [
    ...state.screen.commands.map((each) => ({ ...each, by: state.screen.app.name })),
    ...own,
  ];
  const [name] = before.split(" ");
  const isPast = before.includes(" ");
  return all
    .filter((each) =>
      isPast ? each.name === name && each.usage_hint : each.name.startsWith(before),
    )
    .map((each) => ({
      words: `${each.name} `,
      length: before.length,
      isHint: isPast,
      shown: commandRow(each),
    }));
}

function commandRow({ name, usage_hint: usage, description, by }) {
  return [
    h("b", {}, name),
    h("span.hint-of", {}, usage),
    h("span.spacer"),
    h("span.detail", {}, `${description} · ${by}`),
  ];
}

function people(typed) {
  const { people: all, usergroups } = state.screen;
  const known = all.filter(
    (each) => !each.is_deleted && `${each.handle} ${each.real_name}`.toLowerCase().includes(typed),
  );
  const groups = usergroups.filter((each) => each.handle.startsWith(typed));
  const everybody = ["here", "channel", "everyone"].filter((each) => each.startsWith(typed));
  return [
    ...known.slice(0, LIMIT).map((each) => ({
      words: `@${each.handle} `,
      shown: [
        avatar(each.id, "small"),
        h("b", {}, each.real_name),
        h("span.detail", {}, each.role),
      ],
    })),
    ...groups.map((each) => ({
      words: `@${each.handle} `,
      shown: [h("b", {}, `@${each.handle}`), h("span.detail", {}, `${each.users.length} people`)],
    })),
    ...everybody.map((each) => ({
      words: `@${each} `,
      shown: [h("b", {}, `@${each}`), h("span.detail", {}, "Notifies everybody here")],
    })),
  ];
}

function channels(typed) {
  return state.screen.channels
    .filter((each) => each.kind !== "im" && each.name.startsWith(typed))
    .slice(0, LIMIT)
    .map((each) => ({ words: `#${each.name} `, shown: [h("b", {}, `#${each.name}`)] }));
}

function emoji(typed) {
  return findEmoji(typed, LIMIT).map((name) => ({
    words: `:${name}: `,
    shown: [h("span.emoji", {}, state.emoji[name]), `:${name}:`],
  }));
}
