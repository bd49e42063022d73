// The few commands that are Slack's own.

import { toast } from "./dom.js";
import { refresh, slackAct, state } from "./store.js";

export const OWN_COMMANDS = {
  "/invite": { usage_hint: "@sms", description: "Invite the app to this channel" },
  "/leave": { usage_hint: "", description: "Leave this channel" },
  "/archive": { usage_hint: "", description: "Archive this channel" },
};

/** Run one of Slack's own commands; false where it is none of them. */
export async function runOwnCommand(name, rest, channel) {
  if (name === "/invite") {
    if (rest.replace("@", "").trim().toLowerCase() !== state.screen.app.name.toLowerCase()) {
      toast(`Type /invite @${state.screen.app.name.toLowerCase()}.`);
      return true;
    }
    await slackAct("invite_bot", { channel });
  } else if (name === "/leave") await slackAct("leave", { channel });
  else if (name === "/archive") await slackAct("archive", { channel });
  else return false;
  await refresh("slack");
  return true;
}
