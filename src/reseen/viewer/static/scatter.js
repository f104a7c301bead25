// Scatter plot by WebGL 2, redrawn only after a change. While the view moves, only as many points are drawn as reach about
// 30 frames per second, evenly subsampled; at rest all points are drawn.

const VERTEX = `#version 300 es
in vec2 position;
in vec4 color;
uniform vec2 center;
uniform vec2 scale;
uniform float size;
out vec4 tint;
void main() {
  gl_Position = vec4((position - center) * scale, 0.0, 1.0);
  gl_PointSize = size;
  tint = color;
}`;

// An antialiased disc.
const FRAGMENT = `#version 300 es
precision highp float;
in vec4 tint;
uniform float size;
out vec4 pixel;
void main() {
  float alpha = tint.a * clamp(size * (0.5 - length(gl_PointCoord - 0.5)), 0.0, 1.0);
  pixel = vec4(tint.rgb * alpha, alpha);
}`;

const REST = 150;
const SLOW_FRAME = 40; // milliseconds; more than two frames at 60 Hz
const MIN_POINTS = 4000;

export class NoWebGl extends Error {}

export class Scatter {
  constructor(canvas, view) {
    this.canvas = canvas;
    this.view = view;
    this.coordinates = new Float32Array();
    this.colors = new Uint8Array();
    this.order = new Uint32Array();
    this.below = 0;
    this.part = 1;
    this.last = 0;
    this.size = 5;
    this.drawn = () => {};
    this.waiting = false;
    this.gl = canvas.getContext("webgl2", { alpha: true, antialias: false, depth: false, stencil: false });
    if (!this.gl) throw new NoWebGl();
    this.#prepare();
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => {
      this.#prepare();
      this.show(this.coordinates, this.colors, this.order, this.below);
    });
  }

  // coordinates: x y pairs; colors: RGBA, 0 to 255; order: drawing order, last on top. Both its first `below` entries and the
  // others are shuffled, so that a prefix of either is an even subsample.
  show(coordinates, colors, order, below) {
    Object.assign(this, { coordinates, colors, order, below });
    const sorted = new Float32Array(2 * order.length);
    const painted = new Uint32Array(order.length);
    const whole = new Uint32Array(colors.buffer, colors.byteOffset, order.length);
    order.forEach((from, to) => {
      sorted[2 * to] = coordinates[2 * from];
      sorted[2 * to + 1] = coordinates[2 * from + 1];
      painted[to] = whole[from];
    });
    this.#fill(this.positionBuffer, sorted);
    this.#fill(this.colorBuffer, painted);
    this.draw();
  }

  resize() {
    const box = this.canvas.getBoundingClientRect();
    const pixels = Math.min(devicePixelRatio || 1, 2);
    this.view.width = box.width;
    this.view.height = box.height;
    this.pixels = pixels;
    this.canvas.width = Math.round(box.width * pixels);
    this.canvas.height = Math.round(box.height * pixels);
    this.draw();
  }

  // Schedules one redraw in the next frame; `moving` if more will follow.
  draw(moving = false) {
    clearTimeout(this.rest);
    if (moving) this.rest = setTimeout(() => this.draw(), REST);
    this.moving = moving;
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame((now) => {
      this.waiting = false;
      this.#adapt(now);
      this.#render();
      this.drawn(this.moving);
    });
  }

  // Adapts the fraction of points drawn while moving to the duration of the last frame.
  #adapt(now) {
    const took = now - this.last;
    this.last = this.moving ? now : 0;
    if (!this.moving || took > 1000) return;
    this.part *= took > SLOW_FRAME ? Math.max(0.6, 0.95 * (SLOW_FRAME / took)) : 1.04;
    this.part = Math.min(1, Math.max(MIN_POINTS / Math.max(1, this.order.length), this.part));
  }

  #render() {
    const { gl, view } = this;
    if (gl.isContextLost()) return;
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    const count = this.order.length;
    if (!count) return;
    gl.uniform2f(this.uniforms.center, view.x, view.y);
    gl.uniform2f(this.uniforms.scale, (2 * view.unit) / view.width, (2 * view.unit) / view.height);
    gl.uniform1f(this.uniforms.size, this.size * (this.pixels || 1));
    const part = this.moving ? this.part : 1;
    if (this.below) gl.drawArrays(gl.POINTS, 0, Math.ceil(this.below * part));
    if (this.below < count) gl.drawArrays(gl.POINTS, this.below, Math.ceil((count - this.below) * part));
  }

  #prepare() {
    const { gl } = this;
    const program = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new NoWebGl(gl.getProgramInfoLog(program) || "");
    gl.useProgram(program);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    this.uniforms = Object.fromEntries(
      ["center", "scale", "size"].map((name) => [name, gl.getUniformLocation(program, name)]),
    );
    this.positionBuffer = this.#attribute(program, "position", 2, gl.FLOAT, false);
    this.colorBuffer = this.#attribute(program, "color", 4, gl.UNSIGNED_BYTE, true);
  }

  #attribute(program, name, numbers, kind, scaled) {
    const { gl } = this;
    const buffer = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    const location = gl.getAttribLocation(program, name);
    gl.enableVertexAttribArray(location);
    gl.vertexAttribPointer(location, numbers, kind, scaled, 0, 0);
    return buffer;
  }

  #fill(buffer, values) {
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, buffer);
    this.gl.bufferData(this.gl.ARRAY_BUFFER, values, this.gl.STATIC_DRAW);
  }
}
