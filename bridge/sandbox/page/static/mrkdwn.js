// Slack's mrkdwn as elements: the few marks Slack knows, and nothing else.

import { h } from "./dom.js";
import { me, nameOf, state } from "./store.js";
import { slackDate } from "./time.js";

const INLINE = new RegExp(
  [
    "`(?<code>[^`\\n]+)`",
    "<(?<control>[^<>\\n]+)>",
    ":(?<emoji>[a-z0-9_+'-]+)(?:::skin-tone-(?<tone>[2-6]))?:",
    "(?<![\\w*])\\*(?=[^\\s*])(?<bold>[^*\\n]*[^\\s*])\\*(?![\\w*])",
    "(?<![\\w_])_(?=[^\\s_])(?<italic>[^_\\n]*[^\\s_])_(?![\\w_])",
    "(?<![\\w~])~(?=[^\\s~])(?<strike>[^~\\n]*[^\\s~])~(?![\\w~])",
    "(?<break>\\n)",
  ].join("|"),
  "g",
);
const ENTITIES = { "&amp;": "&", "&lt;": "<", "&gt;": ">" };
const TONES = ["🏻", "🏼", "🏽", "🏾", "🏿"];
const SAFE_LINK = /^(https?:|mailto:|tel:)/i;

export const decode = (text) => text.replace(/&(?:amp|lt|gt);/g, (entity) => ENTITIES[entity]);

export function mrkdwn(text) {
  return text.split(/```\n?/).flatMap((part, index, all) => {
    const isCode = index % 2 === 1 && index < all.length - 1;
    if (isCode) return h("pre.code", {}, inlineCode(part.replace(/\n$/, "")));
    return withQuotes(index % 2 ? "```" + part : part);
  });
}

function withQuotes(text) {
  const parts = [];
  for (const line of text.split("\n")) {
    const quoted = /^(?:&gt;|>) ?(.*)$/.exec(line);
    const last = parts.at(-1);
    if (last && last.isQuote === Boolean(quoted)) last.lines.push(quoted ? quoted[1] : line);
    else parts.push({ isQuote: Boolean(quoted), lines: [quoted ? quoted[1] : line] });
  }
  return parts.flatMap(({ isQuote, lines }) => {
    const nodes = inline(lines.join("\n"));
    return isQuote ? [h("blockquote", {}, nodes)] : nodes;
  });
}

function inline(text) {
  const nodes = [];
  let end = 0;
  for (const found of text.matchAll(INLINE)) {
    const node = element(found.groups, found[0]);
    if (node === null) continue;
    if (found.index > end) nodes.push(decode(text.slice(end, found.index)));
    nodes.push(node);
    end = found.index + found[0].length;
  }
  nodes.push(decode(text.slice(end)));
  return nodes;
}

function element({ code, control, emoji, tone, bold, italic, strike, break: line }) {
  if (line) return h("br");
  if (code) return h("code", {}, inlineCode(code));
  if (control) return controlSequence(control);
  if (emoji) return emojiCharacter(emoji, tone);
  if (bold) return h("b", {}, inline(bold));
  if (italic) return h("i", {}, inline(italic));
  return h("s", {}, inline(strike));
}

function inlineCode(text) {
  return text.split(/(<[^<>\n]+>)/).map((part) => {
    const control = /^<([^<>\n]+)>$/.exec(part);
    return control ? controlSequence(control[1]) : decode(part);
  });
}

export function emojiCharacter(name, tone) {
  const character = state.emoji[name];
  if (!character) return null;
  return h("span.emoji", { title: `:${name}:` }, character + (tone ? TONES[tone - 2] : ""));
}

function controlSequence(inner) {
  const [target, label = ""] = inner.split(/\|(.*)/s);
  if (target.startsWith("@")) return mention("user", target.slice(1));
  if (target.startsWith("#")) return channelLink(target.slice(1), decode(label));
  if (target.startsWith("!subteam^")) return mention("usergroup", target.slice(9));
  if (target.startsWith("!date^")) {
    const [, seconds, pattern] = target.split("^");
    return h(
      "span.date",
      { title: decode(label) },
      slackDate(Number(seconds), pattern, decode(label)),
    );
  }
  if (target.startsWith("!")) return mention("broadcast", target.slice(1));
  return link(decode(target), decode(label) || decode(target));
}

/** A mention that notifies somebody, drawn so that it cannot be mistaken for typed words. */
export function mention(kind, id) {
  const name = kind === "broadcast" ? id : nameOf(id);
  const isMe = kind === "broadcast" || id === me().id || isInGroup(id);
  const whom = kind === "broadcast" ? "everybody here" : name;
  return h("span.mention", { class: isMe ? "mine" : "", title: `Notifies ${whom}` }, `@${name}`);
}

function isInGroup(id) {
  return state.screen.usergroups.find((each) => each.usergroup_id === id)?.users.includes(me().id);
}

export function channelLink(id, label) {
  const known = state.screen.channels.find((each) => each.id === id);
  const name = known?.name || label || "private channel";
  return h("a.channel-link", { href: "#", dataset: { channel: known?.id || "" } }, `#${name}`);
}

const PERMALINK =
  /^https:\/\/[\w-]+\.slack\.com\/archives\/(\w+)\/p(\d{10})(\d{6})(?:\?.*thread_ts=([\d.]+))?/;

/** A link; one to a message of this workspace leads there within the page. */
export function link(url, text) {
  const found = PERMALINK.exec(url);
  if (found) {
    const [, channel, seconds, rest, thread] = found;
    const dataset = { channel, thread: thread || `${seconds}.${rest}` };
    return h("a", { href: "#", dataset }, text);
  }
  if (!SAFE_LINK.test(url)) return h("span", {}, text);
  return h("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, text);
}
