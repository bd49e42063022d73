// One phone: its frame, its conversations, the one that is open, and what it sends.

import { bubbleItems } from "./bubbles.js";
import { chatRow, face, nameIn, subtitle } from "./chat_list.js";
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
import { written } from "./people.js";
import { askForChat, askForSettings, remarksOn } from "./phone_settings.js";
import { act, changed, now, quietly, refresh, remember, remembered } from "./store.js";
import { isUnseen, keyOf, markSeen, unseenOf, usualNumber } from "./texts.js";
import { dayKey } from "./time.js";

const CONSENT_WORDS = ["STOP", "START", "HELP"];

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
    const key = this.chat === undefined ? this.usualChat(phone) : this.chat;
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
  usualChat(phone) {
    const isUsed =
      this.box.value || phone.conversations.some((each) => keyOf(each.with) === this.usual);
    if (!this.usual || !isUsed) {
      const first = phone.conversations[0]?.with || [usualNumber()];
      this.usual = phone.conversations.length > 1 ? null : keyOf(first);
    }
    return this.usual;
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
      make: () => chatRow(phone, each, () => this.open(keyOf(each.with))),
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

  drawChat(phone, others) {
    const key = keyOf(others);
    const conversation = phone.conversations.find((each) => keyOf(each.with) === key);
    const names = others.map(nameIn).join(", ");
    const elsewhere = unseenOf(phone) - (conversation && isUnseen(phone, conversation) ? 1 : 0);
    redraw(this.head, [key, names, phone.name, elsewhere], () => [
      this.backButton(elsewhere),
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

  /** Back to the list; how many other conversations have something new stands beside it. */
  backButton(elsewhere) {
    const count = elsewhere
      ? h("span.count", { title: "New in other conversations" }, String(elsewhere))
      : null;
    return button(
      "All conversations",
      () => this.open(null),
      { class: "quiet" },
      icon("back"),
      count,
    );
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

  async startChat() {
    const others = await askForChat(this.number);
    if (!others) return;
    this.open(keyOf(others));
    this.box.focus();
  }

  moreButton() {
    return button(
      "About this phone",
      () => askForSettings(this.phone),
      { class: "quiet" },
      icon("sliders"),
    );
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
}

const spaced = (number) => number.replace(/^\+1(\d{3})(\d{3})(\d{4})$/, "+1 $1 $2 $3");
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
