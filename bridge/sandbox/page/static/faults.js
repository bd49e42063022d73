// The faults that can be switched on, per provider.

import { button, fill, h, icon, popover, word } from "./dom.js";
import { act, changed, quietly, state } from "./store.js";

const PROVIDERS = { slack: "Slack", ringcentral: "RingCentral" };
let shown = null;

export function faultsButton(count) {
  return h(
    "div.group",
    {},
    h(
      "button.bar-button",
      {
        type: "button",
        "aria-haspopup": "dialog",
        "aria-label": count ? `Faults, ${count} on` : "Faults",
        title: "What shall go wrong",
        class: count ? "alarmed" : "",
        onclick: (event) => open(event.currentTarget),
      },
      icon("bolt"),
      word("Faults"),
      count ? h("span.count", {}, String(count)) : null,
    ),
  );
}

function open(anchor) {
  const place = h("div.faults");
  const node = popover(anchor, place, { right: true });
  node.classList.add("faults-popover");
  node.setAttribute("aria-label", "Faults");
  shown = place;
  draw();
  const left = Math.max(
    8,
    Math.min(anchor.getBoundingClientRect().left, innerWidth - node.offsetWidth - 8),
  );
  node.style.setProperty("left", `${left}px`);
}

/** Keep an open menu true. */
export function renderFaults() {
  if (shown?.isConnected) draw();
}

function draw() {
  const signature = JSON.stringify(state.faults);
  if (shown.signature === signature) return;
  shown.signature = signature;
  const focused = shown.contains(document.activeElement)
    ? document.activeElement.dataset.fault
    : null;
  fill(
    shown,
    Object.entries(PROVIDERS).map(([provider, name]) => column(provider, name)),
  );
  if (focused) shown.querySelector(`[data-fault="${focused}"]`)?.focus();
}

function column(provider, name) {
  const mine = state.faults.filter((each) => each.provider === provider);
  return h(
    "section.fault-column",
    { "aria-label": `Faults of ${name}` },
    h("header", {}, h("h3", {}, name), allOff(provider, name, mine)),
    mine.map((each) => row(each, name)),
  );
}

function allOff(provider, name, mine) {
  const on = mine.filter((each) => each.is_on && !each.is_final);
  if (!on.length) return null;
  return button(
    `Switch off all faults of ${name}`,
    () => on.forEach((each) => turn(each, false)),
    { class: "all-off" },
    "All off",
  );
}

const turn = (fault, isOn) =>
  quietly(
    act(`/faults/${fault.provider}/${fault.name}`, { on: isOn }).then(
      (told) => ((state.faults = told), changed()),
    ),
  );

function row(fault, name) {
  if (fault.is_final) return finalRow(fault, name);
  const { is_on: isOn } = fault;
  return h(
    "button.fault",
    {
      type: "button",
      role: "switch",
      "aria-checked": String(isOn),
      "aria-label": `${name}: ${fault.label}`,
      dataset: { fault: `${fault.provider} ${fault.name}` },
      onclick: () => turn(fault, !isOn),
    },
    words(fault),
    h("span.switch", { class: isOn ? "on" : "", "aria-hidden": "true" }),
  );
}

/** What nobody here can take back is done by a button, not switched. */
function finalRow(fault, name) {
  const { is_on: isOn } = fault;
  return h(
    "div.fault",
    {},
    words(fault),
    h(
      "button.kit-button",
      {
        type: "button",
        disabled: isOn,
        "aria-label": `${name}: ${fault.label}`,
        dataset: { fault: `${fault.provider} ${fault.name}` },
        onclick: () => turn(fault, true),
      },
      isOn ? "Done" : "Do it",
    ),
  );
}

function words({ label, says, hits, times, is_on: isOn, is_final: isFinal }) {
  const state = hits ? `acted ${hits}×` : isOn && isFinal ? "in force" : "";
  return h(
    "span.fault-words",
    {},
    h("b", {}, label, state ? h("span.pill.amber", {}, state) : null),
    h("span.detail", {}, [says, times === 1 && "Once."].filter(Boolean).join(" ")),
  );
}
