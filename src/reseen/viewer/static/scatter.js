// Points on a canvas by WebGL 2: one draw call, whatever their number; drawn only when something has changed.

const VERTEX = `#version 300 es
in vec2 place;
in vec4 color;
uniform vec2 center;
uniform vec2 scale;
uniform float size;
out vec4 tint;
void main() {
  gl_Position = vec4((place - center) * scale, 0.0, 1.0);
  gl_PointSize = size;
  tint = color;
}`;

// A disc with a soft rim of one pixel.
const FRAGMENT = `#version 300 es
precision highp float;
in vec4 tint;
uniform float size;
out vec4 pixel;
void main() {
  float beyond = length(gl_PointCoord - 0.5) * size - 0.5 * size + 1.0;
  float alpha = tint.a * clamp(1.0 - beyond, 0.0, 1.0);
  if (alpha < 0.01) discard;
  pixel = vec4(tint.rgb * alpha, alpha);
}`;

export class NoWebGl extends Error {}

export class Scatter {
  constructor(canvas, view) {
    this.canvas = canvas;
    this.view = view;
    this.places = new Float32Array();
    this.colors = new Uint8Array();
    this.order = new Uint32Array();
    this.size = 5;
    this.drawn = () => {};
    this.waiting = false;
    this.gl = canvas.getContext("webgl2", { alpha: true, antialias: false, depth: false, stencil: false });
    if (!this.gl) throw new NoWebGl();
    this.#prepare();
    canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    canvas.addEventListener("webglcontextrestored", () => {
      this.#prepare();
      this.show(this.places, this.colors, this.order);
    });
  }

  // places: x y pairs; colors: red green blue alpha, 0 to 255; order: who is drawn when, the last on top.
  show(places, colors, order) {
    this.places = places;
    this.#fill(this.placeBuffer, this.gl.ARRAY_BUFFER, places);
    this.paint(colors, order);
  }

  paint(colors, order) {
    this.colors = colors;
    this.order = order;
    this.#fill(this.colorBuffer, this.gl.ARRAY_BUFFER, colors);
    this.#fill(this.orderBuffer, this.gl.ELEMENT_ARRAY_BUFFER, order);
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

  // Soon, and once however often it is asked for.
  draw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.#now();
      this.drawn();
    });
  }

  #now() {
    const { gl, view } = this;
    if (gl.isContextLost()) return;
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (!this.order.length) return;
    gl.uniform2f(this.uniforms.center, view.x, view.y);
    gl.uniform2f(this.uniforms.scale, (2 * view.unit) / view.width, (2 * view.unit) / view.height);
    gl.uniform1f(this.uniforms.size, this.size * (this.pixels || 1));
    gl.drawElements(gl.POINTS, this.order.length, gl.UNSIGNED_INT, 0);
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
    this.placeBuffer = this.#attribute(program, "place", 2, gl.FLOAT, false);
    this.colorBuffer = this.#attribute(program, "color", 4, gl.UNSIGNED_BYTE, true);
    this.orderBuffer = gl.createBuffer();
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, this.orderBuffer);
  }

  #attribute(program, name, numbers, kind, scaled) {
    const { gl } = this;
    const buffer = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    const place = gl.getAttribLocation(program, name);
    gl.enableVertexAttribArray(place);
    gl.vertexAttribPointer(place, numbers, kind, scaled, 0, 0);
    return buffer;
  }

  #fill(buffer, target, values) {
    this.gl.bindBuffer(target, buffer);
    this.gl.bufferData(target, values, this.gl.STATIC_DRAW);
  }
}
