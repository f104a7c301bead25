// Colors of cameras and clusters: eight that are distinguishable with color blindness, and darker and lighter variants.

const COUNT = 8;

// Read from the style sheet, so that they follow the theme. Colors are [red, green, blue], each 0 to 255.
export function palette() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => numbers(style.getPropertyValue(name).trim());
  const base = Array.from({ length: COUNT }, (_, index) => read(`--m${index}`));
  const ink = read("--map-ink");
  const paper = read("--map-paper");
  const mixed = (share, other) => base.map((color) => color.map((part, i) => part + share * (other[i] - part)));
  return { colors: [...base, ...mixed(0.4, ink), ...mixed(0.4, paper)], gray: read("--map-gray") };
}

export const css = ([red, green, blue]) => `rgb(${Math.round(red)} ${Math.round(green)} ${Math.round(blue)})`;

function numbers(hex) {
  return [1, 3, 5].map((start) => parseInt(hex.slice(start, start + 2), 16));
}
