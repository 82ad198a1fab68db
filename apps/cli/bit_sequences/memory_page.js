"use strict";
(() => {
const element = (id) => document.getElementById(id);
const stories = JSON.parse(element("stories").textContent);
const dark = matchMedia("(prefers-color-scheme: dark)");
const clamp = (x, low, high) => Math.min(Math.max(x, low), high);
let pictures = [], pointed = null, colors = {};

/// The value of a level, which two hexadecimal digits are.
const value_of = (picture, level) => picture.low + (picture.high - picture.low) * level / 255;
function unpack(picture) {
  const text = picture.values, count = text.length / 2, levels = new Uint8Array(count);
  for (let i = 0; i < count; ++i) levels[i] = parseInt(text.substr(2 * i, 2), 16);
  return {...picture, levels, steps: count / picture.rows, canvas: document.createElement("canvas")};
}

function read_colors() {
  const style = getComputedStyle(document.documentElement);
  const rgb = (name) => style.getPropertyValue(name).split(",").map(Number);
  colors = {heat: rgb("--heat"), cold: rgb("--cold"), ink: style.getPropertyValue("--ink"),
    soft: style.getPropertyValue("--soft"), line: style.getPropertyValue("--line")};
}

/// Height of a row on the page, in pixels.
const row_height = (picture) => clamp(Math.floor(260 / picture.rows), 2, 12);

/// The cells once, a pixel each, so that pointing only scales them.
function paint(picture) {
  const cells = document.createElement("canvas"), {rows, steps, levels} = picture;
  cells.width = steps;
  cells.height = rows;
  const context = cells.getContext("2d"), image = context.createImageData(steps, rows);
  const reach = Math.max(Math.abs(picture.low), Math.abs(picture.high));
  for (let i = 0; i < rows * steps; ++i) {
    const value = value_of(picture, levels[i]), [r, g, b] = value < 0 ? colors.cold : colors.heat;
    image.data.set([r, g, b, 255 * Math.min(1, Math.abs(value) / reach) ** 0.7], 4 * i);
  }
  context.putImageData(image, 0, 0);
  picture.cells = cells;
}

function draw(picture, answer) {
  const {canvas, rows, steps, cells} = picture, width = canvas.clientWidth, height = rows * row_height(picture);
  const scale = devicePixelRatio || 1;
  canvas.style.height = `${height + 14}px`;
  canvas.width = width * scale;
  canvas.height = (height + 14) * scale;
  const context = canvas.getContext("2d"), column = width / steps;
  context.scale(scale, scale);
  context.imageSmoothingEnabled = false;
  context.drawImage(cells, 0, 0, steps, rows, 0, 0, width, height);
  context.strokeStyle = colors.line;
  context.strokeRect(0.5, 0.5, width - 1, height - 1);
  if (answer > 0) {  // where the answer begins
    context.strokeStyle = colors.soft;
    context.setLineDash([3, 3]);
    context.beginPath();
    context.moveTo(answer * column, 0);
    context.lineTo(answer * column, height);
    context.stroke();
    context.setLineDash([]);
  }
  context.fillStyle = colors.soft;
  context.font = "11px system-ui, sans-serif";
  context.fillText("1", 1, height + 11);
  context.textAlign = "right";
  context.fillText(String(steps), width - 1, height + 11);
  if (!pointed) return;
  context.strokeStyle = colors.ink;
  context.strokeRect(pointed.step * column, 0.5, Math.max(column, 1), height - 1);
}
function draw_all() {
  for (const picture of pictures) draw(picture, stories[element("story").value].answer);
}

function point(picture, event) {
  const box = picture.canvas.getBoundingClientRect();
  const step = clamp(Math.floor((event.clientX - box.left) / box.width * picture.steps), 0, picture.steps - 1);
  const row = clamp(Math.floor((event.clientY - box.top) / row_height(picture)), 0, picture.rows - 1);
  const value = value_of(picture, picture.levels[row * picture.steps + step]);
  pointed = {step};
  element("said").textContent = `${picture.title}: step ${step + 1}, row ${row + 1}: ${value.toFixed(2)}`;
  draw_all();
}

function show() {
  const story = stories[element("story").value];
  pointed = null;
  element("left").replaceChildren();
  element("right").replaceChildren();
  pictures = story.pictures.map(unpack);
  for (const picture of pictures) {
    const card = document.createElement("section"), heading = document.createElement("h2"),
      about = document.createElement("p");
    card.className = "card picture";
    heading.textContent = picture.title;
    about.textContent = picture.about;
    about.className = "soft";
    picture.canvas.setAttribute("role", "img");
    picture.canvas.setAttribute("aria-label", `${picture.title}: ${picture.rows} rows over ${picture.steps} steps`);
    card.append(heading, about, picture.canvas);
    element(picture.right ? "right" : "left").append(card);
    picture.canvas.addEventListener("pointermove", (event) => point(picture, event));
    picture.canvas.addEventListener("pointerdown", (event) => point(picture, event));
    picture.canvas.addEventListener("pointerleave", () => {
      pointed = null;
      draw_all();
    });
    paint(picture);
  }
  draw_all();
}

element("story").replaceChildren(...stories.map((story, i) => {
  const option = document.createElement("option");
  option.value = i;
  option.textContent = story.title;
  return option;
}));
element("which").hidden = stories.length < 2;
element("story").addEventListener("change", show);
addEventListener("resize", draw_all);
dark.addEventListener("change", () => {
  read_colors();
  pictures.forEach(paint);
  draw_all();
});
read_colors();
show();
})();
