// Block Kit, as Slack draws it. `host` is what the blocks stand in: it hears of clicks and picks
// (`act(element, value, block)`), and offers options for external selects (`suggest`).

import { button, h, icon, popover, closePopovers } from "./dom.js";
import { confirm } from "./dialog.js";
import { input, chooser, PICKERS } from "./inputs.js";
import { mrkdwn, emojiCharacter } from "./mrkdwn.js";
import { richText } from "./richtext.js";

export function blocks(list, host) {
  return list.map((each) => h("div.block", { dataset: { block: each.type } }, block(each, host)));
}

function block(each, host) {
  switch (each.type) {
    case "section":
      return section(each, host);
    case "context":
      return h("div.context", {}, each.elements.map(contextElement));
    case "actions":
      return h(
        "div.actions",
        {},
        each.elements.map((element) => interactive(element, each, host)),
      );
    case "header":
      return h("div.header-block", {}, plainText(each.text));
    case "divider":
      return h("hr");
    case "image":
      return imageBlock(each);
    case "rich_text":
      return richText(each);
    case "markdown":
      return h("div.mrkdwn", {}, mrkdwn(each.text));
    case "input":
      return input(each, host);
    case "table":
      return table(each);
    case "video":
      return h("div.video", {}, icon("play"), text(each.title));
    default:
      return h("div.unknown", {}, `A block of type ${each.type}, which this page cannot draw.`);
  }
}

export function text(object) {
  if (!object) return "";
  return object.type === "mrkdwn" ? mrkdwn(object.text) : plainText(object);
}

export function plainText(object) {
  if (object.emoji === false) return lines(object.text);
  return object.text.split(/(:[a-z0-9_+'-]+:)/).flatMap((part) => {
    const name = /^:([^:]+):$/.exec(part);
    return (name && emojiCharacter(name[1])) || lines(part);
  });
}

function lines(words) {
  return words.split("\n").flatMap((line, index) => (index ? [h("br"), line] : [line]));
}

function section(each, host) {
  const fields = (each.fields || []).map((field) => h("div.field", {}, text(field)));
  return h(
    "div.section",
    {},
    h("div.section-text", {}, text(each.text), fields.length ? h("div.fields", {}, fields) : null),
    each.accessory ? h("div.accessory", {}, interactive(each.accessory, each, host)) : null,
  );
}

function contextElement(element) {
  return element.type === "image" ? image(element) : h("span", {}, text(element));
}

/** Pictures come from this address alone: nothing a message names makes the browser go elsewhere. */
function image(element) {
  const id = element.slack_file?.id;
  if (!id) return h("span.no-picture", { title: element.alt_text }, element.alt_text);
  return h("img", { src: `/slack/files/${id}`, alt: element.alt_text });
}

function imageBlock(each) {
  return h("figure", {}, each.title ? h("figcaption", {}, text(each.title)) : null, image(each));
}

function table(each) {
  const cell = (one) => h("td", {}, one.type === "rich_text" ? richText(one) : one.text || "");
  return h(
    "table",
    {},
    each.rows.map((row) => h("tr", {}, row.map(cell))),
  );
}

function interactive(element, each, host) {
  if (element.type === "image") return image(element);
  if (element.type === "button" || element.type === "workflow_button")
    return kitButton(element, each, host);
  if (element.type === "overflow") return overflow(element, each, host);
  if (PICKERS.has(element.type))
    return chooser(element, host, (value) => use(element, value, each, host));
  return h("span.unknown", {}, element.type);
}

async function use(element, value, each, host, node) {
  if (element.confirm && !(await confirm(element.confirm))) return;
  node?.classList.add("busy");
  await host.act(element, value, each).finally(() => node?.classList.remove("busy"));
}

function kitButton(element, each, host) {
  const node = h(
    "button.kit-button",
    {
      type: "button",
      class: element.style || "",
      "aria-label": element.accessibility_label,
      title: element.accessibility_label,
      dataset: { action: element.action_id || "" },
      onclick: () => {
        if (element.url?.startsWith("https://")) open(element.url, "_blank", "noopener");
        use(element, element.value, each, host, node);
      },
    },
    plainText(element.text),
  );
  return node;
}

function overflow(element, each, host) {
  const choose = (option) => {
    closePopovers();
    use(element, option.value, each, host);
  };
  const options = () =>
    element.options.map((option) =>
      h("button.menu-item", { type: "button", onclick: () => choose(option) }, text(option.text)),
    );
  return button(
    "More",
    (event) => popover(event.currentTarget, h("div.menu", {}, options())),
    {
      class: "kit-button overflow",
      dataset: { action: element.action_id || "" },
    },
    icon("more"),
  );
}
