// Choosing an emoji by its name.

import { closePopovers, fill, h, popover } from "./dom.js";
import { state } from "./store.js";

const COMMON = [
  "+1",
  "white_check_mark",
  "eyes",
  "heart",
  "joy",
  "tada",
  "pray",
  "fire",
  "raised_hands",
  "clap",
  "thinking_face",
  "slightly_smiling_face",
  "wave",
  "100",
  "rocket",
  "x",
];
const SHOWN = 64;

export function findEmoji(query, limit = SHOWN) {
  const names = Object.keys(state.emoji).filter(
    (name) => /^[a-z0-9_+'-]+$/.test(name) && name.includes(query),
  );
  const rank = (name) => (name.startsWith(query) ? 0 : 1) * 100 + name.length;
  return names.sort((one, other) => rank(one) - rank(other)).slice(0, limit);
}

export function pickEmoji(anchor, picked) {
  const choose = (name) => () => {
    closePopovers();
    picked(name);
  };
  const grid = h("div.emoji-grid");
  const show = (names) =>
    fill(
      grid,
      names
        .filter((name) => state.emoji[name])
        .map((name) =>
          h(
            "button.emoji",
            {
              type: "button",
              title: `:${name}:`,
              "aria-label": name.replaceAll("_", " "),
              onclick: choose(name),
            },
            state.emoji[name],
          ),
        ),
    );
  const box = h("input", {
    type: "text",
    placeholder: "Search all emoji",
    "aria-label": "Search all emoji",
    oninput: (event) =>
      show(
        event.target.value
          ? findEmoji(event.target.value.toLowerCase().replaceAll(" ", "_"))
          : COMMON,
      ),
  });
  show(COMMON);
  const isTyping = Boolean(anchor.closest(".composer"));
  popover(anchor, h("div.emoji-picker", {}, box, grid), { above: isTyping, right: !isTyping });
  box.focus();
}
