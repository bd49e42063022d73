// What is hard to read: each visible text whose colour stands out less than 4.5 : 1.
// What cannot be used (disabled), and pictures made of letters (emoji), may.
() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], below) =>
    [r, g, b].map((value, at) => value * a + below[at] * (1 - a));
  const channel = (value) =>
    value <= 10.3 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) =>
    0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ratio = (one, other) => {
    const [dark, bright] = [light(one), light(other)].sort((a, b) => a - b);
    return (bright + 0.05) / (dark + 0.05);
  };
  const shownOn = (node) => {
    const line = [];
    for (let each = node; each; each = each.parentElement) line.unshift(each);
    let ground = rgba(getComputedStyle(document.documentElement).backgroundColor).slice(0, 3);
    let solid = ground; // what would be seen here without this part's own see-through
    for (const each of line) {
      const style = getComputedStyle(each);
      const own = over(rgba(style.backgroundColor), ground);
      const opacity = Number(style.opacity);
      solid = opacity < 1 ? ground : solid;
      ground = own.map((value, at) => value * opacity + ground[at] * (1 - opacity));
    }
    const faded = line.reduce((all, each) => all * Number(getComputedStyle(each).opacity), 1);
    const ink = over(rgba(getComputedStyle(node).color), ground);
    return [ink.map((value, at) => value * faded + solid[at] * (1 - faded)), ground];
  };
  const isShown = (node) =>
    node.checkVisibility({ opacityProperty: true, visibilityProperty: true }) &&
    node.getClientRects().length > 0 &&
    !node.closest(":disabled, .sr, [aria-hidden=true]");
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (texts.nextNode()) {
    const words = texts.currentNode.data.trim();
    const node = texts.currentNode.parentElement;
    if (!/[\p{L}\p{N}]/u.test(words) || !isShown(node)) continue;
    const reached = ratio(...shownOn(node));
    if (reached < 4.5)
      found.push(`${reached.toFixed(2)} ${node.tagName}.${node.className} “${words.slice(0, 40)}”`);
  }
  return found;
}
