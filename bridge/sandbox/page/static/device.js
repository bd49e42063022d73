// One phone: its frame, its conversations, the one that is open, and what it sends.

import { bubbleItems } from "./bubbles.js";
import { ask } from "./dialog.js";
import {
  button,
  closePopovers,
  grow,
  h,
  icon,
  keepAtEnd,
  popover,
  reconcile,
  redraw,
  settle,
} from "./dom.js";
import { draft, keepDraft } from "./drafts.js";
import { filePicker, Picked, readFile, samplePicture, takeFiles } from "./files.js";
import { noticed } from "./noticed.js";
import { calledBy, ownNumber, phoneAvatar, written } from "./people.js";
import { act, changed, now, quietly, refresh, remember, remembered, state } from "./store.js";
import { isUnseen, keyOf, lastOf, markSeen, usualNumber } from "./texts.js";
import { clockTime, dayKey, shortDay } from "./time.js";

const CONSENT_WORDS = ["STOP", "START", "HELP"];
const CARRIER_CODES = [
  ["", "Texts reach it"],
  ["SMS-CAR-411", "Invalid number (SMS-CAR-411)"],
  ["SMS-CAR-412", "Unavailable (SMS-CAR-412)"],
  ["SMS-CAR-430", "Taken for spam (SMS-CAR-430)"],
  ["SMS-UP-410", "A landline (SMS-UP-410)"],
  ["SMS-CAR-500", "Its carrier fails (SMS-CAR-500)"],
];

export class Device {
  constructor(number) {
    this.number = number;
    this.head = h("header.device-head");
    this.body = h("div.device-body.scroll", { role: "log", tabindex: "0" });
    this.owner = h("p.device-owner");
    this.remarks = h("div.device-remarks");
    keepAtEnd(this.body);
    this.picked = new Picked(() => this.ready());
    this.box = h("textarea", {
      rows: 1,
      placeholder: "Text message",
      "aria-label": `Message as ${spaced(number)}`,
      autocomplete: "off",
      oninput: () => this.typed(),
      onkeydown: (event) => this.pressed(event),
    });
    takeFiles(this.box, this.picked);
    this.send = button(
      `Send as ${spaced(number)}`,
      () => this.submit(),
      { class: "device-send" },
      icon("up"),
    );
    this.foot = h("footer.device-foot", {}, this.picked.place, this.composer());
    this.node = h(
      "article.device",
      { dataset: { number }, "aria-label": `Phone ${spaced(number)}` },
      h(
        "div.device-frame",
        {},
        h("div.device-screen", {}, statusBar(), this.head, this.remarks, this.body, this.foot),
      ),
      this.owner,
    );
  }

  get chat() {
    return remembered(`chat:${this.number}`, undefined);
  }

  open(chat) {
    remember(`chat:${this.number}`, chat);
    changed();
  }

  // Drawing

  draw(phone) {
    this.phone = phone;
    const key = this.chat === undefined ? this.firstChat(phone) : this.chat;
    this.node.setAttribute("aria-label", `${phone.name || written(phone.number)}’s phone`);
    redraw(this.owner, [phone.name], () => [
      phone.name ? h("b", {}, phone.name) : null,
      spaced(phone.number),
    ]);
    const remarks = remarksOn(phone, key);
    redraw(this.remarks, remarks, () => remarks.map((words) => h("p", { role: "note" }, words)));
    this.foot.hidden = key === null;
    if (key === null) this.drawList(phone);
    else this.drawChat(phone, key.split(","));
  }

  /** A phone that has one conversation, or none yet, shows it; else its list. */
  firstChat(phone) {
    if (phone.conversations.length > 1) return null;
    return keyOf(phone.conversations[0]?.with || [usualNumber()]);
  }

  drawList(phone) {
    redraw(this.head, ["list", phone.name, phone.number], () => [
      h(
        "div.device-title",
        {},
        h("h3", {}, "Messages"),
        h("span.detail", {}, `${phone.name ? `${phone.name}, ` : ""}${written(phone.number)}`),
      ),
      button("New message", () => this.startChat(), { class: "quiet" }, icon("edit")),
      this.moreButton(),
    ]);
    const today = dayKey(new Date(now()));
    const items = phone.conversations.map((each) => ({
      key: keyOf(each.with),
      signature: [each, isUnseen(phone, each), today],
      make: () => this.listRow(phone, each),
    }));
    if (!items.length)
      items.push({
        key: "none",
        signature: "",
        make: () => h("p.device-empty", {}, "No messages yet."),
      });
    reconcile(this.body, items, (item) => item.make());
    this.body.shownFor = "list";
    this.body.scrollTop = 0;
  }

  listRow(phone, conversation) {
    const last = lastOf(conversation);
    const at = new Date(last.at);
    const when = dayKey(at) === dayKey(new Date(now())) ? clockTime(at) : shortDay(at);
    const name = conversation.with.map(nameIn).join(", ");
    const words = last.text || (last.files.length ? "Picture" : "");
    return h(
      "button.chat-row",
      {
        type: "button",
        class: isUnseen(phone, conversation) ? "unseen" : "",
        "aria-label": `Conversation with ${name}`,
        onclick: () => this.open(keyOf(conversation.with)),
      },
      face(conversation.with),
      h(
        "span.chat-words",
        {},
        h("span.chat-top", {}, h("b", {}, name), h("time", {}, when)),
        h("span.detail", {}, last.direction === "out" ? `You: ${words}` : words),
      ),
    );
  }

  drawChat(phone, others) {
    const key = keyOf(others);
    const conversation = phone.conversations.find((each) => keyOf(each.with) === key);
    const names = others.map(nameIn).join(", ");
    redraw(this.head, [key, names, phone.name], () => [
      button("All conversations", () => this.open(null), { class: "quiet" }, icon("back")),
      h(
        "div.device-title.centred",
        {},
        face(others, "small"),
        h("h3", {}, names),
        h("span.detail", {}, subtitle(others)),
      ),
      this.moreButton(),
    ]);
    const isElsewhere = this.body.shownFor !== key;
    this.body.setAttribute("aria-label", `Conversation with ${names}`);
    const texts = conversation?.texts || [];
    const items = texts.length
      ? bubbleItems(phone, texts, others)
      : [{ key: "none", signature: names, make: () => this.emptyChat() }];
    reconcile(this.body, items, (item) => item.make());
    settle(this.body, key);
    if (conversation && document.visibilityState === "visible") markSeen(phone, conversation);
    this.others = others;
    if (isElsewhere) this.takeDraft(key);
  }

  emptyChat() {
    const words = ["Is my order ready?", "Do you have a table for two at eight?", "Thanks!"];
    const say = (text) => () => {
      this.box.value = text;
      this.submit();
    };
    return h(
      "div.device-empty",
      {},
      h("p", {}, "No texts with this number yet."),
      words.map((text) => h("button.suggestion", { type: "button", onclick: say(text) }, text)),
    );
  }

  moreButton() {
    return button("About this phone", () => this.settings(), { class: "quiet" }, icon("sliders"));
  }

  // Writing

  composer() {
    const sample = async () => {
      closePopovers();
      this.picked.add([await samplePicture()]);
      this.box.focus();
    };
    const word = (text) => () => {
      closePopovers();
      this.box.value = text;
      this.submit();
    };
    const item = (label, onclick, kind = "") =>
      h("button.menu-item", { type: "button", role: "menuitem", class: kind, onclick }, label);
    const menu = () =>
      h(
        "div.menu",
        { role: "menu" },
        item("Send a sample picture", sample),
        CONSENT_WORDS.map((text) => item(`Text ${text}`, word(text))),
      );
    const more = button(
      "More to send",
      (event) => popover(event.currentTarget, menu(), { above: true }),
      { class: "quiet" },
      icon("plus"),
    );
    return h(
      "div.device-composer",
      {},
      more,
      filePicker("Attach a picture", this.picked, "image/*"),
      h("div.device-box", {}, this.box, this.send),
    );
  }

  typed() {
    keepDraft(`${this.number} ${this.body.shownFor}`, this.box.value);
    grow(this.box);
    this.ready();
  }

  takeDraft(key) {
    this.box.value = draft(`${this.number} ${key}`);
    requestAnimationFrame(() => grow(this.box));
    this.ready();
  }

  ready() {
    this.send?.classList.toggle(
      "ready",
      Boolean(this.box.value.trim() || this.picked.files.length),
    );
  }

  pressed(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.submit();
  }

  async submit() {
    const text = this.box.value.trim();
    const picked = this.picked.take();
    if (!text && !picked.length) return;
    this.box.value = "";
    this.typed();
    const to = this.others.length === 1 ? this.others[0] : this.others;
    try {
      const attachments = await Promise.all(picked.map(readFile));
      await act(`/ringcentral/phones/${encodeURIComponent(this.number)}/texts`, {
        text,
        to,
        attachments,
      });
      noticed("texted");
      quietly(refresh("phones"));
    } catch {
      this.picked.add(picked);
      this.box.value ||= text;
      this.typed();
    }
  }

  // Choosing

  async startChat() {
    const own = state.phones.own_numbers.filter((each) => each.receives);
    const others = state.phones.phones.filter((each) => each.number !== this.number);
    const given = await ask({
      title: "New message",
      words: "To one of the company’s numbers; with other phones besides it is a group text.",
      fields: [
        {
          name: "to",
          label: "To",
          kind: "select",
          value: usualNumber(),
          options: own.map((each) => [each.number, `${written(each.number)}, ${each.owner}`]),
        },
        ...others.map((each) => ({
          name: each.number,
          label: `and ${calledBy(each.number)}`,
          kind: "checkbox",
        })),
      ],
      yes: "Write",
    });
    if (!given) return;
    this.open(
      keyOf([given.to, ...others.map((each) => each.number).filter((number) => given[number])]),
    );
    this.box.focus();
  }

  async settings() {
    const { phone } = this;
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
    await quietly(act(`/ringcentral/phones/${encodeURIComponent(this.number)}`, change));
    await refresh("phones");
  }
}

const spaced = (number) => number.replace(/^\+1(\d{3})(\d{3})(\d{4})$/, "+1 $1 $2 $3");
const nameIn = (number) => (ownNumber(number) ? state.phones.company : calledBy(number));

function subtitle(others) {
  return others.length === 1 ? written(others[0]) : `${others.length + 1} people`;
}

/** What its owner would not see, but whoever tries the bridge must know. */
function remarksOn(phone, key) {
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

function face(others, size = "medium") {
  const phones = others.filter((number) => !ownNumber(number));
  if (phones.length)
    return h(
      "span.faces",
      {},
      phones.slice(0, 2).map((number) => phoneAvatar(number, size)),
    );
  return h(
    "span.avatar.round.tone-company",
    { class: size, "aria-hidden": "true" },
    icon("people"),
  );
}

function statusBar() {
  const bars = h(
    "span.bars",
    { "aria-hidden": "true" },
    [1, 2, 3, 4].map(() => h("i")),
  );
  return h(
    "div.status-bar",
    { "aria-hidden": "true" },
    h("span", { dataset: { now: "phone" } }),
    h("span.notch"),
    h("span.signals", {}, bars, h("span.battery")),
  );
}
