"use strict";
(() => {
const element = (id) => document.getElementById(id);
const texts = JSON.parse(element("texts").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
const kFont = "ui-monospace, 'SF Mono', Menlo, Consolas, monospace", kMean = -1;
const clamp = (x, low, high) => Math.min(Math.max(x, low), high);

// --- Weights. Two letters each, a number of base 64 of which 4095 is 1.

const digits = new Uint8Array(128);
[..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"].forEach((c, i) => { digits[c.charCodeAt(0)] = i; });
function unpack(map) {
  if (!map.values) {
    const text = map.weights, count = text.length / 2;
    map.values = new Float32Array(count);
    for (let i = 0; i < count; ++i)
      map.values[i] = (digits[text.charCodeAt(2 * i)] * 64 + digits[text.charCodeAt(2 * i + 1)]) / 4095;
    map.weights = "";
  }
  return map.values;
}
/// Those of one head, or the mean of a layer's: (T,S), row by row.
function weights_of(map, layer, head) {
  const values = unpack(map), size = map.queries.length * map.keys.length, begin = layer * map.heads * size;
  if (head !== kMean) return values.subarray(begin + head * size, begin + (head + 1) * size);
  const mean = new Float32Array(size);
  for (let h = 0; h < map.heads; ++h) {
    for (let i = 0; i < size; ++i) mean[i] += values[begin + h * size + i] / map.heads;
  }
  return mean;
}
/// How strongly a weight is coloured: small ones are seen, too.
const strength = (weight) => weight ** 0.6;
const percent = (weight) => weight >= 0.0995 ? (100 * weight).toFixed(0) + " %" : (100 * weight).toFixed(1) + " %";

// --- What is looked at.

const chosen = {text: 0, kind: 0, layer: 0, head: 0};
let hovered = null, pinned = null;  // {side: "queries" or "keys", at, other}
let map = null, weights = null, heat = "0, 0, 0", ink = "#000", soft = "#888";
const active = () => hovered || pinned;

function options(select, names) {
  select.replaceChildren(...names.map(([value, name]) => {
    const option = document.createElement("option");
    option.value = value;
    option.textContent = name;
    return option;
  }));
}
const short = (text, most) => {
  const letters = [...text];
  return letters.length > most ? letters.slice(0, most - 1).join("") + "…" : text;
};

function show_text() {
  const maps = texts[chosen.text].maps;
  chosen.kind = clamp(chosen.kind, 0, maps.length - 1);
  element("kinds").hidden = maps.length < 2;
  element("kinds").replaceChildren(...maps.map((one, i) => {
    const button = document.createElement("button");
    button.textContent = one.title;
    button.setAttribute("role", "radio");
    button.addEventListener("click", () => {
      chosen.kind = i;
      show_kind();
    });
    return button;
  }));
  show_kind();
}
function show_kind() {
  map = texts[chosen.text].maps[chosen.kind];
  [...element("kinds").children].forEach((button, i) => button.setAttribute("aria-checked", String(i === chosen.kind)));
  chosen.layer = clamp(chosen.layer, 0, map.layers - 1);
  chosen.head = clamp(chosen.head, kMean, map.heads - 1);
  options(element("layer"), Array.from({length: map.layers}, (_, i) => [i, i + 1]));
  const heads = Array.from({length: map.heads}, (_, i) => [i, i + 1]);
  options(element("head"), map.heads > 1 ? [...heads, [kMean, "mean of all"]] : heads);
  element("layers").hidden = map.layers < 2;
  element("heads").hidden = map.heads < 2;
  element("all").hidden = map.layers * map.heads < 2;
  element("controls").hidden = texts.length < 2 && texts[0].maps.length < 2 && map.layers * map.heads < 2;
  element("kind").textContent = map.title;
  element("about").textContent = map.about;
  hovered = pinned = null;
  make_tokens("queries");
  make_tokens("keys");
  make_thumbs();
  show_head();
}
function show_head() {
  element("layer").value = chosen.layer;
  element("head").value = chosen.head;
  weights = weights_of(map, chosen.layer, chosen.head);
  for (const button of element("thumbs").querySelectorAll("button"))
    button.setAttribute("aria-pressed", String(Number(button.dataset.layer) === chosen.layer && Number(button.dataset.head) === chosen.head));
  measure();
  show_weights();
}

// --- The two rows of tokens.

function make_tokens(side) {
  element(side).replaceChildren(...map[side].map((token, at) => {
    const button = document.createElement("button");
    button.textContent = token;
    const look = () => point({side, at});
    button.addEventListener("pointerenter", (event) => event.pointerType !== "touch" && look());
    button.addEventListener("pointerleave", () => point(null));
    button.addEventListener("focus", look);
    button.addEventListener("blur", () => point(null));
    button.addEventListener("click", () => {
      pinned = pinned && pinned.side === side && pinned.at === at ? null : {side, at};
      hovered = null;
      show_weights();
    });
    return button;
  }));
}
function point(token) {
  hovered = token;
  show_weights();
}
/// What each token of a side gives or gets: of the token that is pointed at, else the mean of all.
function shares(side) {
  const at = active(), rows = map.queries.length, columns = map.keys.length;
  if (side === "queries") {
    if (!at || at.side === "queries") return null;
    return Array.from({length: rows}, (_, t) => weights[t * columns + at.at]);
  }
  if (at && at.side === "keys") return null;
  if (at) return Array.from(weights.subarray(at.at * columns, (at.at + 1) * columns));
  const mean = new Array(columns).fill(0);
  for (let t = 0; t < rows; ++t) {
    for (let s = 0; s < columns; ++s) mean[s] += weights[t * columns + s] / rows;
  }
  return mean;
}
function show_weights() {
  const at = active();
  for (const side of ["queries", "keys"]) {
    const share = shares(side);
    [...element(side).children].forEach((button, i) => {
      const a = share ? strength(share[i]) * 0.95 : 0;
      button.style.setProperty("--a", a.toFixed(3));
      button.dataset.share = share && share[i] >= 0.0005 ? percent(share[i]) : "";
      button.classList.toggle("strong", a > 0.58);
      button.classList.toggle("chosen", Boolean(at) && at.side === side && at.at === i);
    });
  }
  element("said").textContent = said(at);
  draw_matrix();
}
function said(at) {
  if (!at) return "The mean over all that look. Point at a token to see where it looks, or what looks at it.";
  const token = "“" + map[at.side][at.at] + "”";
  if (at.other !== undefined)
    return token + " looks at “" + map.keys[at.other] + "” with " + percent(weights[at.at * map.keys.length + at.other]);
  return at.side === "queries" ? "Where " + token + " looks" : "How much each token looks at " + token;
}

// --- The matrix.

const matrix = element("matrix"), context = matrix.getContext("2d");
const view = {cell: 10, left: 0, top: 0, labels: true};
function measure() {
  const rows = map.queries.length, columns = map.keys.length;
  const room = Math.max(matrix.parentElement.clientWidth, 200);
  context.font = "12px " + kFont;
  const widest = (tokens) => Math.min(120, Math.max(...tokens.map((token) => context.measureText(short(token, 16)).width)));
  const left = widest(map.queries) + 10, top = widest(map.keys) + 10;
  const cell = Math.floor((room - left - 2) / columns);
  view.labels = Math.max(cell, 13) * columns + left < 3 * room;
  view.cell = view.labels ? clamp(cell, 13, 30) : clamp(Math.floor(room / columns), 3, 13);
  view.left = view.labels ? left : 0;
  view.top = view.labels ? top : 0;
  view.width = view.left + columns * view.cell + 1;
  view.height = view.top + rows * view.cell + 1;
  const scale = devicePixelRatio || 1;
  matrix.width = view.width * scale;
  matrix.height = view.height * scale;
  matrix.style.width = view.width + "px";
  matrix.style.height = view.height + "px";
  context.setTransform(scale, 0, 0, scale, 0, 0);
}
function draw_matrix() {
  const rows = map.queries.length, columns = map.keys.length, {cell, left, top} = view, at = active();
  const gap = cell > 6 ? 1 : 0;
  context.clearRect(0, 0, view.width, view.height);
  for (let t = 0; t < rows; ++t) {
    for (let s = 0; s < columns; ++s) {
      const weight = weights[t * columns + s];
      if (weight <= 0 && !gap) continue;
      context.fillStyle = `rgba(${heat}, ${(0.04 + 0.96 * strength(weight)).toFixed(3)})`;
      context.fillRect(left + s * cell, top + t * cell, cell - gap, cell - gap);
    }
  }
  if (view.labels) {
    context.font = "12px " + kFont;
    context.textBaseline = "middle";
    for (let t = 0; t < rows; ++t) {
      context.textAlign = "right";
      context.fillStyle = at && at.side === "queries" && at.at === t ? ink : soft;
      context.fillText(short(map.queries[t], 16), left - 6, top + (t + 0.5) * cell, left - 6);
    }
    for (let s = 0; s < columns; ++s) {
      context.save();
      context.translate(left + (s + 0.5) * cell, top - 6);
      context.rotate(-Math.PI / 2);
      context.textAlign = "left";
      context.fillStyle = at && ((at.side === "keys" && at.at === s) || at.other === s) ? ink : soft;
      context.fillText(short(map.keys[s], 16), 0, 0, top - 6);
      context.restore();
    }
  }
  if (!at) return;
  context.strokeStyle = ink;
  context.lineWidth = 1;
  if (at.side === "queries") context.strokeRect(left + 0.5, top + at.at * cell - 0.5, columns * cell - 1, cell);
  else context.strokeRect(left + at.at * cell - 0.5, top + 0.5, cell, rows * cell - 1);
  if (at.other !== undefined) context.strokeRect(left + at.other * cell - 0.5, top + 0.5, cell, rows * cell - 1);
}
function cell_at(event) {
  const box = matrix.getBoundingClientRect();
  const s = Math.floor((event.clientX - box.left - view.left) / view.cell);
  const t = Math.floor((event.clientY - box.top - view.top) / view.cell);
  const row = t >= 0 && t < map.queries.length, column = s >= 0 && s < map.keys.length;
  if (row && column) return {side: "queries", at: t, other: s};
  if (row) return {side: "queries", at: t};
  return column ? {side: "keys", at: s} : null;
}
matrix.setAttribute("role", "img");
matrix.setAttribute("aria-label", "Weights as a matrix; the tokens above say the same");
matrix.addEventListener("pointermove", (event) => point(cell_at(event)));
matrix.addEventListener("pointerleave", () => point(null));
matrix.addEventListener("click", (event) => {
  pinned = cell_at(event);
  show_weights();
});

// --- Every layer and head, small.

function make_thumbs() {
  const thumbs = element("thumbs"), rows = map.queries.length, columns = map.keys.length;
  thumbs.replaceChildren();
  if (map.layers * map.heads < 2) return;
  thumbs.style.gridTemplateColumns =
    `auto repeat(${map.heads}, clamp(46px, calc((min(100vw, 1040px) - 150px) / ${map.heads}), 110px))`;
  const label = (text) => {
    const span = document.createElement("span");
    span.textContent = text;
    thumbs.append(span);
  };
  label("");
  for (let h = 0; h < map.heads; ++h) label(h === 0 ? "head 1" : h + 1);
  const [red, green, blue] = heat.split(",").map(Number);
  for (let l = 0; l < map.layers; ++l) {
    label(l === 0 ? "layer 1" : l + 1);
    for (let h = 0; h < map.heads; ++h) {
      const canvas = document.createElement("canvas"), button = document.createElement("button");
      canvas.width = columns;
      canvas.height = rows;
      const small = canvas.getContext("2d"), image = small.createImageData(columns, rows), part = weights_of(map, l, h);
      for (let i = 0; i < part.length; ++i) image.data.set([red, green, blue, 255 * strength(part[i])], 4 * i);
      small.putImageData(image, 0, 0);
      button.dataset.layer = l;
      button.dataset.head = h;
      button.title = `layer ${l + 1}, head ${h + 1}`;
      button.setAttribute("aria-label", button.title);
      button.append(canvas);
      button.addEventListener("click", () => {
        chosen.layer = l;
        chosen.head = h;
        show_head();
      });
      thumbs.append(button);
    }
  }
}

// --- Start.

function restyle() {
  const style = getComputedStyle(document.documentElement);
  heat = style.getPropertyValue("--heat").trim();
  ink = style.getPropertyValue("--ink").trim();
  soft = style.getPropertyValue("--soft").trim();
}
element("legend").append(...[0, 0.01, 0.05, 0.2, 0.5, 1].flatMap((weight) => {
  const box = document.createElement("i");
  box.style.setProperty("--a", (0.04 + 0.96 * strength(weight)).toFixed(3));
  return [box, (100 * weight).toFixed(0) + " %"];
}));
if (texts.length > 0) {
  options(element("text"), texts.map((one, i) => [i, `${i + 1}. ${short(one.title, 90)}`]));
  element("which").hidden = texts.length < 2;
  element("text").addEventListener("change", (event) => {
    chosen.text = Number(event.target.value);
    show_text();
  });
  element("layer").addEventListener("change", (event) => {
    chosen.layer = Number(event.target.value);
    show_head();
  });
  element("head").addEventListener("change", (event) => {
    chosen.head = Number(event.target.value);
    show_head();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    pinned = hovered = null;
    show_weights();
  });
  restyle();
  show_text();
  dark.addEventListener("change", () => {
    restyle();
    make_thumbs();
    show_head();
  });
  new ResizeObserver(() => {
    measure();
    draw_matrix();
  }).observe(matrix.parentElement);
} else {
  element("attention").textContent = "There is nothing to show.";
}
})();
