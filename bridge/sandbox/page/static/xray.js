// X-ray: each message with its deliveries and attempts as they happen, lanes and gates.

import { fill, h, reconcile, redraw } from "./dom.js";
import { calledBy, written } from "./people.js";
import { go, state } from "./store.js";

// states of messages and deliveries, and outcomes of attempts
const COLOURS = {
  accepted: "green",
  received: "green",
  queued: "amber",
  waiting: "amber",
  claimed: "amber",
  started: "amber",
  later: "amber",
  parked: "amber",
  failed: "red",
  unsure: "red",
  refused: "red",
};
const SIDES = { slack: "Slack", ringcentral: "RingCentral" };

export function renderXray() {
  const place = document.getElementById("xray");
  const isOn = Boolean(state.route.xray);
  place.hidden = !isOn;
  document.getElementById("stage").classList.toggle("xrayed", isOn);
  if (!isOn) return;
  if (!place.children.length) fill(place, frame());
  const seen = state.xray;
  place.classList.toggle("blind", !seen);
  redraw(place.querySelector(".blind-note"), [Boolean(seen), state.bridge?.bridge], () =>
    seen ? [] : blindWords(),
  );
  if (!seen) return;
  reconcile(place.querySelector(".traces"), seen.messages.map(traceItem), (item) =>
    trace(item.message),
  );
  reconcile(place.querySelector(".others"), seen.others.slice(0, 30).map(deliveryItem), (item) =>
    deliveryRow(item.delivery, true),
  );
  const isMoved = Math.abs(new Date(seen.now) - new Date(seen.machine_now)) > 2000;
  redraw(place.querySelector(".clock-note"), isMoved, () =>
    isMoved ? "attempts are timed by the machine’s own clock, which never moves" : "",
  );
  redraw(place.querySelector(".lanes"), seen.lanes, () =>
    seen.lanes.length ? seen.lanes.map(lane) : h("p.detail", {}, "Nothing is waiting."),
  );
  redraw(place.querySelector(".gates"), seen.gates, () =>
    seen.gates.length ? seen.gates.map(gate) : h("p.detail", {}, "None has been used."),
  );
}

function blindWords() {
  const isStarting = state.bridge?.bridge === "starting";
  const words = { running: "Looking…", starting: "The bridge is starting." }[state.bridge?.bridge];
  return h(
    "p.detail",
    { role: "status" },
    words ||
      (isStarting
        ? ""
        : "The bridge is not running: there is nobody to ask. What was seen last is below."),
  );
}

function frame() {
  return [
    h(
      "div.xray-main.scroll",
      { tabindex: "0", role: "region", "aria-label": "Messages and their deliveries" },
      h("div.blind-note"),
      h("h2.xray-title", {}, "Messages", h("span.clock-note")),
      h("div.traces", { role: "list" }),
      h("h2.xray-title", {}, "Cards, notices and pages"),
      h("div.others", { role: "list" }),
    ),
    h(
      "div.xray-side.scroll",
      { tabindex: "0", role: "region", "aria-label": "Lanes and gates" },
      h("h2.xray-title", { title: "What must leave in order, and what stands first" }, "Lanes"),
      h("div.lanes"),
      h("h2.xray-title", { title: "How much of each provider's limit is used" }, "Gates"),
      h("div.gates"),
    ),
  ];
}

const traceItem = (message) => ({ key: `m${message.id}`, signature: message, message });
const deliveryItem = (delivery) => ({ key: `d${delivery.id}`, signature: delivery, delivery });
const time = (iso) =>
  new Intl.DateTimeFormat("en-US", {
    hour: "numeric",
    minute: "2-digit",
    second: "2-digit",
  }).format(new Date(iso));
const badge = (word) => h("span.pill", { class: COLOURS[word] || "" }, word);

function trace(message) {
  const isOut = message.direction === "out";
  const numbers = message.with.split(",");
  const whom = numbers.map(calledBy).join(", ");
  const status =
    message.carrier_status && message.carrier_status !== "Received"
      ? `${message.status} · ${message.carrier_status}`
      : message.status;
  return h(
    "article.trace",
    { role: "listitem", "aria-label": `Message ${message.id}` },
    h(
      "header",
      {},
      h(
        "span.way",
        { class: message.direction, title: isOut ? "To a phone" : "From a phone" },
        isOut ? "out" : "in",
      ),
      h(
        "button.trace-words",
        {
          type: "button",
          title: "Show its thread",
          onclick: () => go({ at: message.channel_id, thread: message.thread_ts, pane: "slack" }),
        },
        message.body || "(no words)",
      ),
      h(
        "span.detail",
        { title: numbers.map(written).join(", ") },
        `${isOut ? "to" : "from"} ${whom}`,
      ),
      h("span.spacer"),
      h("span.when", { title: "When it was written" }, time(message.sent_at)),
      h("span.pill", { class: statusColour(message) }, status),
      message.failure ? h("span.pill.red", {}, message.failure) : null,
    ),
    message.deliveries.map((each) => deliveryRow(each, false)),
  );
}

function statusColour({ status, carrier_status: carrier }) {
  if (/Failed/.test(carrier || "")) return "red";
  return COLOURS[status] || "";
}

function deliveryRow(delivery, isAlone) {
  const { side, kind, state: now, reason, attempts, subject, looks, lane } = delivery;
  return h(
    "div.delivery",
    { role: isAlone ? "listitem" : undefined, title: `Lane ${lane}` },
    h("span.side", { class: side }, SIDES[side] || side),
    h("span.kind", {}, isAlone ? `${subject}, ${kind}` : kind),
    badge(now),
    reason ? h("span.reason", {}, reason) : null,
    looks ? h("span.pill.amber", {}, `looked ${looks}×`) : null,
    attempts.length ? null : h("span.detail", {}, `due ${time(delivery.due_at)}`),
    h("span.attempts", {}, attempts.slice(-6).map(attempt)),
  );
}

function attempt({ started_at: startedAt, outcome, detail, took_ms: took }) {
  const words = [time(startedAt), outcome || "under way", took === null ? "" : `${took} ms`]
    .filter(Boolean)
    .join(" · ");
  return h(
    "span.attempt",
    { class: COLOURS[outcome] || "amber", title: detail || "" },
    words,
    detail && outcome !== "accepted" ? h("span.detail", {}, ` ${detail}`) : null,
  );
}

function lane({ lane: name, length, head, state: now, due_at: dueAt }) {
  return h(
    "div.lane",
    {},
    h("b", {}, name),
    badge(now),
    h("span.detail", {}, `${length} waiting; first: ${head}, due ${time(dueAt)}`),
  );
}

function gate({ key, used, limit, window_seconds: seconds, closed_until_at: closedUntil }) {
  const share = limit ? Math.min(1, used / limit) : 0;
  return h(
    "div.gate",
    { title: key },
    h(
      "span.gate-name",
      {},
      key.replace(/^slack:[^:]+:/, "slack ").replace(/^ringcentral:/, "ringcentral "),
    ),
    h("span.detail", {}, limit ? `${used} of ${limit} in ${seconds} s` : `${used}`),
    h("meter", { min: "0", max: "1", value: String(share), "aria-label": key }),
    closedUntil ? h("span.pill.red", {}, `closed until ${time(closedUntil)}`) : null,
  );
}
