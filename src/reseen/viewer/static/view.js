// The visible part of the plane: conversion between point coordinates and canvas pixels, pan and zoom.

const MARGIN = 0.92;
const MAX_ZOOM = 2000;

export class View {
  constructor() {
    this.width = this.height = 1;
    this.bounds = { left: -1, right: 1, bottom: -1, top: 1 };
    this.reset();
  }

  // Pixels per unit when all points are visible.
  get whole() {
    const { left, right, bottom, top } = this.bounds;
    const across = this.width / Math.max(right - left, 1e-3);
    const up = this.height / Math.max(top - bottom, 1e-3);
    return Math.min(across, up) * MARGIN;
  }

  get unit() {
    return this.whole * this.zoom;
  }

  reset() {
    this.zoom = 1;
    this.x = (this.bounds.left + this.bounds.right) / 2;
    this.y = (this.bounds.bottom + this.bounds.top) / 2;
  }

  toPixels(x, y) {
    return [(x - this.x) * this.unit + this.width / 2, this.height / 2 - (y - this.y) * this.unit];
  }

  toPoint(across, down) {
    return [(across - this.width / 2) / this.unit + this.x, (this.height / 2 - down) / this.unit + this.y];
  }

  pan(across, down) {
    this.x -= across / this.unit;
    this.y += down / this.unit;
    this.#clampCenter();
  }

  // Zooms about a pixel, whose point stays fixed.
  zoomAt(factor, across = this.width / 2, down = this.height / 2) {
    const [x, y] = this.toPoint(across, down);
    this.zoom = Math.min(MAX_ZOOM, Math.max(0.5, this.zoom * factor));
    const [nowX, nowY] = this.toPoint(across, down);
    this.x += x - nowX;
    this.y += y - nowY;
    this.#clampCenter();
  }

  // Keeps the center of the view within the bounds of the points.
  #clampCenter() {
    const { left, right, bottom, top } = this.bounds;
    this.x = Math.min(right, Math.max(left, this.x));
    this.y = Math.min(top, Math.max(bottom, this.y));
  }
}
