// rich_text blocks: what people's clients and the bridge write as structure instead of marks.

import { h } from "./dom.js";
import { channelLink, emojiCharacter, link, mention } from "./mrkdwn.js";
import { slackDate } from "./time.js";

const STYLES = { bold: "b", italic: "i", strike: "s", code: "code" };

export function richText(block) {
  const node = h("div.rich-text", {});
  node.append(...block.elements.map(part));
  return node;
}

function part(element) {
  const children = () => element.elements.flatMap(piece);
  switch (element.type) {
    case "rich_text_preformatted":
      return h("pre.code", {}, children());
    case "rich_text_quote":
      return h("blockquote", {}, children());
    case "rich_text_list":
      return list(element);
    default:
      return h("div.rich-section", {}, children());
  }
}

function list(element) {
  const tag = element.style === "ordered" ? "ol" : "ul";
  const items = element.elements.map((item) => h("li", {}, part(item)));
  const start = element.offset ? element.offset + 1 : undefined;
  return h(tag, { start, style: { "margin-left": `${(element.indent || 0) * 20}px` } }, items);
}

function piece(element) {
  const style = element.style || {};
  let node = bare(element);
  for (const [name, tag] of Object.entries(STYLES)) {
    if (style[name]) node = [h(tag, {}, node)];
  }
  return style.underline ? [h("u", {}, node)] : node;
}

function bare(element) {
  switch (element.type) {
    case "text":
      return lines(element.text);
    case "link":
      return [link(element.url, element.text || element.url)];
    case "emoji":
      return [unicode(element) || emojiCharacter(element.name) || `:${element.name}:`];
    case "user":
      return [mention("user", element.user_id)];
    case "usergroup":
      return [mention("usergroup", element.usergroup_id)];
    case "broadcast":
      return [mention("broadcast", element.range)];
    case "channel":
      return [channelLink(element.channel_id)];
    case "date":
      return [slackDate(element.timestamp, element.format, element.fallback || "")];
    case "color":
      return [h("span.colour", { style: { background: element.value } }), element.value];
    default:
      return [element.text || ""];
  }
}

function lines(text) {
  return text.split("\n").flatMap((line, index) => (index ? [h("br"), line] : [line]));
}

function unicode({ unicode: points, name }) {
  if (!points) return null;
  const character = String.fromCodePoint(...points.split("-").map((point) => parseInt(point, 16)));
  return h("span.emoji", { title: `:${name}:` }, character);
}
