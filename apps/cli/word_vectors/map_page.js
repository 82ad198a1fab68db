"use strict";
(() => {
const element = (id) => document.getElementById(id);
const canvas = element("canvas"), context = canvas.getContext("2d");
const query = element("query"), matches = element("matches"), panel = element("neighbors");
const dark = matchMedia("(prefers-color-scheme: dark)"), calm = matchMedia("(prefers-reduced-motion: reduce)");
const kFont = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', sans-serif";
const kLongest = 32, kReach = 16, kMatches = 8, kCloser = 1.6;

const words = JSON.parse(element("words").textContent).map(([text, x, y, hue, chroma, near], rank, all) => {
  const commonness = 1 - Math.log(rank + 1) / Math.log(all.length + 1);
  const letters = [...text];
  return {text, x, y, hue, chroma: chroma / 100, near, rank, commonness,
    label: letters.length > kLongest ? letters.slice(0, kLongest - 1).join("") + "…" : text,
    lower: text.toLowerCase(), size: Math.round(11 + 6 * commonness), width: 0, alpha: 0, side: 0};
});
for (const word of words) {
  const near = word.near;
  word.near = [];
  for (let i = 0; i < near.length; i += 2) word.near.push({word: words[near[i]], similarity: near[i + 1] / 1000});
}

// --- The part of the plane that is seen: its middle, and pixels a unit.

const view = {x: 0, y: 0, scale: 1};
let width = 0, height = 0, flight = null;
const extent = {x: 1, y: 1};
for (const word of words) {
  extent.x = Math.max(extent.x, Math.abs(word.x));
  extent.y = Math.max(extent.y, Math.abs(word.y));
}
const whole = () => Math.min(width * 0.45 / extent.x, height * 0.46 / extent.y);
const clamp = (x, low, high) => Math.min(Math.max(x, low), high);
const left = (word) => (word.x - view.x) * view.scale + width / 2;
const top = (word) => (word.y - view.y) * view.scale + height / 2;

function look(x, y, scale) {
  view.scale = clamp(scale, whole() * 0.6, whole() * 300);
  view.x = clamp(x, -extent.x, extent.x);
  view.y = clamp(y, -extent.y, extent.y);
  redraw();
}
function zoom(factor, x = width / 2, y = height / 2) {
  const scale = clamp(view.scale * factor, whole() * 0.6, whole() * 300);
  const kept = 1 / view.scale - 1 / scale;  // the point under (x, y) stays there
  look(view.x + (x - width / 2) * kept, view.y + (y - height / 2) * kept, scale);
}
function fly(x, y, scale) {
  if (calm.matches || !width) return look(x, y, scale);
  flight = {from: {...view}, to: {x, y, scale}, begun: performance.now()};
  redraw();
}
function fly_on(now) {
  if (!flight) return;
  const t = clamp((now - flight.begun) / 450, 0, 1), eased = t < 0.5 ? 4 * t ** 3 : 1 - (2 - 2 * t) ** 3 / 2;
  const {from, to} = flight;
  if (t === 1) flight = null;
  look(from.x + (to.x - from.x) * eased, from.y + (to.y - from.y) * eased, from.scale * (to.scale / from.scale) ** eased);
}

// --- Drawing.

let hovered = null, chosen = null, labels = [], pending = false, colors = {}, dimness = 0;
const active = () => hovered || chosen;

function restyle() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["card", "ink", "soft"]) colors[name] = style.getPropertyValue("--" + name).trim();
  for (const word of words) {
    const chroma = (most) => (word.chroma * most).toFixed(3);
    word.dot = dark.matches ? `oklch(0.76 ${chroma(0.15)} ${word.hue})` : `oklch(0.64 ${chroma(0.17)} ${word.hue})`;
    word.ink = dark.matches ? `oklch(0.88 ${chroma(0.10)} ${word.hue})` : `oklch(0.40 ${chroma(0.14)} ${word.hue})`;
  }
  redraw();
}
function resize() {
  const first = !width;
  const fitted = Math.abs(view.scale / whole() - 1) < 1e-6;
  const ratio = devicePixelRatio || 1;
  width = canvas.clientWidth;
  height = canvas.clientHeight;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  if (first || fitted) look(0, 0, whole());
  draw(performance.now(), true);  // at once: the canvas is empty now
}
function redraw() {
  if (!pending) requestAnimationFrame(draw);
  pending = true;
}

/// Boxes that do not come near each other, in cells so that a box meets only those around it.
function occupied() {
  const cells = new Map(), kCell = 64, kApart = 4;
  const cells_of = (box) => {
    const keys = [];
    for (let x = Math.floor(box.left / kCell); x <= (box.right + kApart) / kCell; ++x) {
      for (let y = Math.floor(box.top / kCell); y <= box.bottom / kCell; ++y) keys.push(x * 4096 + y);
    }
    return keys;
  };
  return (box) => {
    const keys = cells_of(box);
    for (const key of keys) {
      for (const other of cells.get(key) || []) {
        if (box.left < other.right + kApart && other.left < box.right + kApart && box.top < other.bottom &&
            other.top < box.bottom) {
          return false;
        }
      }
    }
    for (const key of keys) cells.has(key) ? cells.get(key).push(box) : cells.set(key, [box]);
    return true;
  };
}
function font(word) {
  return `${word === active() ? 700 : 500} ${word.size}px ${kFont}`;
}
function box_of(word, side) {
  const gap = radius(word) + 3, x = left(word), y = top(word), high = word.size * 1.15;
  const from = side === 0 ? x + gap : side === 1 ? x - gap - word.width : x - word.width / 2;
  const above = side < 2 ? y - high / 2 : side === 2 ? y - gap - high : y + gap;
  return {word, left: from, right: from + word.width, top: above, bottom: above + high};
}
/// The labels there is room for: of the words in `first`, then the most frequent.
function place_labels(first) {
  const take = occupied(), placed = [];
  for (const word of [...first, ...words]) {
    if (word.placed) continue;
    const x = left(word), y = top(word);
    if (x < 0 || y < 0 || x > width || y > height) continue;
    if (!word.width) {
      context.font = `700 ${word.size}px ${kFont}`;
      word.width = context.measureText(word.label).width;
    }
    for (const side of [0, 1, 2, 3]) {
      const box = box_of(word, side);
      if (box.left < 0 || box.right > width || !take(box)) continue;
      word.side = side;
      word.placed = true;
      placed.push(box);
      break;
    }
  }
  for (const box of placed) box.word.placed = false;
  return placed;
}
function radius(word) {
  const closeness = clamp(Math.log2(view.scale / whole()) / 5, 0, 1);
  return (1.6 + 2.2 * word.commonness) * (1 + closeness);
}
function draw_dots(some) {
  for (const word of some) {
    const x = left(word), y = top(word), r = radius(word);
    if (x < -r || y < -r || x > width + r || y > height + r) continue;
    context.fillStyle = word.dot;
    context.beginPath();
    context.arc(x, y, r, 0, 2 * Math.PI);
    context.fill();
  }
}
function draw_lines(word) {
  context.lineCap = "round";
  for (const {word: other, similarity} of word.near) {
    const x = left(word), y = top(word), to_x = left(other), to_y = top(other);
    const gradient = context.createLinearGradient(x, y, to_x, to_y);
    gradient.addColorStop(0, word.dot);
    gradient.addColorStop(1, other.dot);
    context.strokeStyle = gradient;
    context.lineWidth = 0.75 + 2.5 * clamp(similarity, 0, 1) ** 2;
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(to_x, to_y);
    context.stroke();
  }
}
function draw(now, at_once = false) {
  pending = false;
  fly_on(now);
  const word = active(), first = word ? [word, ...word.near.map((near) => near.word)] : [];
  const lit = new Set(first);
  const ease = (value, target) => at_once || calm.matches || Math.abs(target - value) < 0.02 ? target : value + (target - value) * 0.3;
  dimness = ease(dimness, word ? 1 : 0);
  context.clearRect(0, 0, width, height);
  context.globalAlpha = 0.85 - 0.6 * dimness;
  draw_dots(words);
  if (word) {
    context.globalAlpha = 0.9;
    draw_lines(word);
    context.globalAlpha = 1;
    draw_dots(first);
    context.strokeStyle = colors.ink;
    context.lineWidth = 1.5;
    context.beginPath();
    context.arc(left(word), top(word), radius(word) + 2.5, 0, 2 * Math.PI);
    context.stroke();
  }
  const before = new Set(labels.map((box) => box.word));
  labels = place_labels(first);
  for (const box of labels) before.delete(box.word);
  for (const gone of before) gone.alpha = 0;
  context.textBaseline = "middle";
  context.lineJoin = "round";
  context.lineWidth = 3.5;
  context.strokeStyle = colors.card;
  let moving = flight !== null || dimness % 1 !== 0;
  for (const box of labels.reverse()) {
    const shown = box.word;
    shown.alpha = ease(shown.alpha, 1);
    moving ||= shown.alpha < 1;
    context.globalAlpha = shown.alpha * (lit.has(shown) ? 1 : 1 - 0.78 * dimness);
    context.font = font(shown);
    context.textAlign = ["left", "right", "center", "center"][shown.side];
    const x = [box.left, box.right, (box.left + box.right) / 2, (box.left + box.right) / 2][shown.side];
    const y = (box.top + box.bottom) / 2;
    context.strokeText(shown.label, x, y);
    context.fillStyle = shown === word ? colors.ink : shown.ink;
    context.fillText(shown.label, x, y);
  }
  context.globalAlpha = 1;
  if (moving) redraw();
}

// --- The word that is looked at.

function show_neighbors() {
  const word = active();
  panel.hidden = !word;
  if (!word) return;
  const title = document.createElement("h2"), about = document.createElement("div");
  title.textContent = word.text;
  about.className = "soft";
  about.textContent = word.near.length ? "nearest words on the map, by cosine" : "no other word on the map";
  const rows = word.near.map(({word: other, similarity}) => {
    const row = document.createElement("button");
    row.innerHTML = "<span></span><i></i><b></b>";
    row.children[0].textContent = other.text;
    row.children[1].textContent = similarity.toFixed(3);
    row.children[2].style.setProperty("--share", 100 * clamp(similarity, 0, 1) + "%");
    row.children[2].style.setProperty("--color", other.dot);
    row.addEventListener("click", () => go_to(other));
    return row;
  });
  panel.replaceChildren(title, about, ...rows);
}
function hover(word) {
  if (word === hovered) return;
  hovered = word;
  canvas.classList.toggle("over", Boolean(word));
  show_neighbors();
  redraw();
}
function choose(word) {
  chosen = word;
  hovered = null;
  try {
    history.replaceState(null, "", word ? "#" + encodeURIComponent(word.text) : location.pathname + location.search);
  } catch {}  // a browser may forbid it to a local file
  show_neighbors();
  redraw();
}
/// Chooses the word and brings it to the middle, so near that most of its neighbours fit.
function go_to(word) {
  choose(word);
  const distances = word.near.map(({word: other}) => Math.hypot(other.x - word.x, other.y - word.y)).sort((a, b) => a - b);
  const reach = distances[Math.floor(distances.length * 0.7)] || extent.x / 8;
  fly(word.x, word.y, clamp(0.36 * Math.min(width, height) / reach, whole() * 1.5, whole() * 8));
}
function word_at(x, y) {
  for (const box of labels) {
    if (x >= box.left - 2 && x <= box.right + 2 && y >= box.top && y <= box.bottom) return box.word;
  }
  let nearest = null, least = kReach;
  for (const word of words) {
    const distance = Math.hypot(left(word) - x, top(word) - y);
    if (distance < least) least = distance, nearest = word;
  }
  return nearest;
}

// --- Mouse and touch.

const held = new Map();
let dragged = false;
const place_of = (event) => {
  const frame = canvas.getBoundingClientRect();
  return {x: event.clientX - frame.left, y: event.clientY - frame.top};
};
canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  if (held.size === 0) dragged = false;
  held.set(event.pointerId, {...place_of(event), begun: place_of(event)});
  flight = null;
});
canvas.addEventListener("pointermove", (event) => {
  const place = place_of(event), last = held.get(event.pointerId);
  if (!last) {
    if (event.pointerType !== "touch") hover(word_at(place.x, place.y));
    return;
  }
  if (!dragged && held.size === 1 && Math.hypot(place.x - last.begun.x, place.y - last.begun.y) < 5) return;
  dragged = true;
  canvas.classList.add("held");
  const other = [...held].find(([id]) => id !== event.pointerId)?.[1];
  if (other) {
    const spread = (from) => Math.max(Math.hypot(from.x - other.x, from.y - other.y), 1);
    zoom(spread(place) / spread(last), (place.x + other.x) / 2, (place.y + other.y) / 2);
  }
  const share = (other ? 0.5 : 1) / view.scale;
  look(view.x - (place.x - last.x) * share, view.y - (place.y - last.y) * share, view.scale);
  held.set(event.pointerId, {...place, begun: last.begun});
});
const let_go = (event) => {
  if (!held.delete(event.pointerId) || held.size > 0) return;
  canvas.classList.remove("held");
  if (dragged || event.type === "pointercancel") return;
  const {x, y} = place_of(event);
  choose(word_at(x, y));
};
canvas.addEventListener("pointerup", let_go);
canvas.addEventListener("pointercancel", let_go);
canvas.addEventListener("pointerleave", () => hover(null));
canvas.addEventListener("dblclick", (event) => {
  const {x, y} = place_of(event);
  zoom(kCloser, x, y);
});
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  flight = null;
  const {x, y} = place_of(event), lines = event.deltaMode === 0 ? 1 : 16;
  zoom(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0016)), x, y);
}, {passive: false});

// --- Keys.

/// The next word in the direction (dx, dy), as seen from the word that is looked at or from the middle.
function step(dx, dy) {
  const from = active() || {x: view.x, y: view.y};
  let best = null, least = Infinity;
  for (const word of words) {
    const x = word.x - from.x, y = word.y - from.y, along = x * dx + y * dy, across = Math.abs(x * dy) + Math.abs(y * dx);
    const cost = along + 2 * across;
    if (along > 0 && across <= 1.2 * along && word !== from && cost < least) least = cost, best = word;
  }
  if (!best) return;
  choose(best);
  const x = left(best), y = top(best), margin = 60;
  if (x < margin || y < margin || x > width - margin || y > height - margin) fly(best.x, best.y, view.scale);
}
const everything = () => fly(0, 0, whole());
const keys = {
  ArrowLeft: () => step(-1, 0), ArrowRight: () => step(1, 0), ArrowUp: () => step(0, -1), ArrowDown: () => step(0, 1),
  "+": () => zoom(kCloser), "=": () => zoom(kCloser), "-": () => zoom(1 / kCloser), "0": everything,
  Escape: () => choose(null),
  Enter: () => active() && go_to(active()),
};
canvas.addEventListener("keydown", (event) => {
  if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  keys[event.key]();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target === query) return;
  event.preventDefault();
  query.focus();
  query.select();
});
element("closer").addEventListener("click", () => zoom(kCloser));
element("farther").addEventListener("click", () => zoom(1 / kCloser));
element("everything").addEventListener("click", everything);

// --- Search.

let found = [], at = 0;
function show_matches() {
  const text = query.value.trim().toLowerCase();
  const begins = [], holds = [];
  for (const word of text ? words : []) {
    if (word.lower === text) begins.unshift(word);
    else if (word.lower.startsWith(text)) begins.push(word);
    else if (word.lower.includes(text)) holds.push(word);
  }
  found = [...begins, ...holds].slice(0, kMatches);
  at = 0;
  matches.replaceChildren(...found.map((word, i) => {
    const row = document.createElement("div");
    row.id = "match" + i;
    row.setAttribute("role", "option");
    row.textContent = word.text;
    row.addEventListener("pointerdown", (event) => event.preventDefault());  // the focus stays
    row.addEventListener("click", () => take(word));
    return row;
  }));
  if (text && found.length === 0) {
    const none = document.createElement("div");
    none.className = "none";
    none.textContent = "not on the map";
    matches.append(none);
  }
  matches.hidden = !text;
  query.setAttribute("aria-expanded", String(!matches.hidden));
  mark_match();
}
function mark_match() {
  found.forEach((_, i) => matches.children[i].setAttribute("aria-selected", String(i === at)));
  if (found.length && !matches.hidden) query.setAttribute("aria-activedescendant", "match" + at);
  else query.removeAttribute("aria-activedescendant");
}
function take(word) {
  query.value = word.text;
  matches.hidden = true;
  query.setAttribute("aria-expanded", "false");
  go_to(word);
  canvas.focus({preventScroll: true});
}
query.addEventListener("input", show_matches);
query.addEventListener("focus", show_matches);
query.addEventListener("blur", () => { matches.hidden = true; });
query.addEventListener("keydown", (event) => {
  const move = {ArrowDown: 1, ArrowUp: -1}[event.key];
  if (move && found.length) {
    event.preventDefault();
    at = (at + move + found.length) % found.length;
    mark_match();
  } else if (event.key === "Enter" && found.length) {
    take(found[at]);
  } else if (event.key === "Escape") {
    query.value = "";
    show_matches();
    canvas.focus({preventScroll: true});
  }
});

// --- Start.

function follow_address() {
  let text = "";
  try {
    text = decodeURIComponent(location.hash.slice(1));
  } catch {}  // a broken escape names no word
  const word = words.find((candidate) => candidate.text === text);
  if (word) go_to(word);
}
dark.addEventListener("change", restyle);
dark.addEventListener("change", show_neighbors);
addEventListener("hashchange", follow_address);
restyle();
new ResizeObserver(resize).observe(canvas);
resize();
follow_address();
})();
