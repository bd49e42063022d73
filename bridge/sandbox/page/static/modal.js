// The modals the app has opened for this person, topmost shown.

import { button, fill, h, icon } from "./dom.js";
import { blocks, plainText } from "./blocks.js";
import { quietly, slackAct, state } from "./store.js";

let shown = "";
let values = {};

export function renderModal() {
  const place = document.getElementById("modal");
  const view = state.screen?.views.at(-1);
  const key = view ? `${view.id} ${view.hash}` : "";
  if (key === shown) return;
  if (!view || !shown.startsWith(view.id)) values = {};
  shown = key;
  place.hidden = !view;
  for (const id of ["sidebar", "workspace", "thread"])
    document.getElementById(id).inert = Boolean(view);
  if (view) fill(place, modal(view));
  place.querySelector("input, textarea, select")?.focus();
}

/** What Block Kit stands in, here: values are kept until they are submitted. */
export function viewHost(view) {
  return {
    act: (element, value) =>
      quietly(slackAct("click_in_view", { action_id: element.action_id, value, view_id: view.id })),
    suggest: (element, query) =>
      slackAct("suggest", { action_id: element.action_id, query, view_id: view.id }).catch(
        () => [],
      ),
    keep: (block, element, value) => (values[block.block_id] = value),
    kept: (block, element) =>
      block.block_id in values
        ? asState(values[block.block_id])
        : view.state?.[block.block_id]?.[element.action_id],
  };
}

/** What was typed or picked and not yet submitted, in the shape of Slack's state. */
function asState(value) {
  const many = Array.isArray(value) ? value : undefined;
  const one = many ? undefined : value;
  return {
    value,
    selected_option: one,
    selected_options: many,
    selected_user: one,
    selected_users: many,
    selected_channel: one,
    selected_conversation: one,
    selected_date: one,
    selected_time: one,
    selected_date_time: one,
  };
}

function modal(view) {
  const close = () => quietly(slackAct("close_view", { view_id: view.id }));
  const form = h(
    "form.modal",
    {
      role: "dialog",
      "aria-modal": "true",
      "aria-label": view.title.text,
      onsubmit: (event) => submit(event, view),
    },
    h(
      "header",
      {},
      h("h2", {}, plainText(view.title)),
      button("Close", close, { class: "quiet" }, icon("close")),
    ),
    h("div.modal-body", {}, blocks(view.blocks, viewHost(view))),
    h(
      "footer",
      {},
      h("span.refused", { role: "alert" }),
      h(
        "button.kit-button",
        { type: "button", onclick: close },
        view.close ? plainText(view.close) : "Cancel",
      ),
      view.submit
        ? h("button.kit-button.primary", { type: "submit" }, plainText(view.submit))
        : null,
    ),
  );
  form.addEventListener("keydown", (event) => event.key === "Escape" && close());
  return form;
}

async function submit(event, view) {
  event.preventDefault();
  const form = event.target;
  form.querySelectorAll(".error, .refused").forEach((place) => (place.textContent = ""));
  const busy = form.querySelector("[type=submit]");
  busy.classList.add("busy");
  const result = await slackAct("submit_view", { values, view_id: view.id }).catch((error) => ({
    refused: error.message,
  }));
  busy.classList.remove("busy");
  for (const [blockId, words] of Object.entries(result.errors || {})) {
    const place = form.querySelector(`[data-input="${CSS.escape(blockId)}"] .error`);
    if (place) place.textContent = words;
  }
  form.querySelector(".refused").textContent = result.refused || "";
}
