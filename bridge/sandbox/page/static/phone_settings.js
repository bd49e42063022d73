// What a phone is asked: whom to write to, what its carrier does; and what is unusual about it.

import { ask } from "./dialog.js";
import { calledBy, written } from "./people.js";
import { act, ask as askFor, quietly, refresh, state } from "./store.js";
import { usualNumber } from "./texts.js";

const CARRIER_CODES = [
  ["", "Texts reach it"],
  ["SMS-CAR-411", "Invalid number (SMS-CAR-411)"],
  ["SMS-CAR-412", "Unavailable (SMS-CAR-412)"],
  ["SMS-CAR-430", "Taken for spam (SMS-CAR-430)"],
  ["SMS-UP-410", "A landline (SMS-UP-410)"],
  ["SMS-CAR-500", "Its carrier fails (SMS-CAR-500)"],
];

/** The company's numbers whose texts are shown in Slack; none is known while the bridge is away. */
const connectedNumbers = () =>
  askFor("/xray").then(
    (seen) => (seen ? seen.inboxes.map((each) => each.number) : []),
    () => [],
  );

/** Whom a new conversation is with: numbers, or null. */
export async function askForChat(number) {
  const connected = await connectedNumbers();
  const own = state.phones.own_numbers.filter((each) => each.receives);
  const others = state.phones.phones.filter((each) => each.number !== number);
  const given = await ask({
    title: "New message",
    words: "To one of the company’s numbers; with other phones besides it is a group text.",
    fields: [
      {
        name: "to",
        label: "To",
        kind: "select",
        value: usualNumber(),
        options: own.map((each) => [
          each.number,
          `${written(each.number)}, ${each.owner}${connected.includes(each.number) ? " (connected to Slack)" : ""}`,
        ]),
      },
      ...others.map((each) => ({
        name: each.number,
        label: `and ${calledBy(each.number)}`,
        kind: "checkbox",
      })),
    ],
    yes: "Write",
  });
  if (!given) return null;
  return [given.to, ...others.map((each) => each.number).filter((each) => given[each])];
}

export async function askForSettings(phone) {
  const given = await ask({
    title: `${phone.name || "Phone"}, ${written(phone.number)}`,
    fields: [
      { name: "name", label: "Name", value: phone.name },
      {
        name: "fails_with",
        label: "What becomes of texts to it",
        kind: "select",
        value: phone.fails_with,
        options: CARRIER_CODES,
      },
      {
        name: "reports",
        label: "Its carrier confirms delivery",
        kind: "checkbox",
        value: phone.reports,
      },
      {
        name: "has_opted_out",
        label: "It has opted out of the company’s texts",
        kind: "checkbox",
        value: phone.opted_out_of.length > 0,
      },
    ],
    yes: "Save",
  });
  if (!given) return;
  const { has_opted_out: isOut, ...rest } = given;
  const change = isOut === phone.opted_out_of.length > 0 ? rest : given;
  await quietly(act(`/ringcentral/phones/${encodeURIComponent(phone.number)}`, change));
  await refresh("phones");
}

/** What its owner would not see, but whoever tries the bridge must know. */
export function remarksOn(phone, key) {
  const others = key === null ? phone.opted_out_of : key.split(",");
  const code = CARRIER_CODES.find(([each]) => each === phone.fails_with);
  return [
    phone.opted_out_of.some((number) => others.includes(number)) &&
      "Opted out: the carrier stops texts to this phone",
    phone.fails_with &&
      `Texts to it fail: ${code ? code[1].toLowerCase().replace(/sms-.*?(?=\))/, (found) => found.toUpperCase()) : phone.fails_with}`,
    !phone.reports && "Its carrier sends no receipts",
  ].filter(Boolean);
}
