// Spatial index of points: a uniform grid for nearest-neighbor and polygon queries.

const PER_CELL = 4;

export class Grid {
  // coordinates: Float32Array of x y pairs, each from -1 to 1.
  constructor(coordinates) {
    this.coordinates = coordinates;
    const count = coordinates.length / 2;
    this.side = Math.max(1, Math.min(1024, Math.ceil(Math.sqrt(count / PER_CELL))));
    const cells = new Uint32Array(count);
    this.start = new Uint32Array(this.side * this.side + 1);
    for (let i = 0; i < count; i += 1) {
      cells[i] = this.#column(coordinates[2 * i]) + this.side * this.#column(coordinates[2 * i + 1]);
      this.start[cells[i] + 1] += 1;
    }
    for (let cell = 0; cell < this.side * this.side; cell += 1) this.start[cell + 1] += this.start[cell];
    this.order = new Uint32Array(count);
    const next = this.start.slice();
    for (let i = 0; i < count; i += 1) this.order[next[cells[i]]++] = i;
  }

  // Index of the nearest point to (x, y) within distance `reach` for which `accepts` is true; -1 if there is none.
  nearest(x, y, reach, accepts = () => true) {
    let best = -1;
    let least = reach * reach;
    this.#inside(x - reach, x + reach, y - reach, y + reach, (i) => {
      const distance = (this.coordinates[2 * i] - x) ** 2 + (this.coordinates[2 * i + 1] - y) ** 2;
      if ((distance < least || (distance === least && i < best) || (best < 0 && distance <= least)) && accepts(i)) {
        best = i;
        least = distance;
      }
    });
    return best;
  }

  // Sorted indices of the points inside a polygon [[x, y], ...], by the even-odd rule.
  within(line, accepts = () => true) {
    const inside = [];
    if (line.length < 3) return inside;
    const xs = line.map(([x]) => x);
    const ys = line.map(([, y]) => y);
    this.#inside(Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys), (i) => {
      if (accepts(i) && surrounds(line, this.coordinates[2 * i], this.coordinates[2 * i + 1])) inside.push(i);
    });
    return inside.sort((a, b) => a - b);
  }

  #column(value) {
    return Math.min(this.side - 1, Math.max(0, Math.floor(((value + 1) / 2) * this.side)));
  }

  #inside(left, right, bottom, top, visit) {
    for (let row = this.#column(bottom); row <= this.#column(top); row += 1) {
      const from = this.start[row * this.side + this.#column(left)];
      const to = this.start[row * this.side + this.#column(right) + 1];
      for (let position = from; position < to; position += 1) visit(this.order[position]);
    }
  }
}

function surrounds(line, x, y) {
  let inside = false;
  for (let i = 0, j = line.length - 1; i < line.length; j = i++) {
    const [ax, ay] = line[i];
    const [bx, by] = line[j];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}
