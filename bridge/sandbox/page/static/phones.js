// The phones' half: who there is, and as many phones side by side as fit.

import { tick } from "./bar.js";
import { ask } from "./dialog.js";
import { Device } from "./device.js";
import { button, h, icon, redraw } from "./dom.js";
import { phoneAvatar, written } from "./people.js";
import { act, changed, go, quietly, refresh, state } from "./store.js";
import { unseenOf } from "./texts.js";

const SLACK_NEEDS = 1010;
const PHONE_WIDTH = 364;
const devices = new Map();

addEventListener("resize", () => state.phones && changed());

export function renderPhones() {
  const all = state.phones.phones;
  const chosen = all.find((each) => each.number === state.route.phone) || all[0];
  drawTabs(all, chosen);
  const shown = chosen ? around(all, chosen, howManyFit()) : [];
  layOut(shown.length);
  const place = document.getElementById("devices");
  const nodes = shown.map((phone) => deviceOf(phone).node);
  if (
    nodes.length !== place.children.length ||
    nodes.some((node, index) => place.children[index] !== node)
  )
    place.replaceChildren(...nodes);
  shown.forEach((phone) => deviceOf(phone).draw(phone));
  tick();
}

function howManyFit() {
  return innerWidth < 900
    ? 1
    : Math.max(1, Math.min(3, Math.floor((innerWidth - SLACK_NEEDS) / PHONE_WIDTH)));
}

function layOut(count) {
  const stage = document.getElementById("stage");
  stage.classList.toggle("wide", count > 1);
  stage.style.setProperty("--phones-width", `${Math.max(1, count) * PHONE_WIDTH}px`);
}

/** `count` phones in their own order, the chosen one among them. */
function around(all, chosen, count) {
  const at = all.indexOf(chosen);
  const from = Math.max(0, Math.min(at, all.length - count));
  return all.slice(from, from + count);
}

function deviceOf(phone) {
  if (!devices.has(phone.number)) devices.set(phone.number, new Device(phone.number));
  return devices.get(phone.number);
}

function drawTabs(all, chosen) {
  const rows = all.map((each) => [
    each.number,
    each.name,
    each.number === chosen?.number ? 0 : unseenOf(each),
  ]);
  const place = document.getElementById("phone-tabs");
  redraw(place, [rows, chosen?.number], () => [
    h(
      "div.phone-row.scroll",
      { role: "tablist", "aria-label": "Phones" },
      all.map((each, index) => tab(each, each === chosen, rows[index][2])),
    ),
    button("Add a phone", addPhone, { class: "quiet add-phone" }, icon("plus")),
  ]);
  if (place.shownFor === chosen?.number) return;
  place.shownFor = chosen?.number;
  place
    .querySelector("[aria-selected=true]")
    ?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function tab(phone, isChosen, unseen) {
  const label = `${phone.name || written(phone.number)}’s phone${unseen ? `, ${unseen} new` : ""}`;
  return h(
    "button.phone-tab",
    {
      type: "button",
      role: "tab",
      "aria-selected": String(isChosen),
      "aria-label": label,
      title: written(phone.number),
      onclick: () => go({ phone: phone.number }),
    },
    phoneAvatar(phone.number, "medium"),
    h("span.phone-name", {}, phone.name || written(phone.number)),
    unseen ? h("span.count", {}, String(unseen)) : null,
  );
}

function freeNumber() {
  const taken = new Set(state.phones.phones.map((each) => each.number));
  const all = Array.from(
    { length: 99 },
    (_, index) => `+1415555${String(101 + index).padStart(4, "0")}`,
  );
  return all.find((each) => !taken.has(each)) || "";
}

const NAMES = ["Fay", "Hal", "Ida", "Jon", "Kay", "Leo", "Mia", "Ned", "Pia", "Roy"];

async function addPhone() {
  const names = new Set(state.phones.phones.map((each) => each.name));
  const given = await ask({
    title: "Add a phone",
    words: "Any number that no phone here has yet. Nothing leaves this machine.",
    fields: [
      { name: "name", label: "Name", value: NAMES.find((each) => !names.has(each)) },
      { name: "number", label: "Number", kind: "tel", value: freeNumber(), required: true },
    ],
    yes: "Add phone",
  });
  if (!given) return;
  const added = await quietly(
    act(`/ringcentral/phones/${encodeURIComponent(given.number)}`, { name: given.name }),
  );
  if (!added) return;
  await refresh("phones");
  go({ phone: added.number });
}
