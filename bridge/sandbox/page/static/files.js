// Files: shown where a message has some, read where somebody sends some.

import { button, h, icon } from "./dom.js";

const PICTURE = /^image\/(png|jpeg|gif|webp|bmp)$/;
export const isPicture = (type) => PICTURE.test(type || "");

export function fileCard(file) {
  if (file.mode === "tombstone")
    return h("div.file", {}, h("span.detail", {}, "This file was deleted."));
  const address = `/slack/files/${encodeURIComponent(file.id)}`;
  if (isPicture(file.mimetype)) {
    return h(
      "a",
      { href: address, target: "_blank", rel: "noopener" },
      h("img", { src: address, alt: file.alt_txt || file.name || "Picture" }),
    );
  }
  return h(
    "a.file",
    { href: address, download: file.name || "" },
    icon("file"),
    h(
      "span",
      {},
      h("b", {}, file.title || file.name || "File"),
      h("span.detail", {}, sizeOf(file)),
    ),
  );
}

function sizeOf({ pretty_type: kind, size }) {
  if (!size) return kind || "";
  return `${kind || "File"}, ${size < 1024 ? `${size} B` : `${Math.round(size / 1024)} KB`}`;
}

/** A chosen file as the simulators take it: name, type, and base64. */
export async function readFile(file) {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let binary = "";
  for (let at = 0; at < bytes.length; at += 0x8000)
    binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return { name: file.name, type: file.type || "application/octet-stream", base64: btoa(binary) };
}

/** Files picked for a message that is being written. */
export class Picked {
  constructor(changed) {
    this.files = [];
    this.place = h("div.picked");
    this.changed = changed;
  }

  add(files) {
    this.files.push(...files);
    this.draw();
  }

  take() {
    const { files } = this;
    this.files = [];
    this.draw();
    return files;
  }

  draw() {
    this.place.replaceChildren(...this.files.map((file) => this.chip(file)));
    this.changed();
  }

  chip(file) {
    const drop = () => {
      this.files = this.files.filter((each) => each !== file);
      this.draw();
    };
    const thumb = isPicture(file.type)
      ? h("img", { src: URL.createObjectURL(file), alt: "" })
      : icon("file");
    return h(
      "span.chip",
      {},
      thumb,
      h("span", {}, file.name),
      button(`Remove ${file.name}`, drop, { class: "quiet" }, icon("close")),
    );
  }
}

/** A hidden file input and the button that opens it. */
export function filePicker(label, picked, accept) {
  const input = h("input", {
    type: "file",
    multiple: true,
    hidden: true,
    accept,
    "aria-label": label,
    onchange: () => {
      picked.add([...input.files]);
      input.value = "";
    },
  });
  return [
    input,
    button(label, () => input.click(), { class: "quiet" }, icon(accept ? "picture" : "attach")),
  ];
}

/** Files pasted into a box, or dropped on it, are picked. */
export function takeFiles(box, picked) {
  const take = (event) => {
    const { files } = event.clipboardData || event.dataTransfer;
    if (!files.length) return;
    event.preventDefault();
    picked.add([...files]);
  };
  box.addEventListener("paste", take);
  box.addEventListener("drop", take);
}

/** A picture made here, for who has none at hand. */
export function samplePicture() {
  const canvas = h("canvas", { width: 480, height: 320 });
  const paint = canvas.getContext("2d");
  const sky = paint.createLinearGradient(0, 0, 0, 320);
  sky.addColorStop(0, "#f7b267");
  sky.addColorStop(1, "#f4845f");
  paint.fillStyle = sky;
  paint.fillRect(0, 0, 480, 320);
  paint.fillStyle = "#fff3d6";
  paint.beginPath();
  paint.arc(340, 130, 46, 0, 7);
  paint.fill();
  for (const [colour, points] of [
    ["#7a4069", [0, 320, 150, 150, 300, 320]],
    ["#513252", [130, 320, 300, 190, 480, 320]],
  ]) {
    paint.fillStyle = colour;
    paint.beginPath();
    paint.moveTo(points[0], points[1]);
    paint.lineTo(points[2], points[3]);
    paint.lineTo(points[4], points[5]);
    paint.fill();
  }
  return new Promise((resolve) =>
    canvas.toBlob(
      (blob) => resolve(new File([blob], "evening.png", { type: "image/png" })),
      "image/png",
    ),
  );
}
