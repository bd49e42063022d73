// Texts as bubbles: times between them, who wrote in a group, what became of each.

import { h } from "./dom.js";
import { isPicture } from "./files.js";
import { nameIn } from "./chat_list.js";
import { now } from "./store.js";
import { clockTime, dayKey, dayName, fullTime } from "./time.js";

const PAUSE_MS = 15 * 60_000;
const TOGETHER_MS = 90_000;

export function bubbleItems(phone, texts, others) {
  const today = dayKey(new Date(now()));
  const isGroup = others.length > 1;
  const lastOut = texts.filter((each) => each.direction === "out").at(-1);
  const lastIn = texts.filter((each) => each.direction === "in").at(-1);
  return texts.flatMap((text, index) => {
    const [before, after] = [texts[index - 1], texts[index + 1]];
    const isApart = !before || new Date(text.at) - new Date(before.at) > PAUSE_MS;
    const shown = {
      isTail: !after || !isTogether(text, after),
      name:
        isGroup && text.direction !== "out" && (isApart || before?.from !== text.from)
          ? nameIn(text.from)
          : "",
      state: stateOf(text, text === lastOut, text === lastIn, phone),
    };
    const item = { key: text.key, signature: [text, shown], make: () => bubble(text, shown) };
    if (!isApart) return [item];
    const at = new Date(text.at);
    return [
      {
        key: `time ${text.key}`,
        signature: today,
        make: () => h("div.bubble-time", {}, h("b", {}, dayName(at)), ` ${clockTime(at)}`),
      },
      item,
    ];
  });
}

const isTogether = (one, other) =>
  one.from === other.from &&
  one.direction === other.direction &&
  new Date(other.at) - new Date(one.at) < TOGETHER_MS;

/** What is said under a bubble: the phone's own state, or what its carrier told the sender. */
function stateOf(text, isLastOut, isLastIn, phone) {
  if (text.direction === "lost")
    return { words: `Never arrived (${text.code || "lost"})`, kind: "bad" };
  if (text.direction === "out") {
    if (text.status === "Failed") return { words: "Not delivered", kind: "bad" };
    return isLastOut ? { words: text.status || "Sent" } : null;
  }
  if (text.is_automatic) return { words: "Automatic answer of the carrier" };
  if (/Failed/.test(text.status))
    return { words: `Reported as failed (${text.code})`, kind: "bad" };
  if (!isLastIn || !text.status) return null;
  if (text.status === "Delivered") return { words: "Receipt sent" };
  return phone.reports ? null : { words: "This carrier sends no receipts" };
}

function bubble(text, { isTail, name, state: told }) {
  const side = text.direction === "out" ? "mine" : "theirs";
  const kinds = [side, isTail && "tail", text.direction === "lost" && "lost"]
    .filter(Boolean)
    .join(" ");
  return h(
    "div.bubble-row",
    { class: kinds, dataset: { text: text.key } },
    name ? h("span.bubble-name", {}, name) : null,
    text.files.map(picture),
    text.text ? h("div.bubble", { title: fullTime(new Date(text.at)) }, text.text) : null,
    told ? h("span.bubble-state", { class: told.kind || "" }, told.words) : null,
  );
}

function picture(file) {
  const address = `/ringcentral/files/${file.id}`;
  if (!isPicture(file.type))
    return h(
      "a.bubble.file-bubble",
      { href: address, download: file.name || "" },
      file.name || file.type,
    );
  return h(
    "a.bubble-picture",
    { href: address, target: "_blank", rel: "noopener" },
    h("img", { src: address, alt: file.name || "Picture" }),
  );
}
