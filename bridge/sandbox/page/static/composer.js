// Where messages are typed: Enter sends, Shift+Enter breaks the line, arrow up edits the last.

import { completionsFor } from "./completions.js";
import { button, fill, grow, h, icon } from "./dom.js";
import { draft, keepDraft } from "./drafts.js";
import { editLastOwn } from "./editing.js";
import { pickEmoji } from "./emoji.js";
import { filePicker, Picked, readFile, takeFiles } from "./files.js";
import { runOwnCommand } from "./own_commands.js";
import { titleOf } from "./sidebar.js";
import { noticed } from "./noticed.js";
import { act, quietly, refresh, slackAct, state } from "./store.js";

/** A composer for `channel`, or for `thread` in it, named `label`. */
export function composer({ key, label, channel, thread }) {
  const parts = { channel, thread, chosen: -1, found: [] };
  parts.list = h("div.completions", { role: "listbox", hidden: true, "aria-label": "Suggestions" });
  parts.picked = new Picked(() => ready(parts));
  parts.box = h("textarea", {
    rows: 1,
    placeholder: label,
    "aria-label": label,
    value: draft(key),
    autocomplete: "off",
  });
  parts.send = button("Send", () => send(parts), { class: "send" }, icon("send"));
  parts.also = thread ? h("input", { type: "checkbox" }) : null;
  parts.box.addEventListener("input", () => {
    keepDraft(key, parts.box.value);
    grow(parts.box);
    ready(parts);
    complete(parts);
  });
  parts.box.addEventListener("keydown", (event) => pressed(event, parts));
  takeFiles(parts.box, parts.picked);
  parts.box.addEventListener("blur", () => setTimeout(() => hide(parts), 150));
  parts.clear = () => {
    keepDraft(key, "");
    parts.box.value = "";
    grow(parts.box);
    ready(parts);
    hide(parts);
  };
  requestAnimationFrame(() => grow(parts.box));
  ready(parts);
  return h("div.composer", {}, parts.list, parts.picked.place, parts.box, tools(parts));
}

function tools(parts) {
  const smile = (event) => pickEmoji(event.currentTarget, (name) => insert(parts, `:${name}: `));
  return h(
    "div.tools",
    {},
    filePicker("Attach a file", parts.picked),
    button("Emoji", smile, { class: "quiet" }, icon("smile")),
    button("Mention somebody", () => insert(parts, "@"), { class: "quiet" }, "@"),
    parts.thread
      ? null
      : button("Run a command", () => insert(parts, "/"), { class: "quiet" }, "/"),
    also(parts),
    h("span.spacer"),
    parts.send,
  );
}

function also(parts) {
  return parts.also
    ? h("label.also", {}, parts.also, h("span", {}, `Also to ${titleOf(parts.channel)}`))
    : null;
}

function ready({ box, send, picked }) {
  send.classList.toggle("ready", Boolean(box.value.trim() || picked.files.length));
}

function insert({ box }, words) {
  box.setRangeText(words, box.selectionStart, box.selectionEnd, "end");
  box.focus();
  box.dispatchEvent(new Event("input"));
}

// Keys

function pressed(event, parts) {
  if (event.isComposing) return;
  if (parts.found.length && chooseByKey(event, parts)) {
    event.preventDefault();
    event.stopPropagation();
  } else if (event.key === "Enter" && !event.shiftKey) {
    event.preventDefault();
    send(parts);
  } else if (
    event.key === "ArrowUp" &&
    !parts.box.value &&
    editLastOwn(current(parts.channel), parts.thread)
  ) {
    event.preventDefault();
  }
}

const current = (channel) => state.screen.channels.find((each) => each.id === channel.id);

function chooseByKey(event, parts) {
  const { key } = event;
  if (key === "Escape") hide(parts);
  else if (key === "ArrowDown" || key === "ArrowUp") {
    const step = key === "ArrowDown" ? 1 : -1;
    parts.chosen = (parts.chosen + step + parts.found.length) % parts.found.length;
    show(parts);
  } else if (key === "Tab" || (key === "Enter" && !event.shiftKey && !isWhole(parts))) {
    accept(parts, parts.found[parts.chosen]);
  } else return false;
  return true;
}

/** A command typed to its end is run by Enter; only Tab would put a space behind it. */
const isWhole = ({ found, chosen, box }) =>
  found[chosen].isHint || found[chosen].words.trim() === box.value.trim();

// Suggestions

function complete(parts) {
  const { box } = parts;
  parts.found = completionsFor(box.value, box.selectionStart, Boolean(parts.thread));
  parts.chosen = 0;
  show(parts);
}

function show(parts) {
  const { list, found, chosen } = parts;
  list.hidden = !found.length;
  fill(
    list,
    found.map((each, index) =>
      h(
        "div.menu-item",
        {
          role: "option",
          "aria-selected": String(index === chosen),
          class: index === chosen && !each.isHint ? "chosen" : "",
          onpointerdown: (event) => (event.preventDefault(), accept(parts, each)),
        },
        each.shown,
      ),
    ),
  );
  list.children[chosen]?.scrollIntoView({ block: "nearest" });
}

function hide(parts) {
  parts.found = [];
  parts.list.hidden = true;
}

function accept(parts, each) {
  if (each.isHint) return;
  const { box } = parts;
  box.setRangeText(each.words, box.selectionStart - each.length, box.selectionStart, "end");
  box.focus();
  box.dispatchEvent(new Event("input"));
}

// Sending

async function send(parts) {
  const text = parts.box.value.trim();
  const picked = parts.picked.take();
  if (!text && !picked.length) return;
  parts.clear();
  try {
    const where = { channel: parts.channel.id, thread_ts: parts.thread || null };
    if (text.startsWith("/") && !picked.length) await command(where, text);
    else await say(parts, where, text, picked);
  } catch {
    parts.picked.add(picked);
    if (!parts.box.value) insert(parts, text);
  }
}

async function say(parts, where, text, picked) {
  const files = await Promise.all(picked.map(readFile));
  const given = { ...where, text, broadcast: Boolean(parts.also?.checked) };
  await slackAct("say", files.length ? { ...given, files } : given);
  if (parts.also) parts.also.checked = false;
  noticed(where.thread_ts ? "replied" : "said");
  quietly(refresh("slack"));
}

async function command(where, text) {
  const [, name, rest] = /^(\/\S*)\s*([^]*)$/.exec(text);
  if (!where.thread_ts && (await runOwnCommand(name, rest, where.channel))) return;
  const result = await act("/slack/type_command", {
    user: state.route.as,
    ...where,
    name,
    text: rest,
  });
  if (rest && !result.refused) noticed("commanded");
}
