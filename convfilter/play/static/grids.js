// Small grids of numbers for the window to walk over: some that are ready, and those that a person types.

export const GRIDS = {
  digit: { title: "A digit, 9 × 9", rows: [
    [0, 0, 0, 0, 0, 0, 0, 0, 0],
    [0, 0, 2, 7, 9, 8, 3, 0, 0],
    [0, 1, 8, 4, 1, 3, 9, 2, 0],
    [0, 0, 1, 0, 0, 2, 9, 3, 0],
    [0, 0, 0, 0, 2, 8, 6, 0, 0],
    [0, 0, 0, 3, 8, 5, 0, 0, 0],
    [0, 0, 4, 9, 4, 0, 0, 0, 0],
    [0, 2, 9, 9, 9, 9, 9, 4, 0],
    [0, 0, 0, 0, 0, 0, 0, 0, 0],
  ] },
  ramp: { title: "A ramp, 9 × 9", rows: made(9, 9, (y, x) => x) },
  dot: { title: "One bright pixel, 9 × 9", rows: made(9, 9, (y, x) => (y === 4 && x === 4 ? 9 : 0)) },
  step: { title: "A step edge, 9 × 9", rows: made(9, 9, (y, x) => (x < 4 ? 1 : 8)) },
  eight: { title: "A ring, 8 × 8", rows: [
    [0, 0, 0, 0, 0, 0, 0, 0],
    [0, 0, 5, 9, 9, 5, 0, 0],
    [0, 5, 9, 3, 3, 9, 5, 0],
    [0, 9, 3, 0, 0, 3, 9, 0],
    [0, 9, 3, 0, 0, 3, 9, 0],
    [0, 5, 9, 3, 3, 9, 5, 0],
    [0, 0, 5, 9, 9, 5, 0, 0],
    [0, 0, 0, 0, 0, 0, 0, 0],
  ] },
};
const LARGEST = 32; // rows and columns

function made(height, width, value) {
  return Array.from({ length: height }, (_, y) => Array.from({ length: width }, (_, x) => value(y, x)));
}

/** The rows that an address names: one of GRIDS, or the numbers themselves, "0,1,0;1,4,1". */
export function gridOf(text) {
  if (text in GRIDS) return GRIDS[text].rows;
  const rows = (text ?? "").split(";").map((row) => row.split(",").map(Number));
  const [{ length: width }] = rows;
  const fits = rows.length <= LARGEST && width <= LARGEST
    && rows.every((row) => row.length === width && row.every(Number.isFinite));
  return text && fits ? rows : GRIDS.digit.rows;
}

/** What an address says of some rows: the name of the grid that they are, or the numbers. */
export function gridText(rows) {
  const text = rows.map((row) => row.join(",")).join(";");
  const same = (name) => GRIDS[name].rows.map((row) => row.join(",")).join(";") === text;
  return Object.keys(GRIDS).find(same) ?? text;
}

/** The rows with one number changed. */
export function changed(rows, y, x, value) {
  return rows.map((row, at) => (at === y ? row.with(x, value) : row));
}

/** The rows moved by (down, right); what comes in is 0. */
export function moved(rows, down, right) {
  return rows.map((row, y) => row.map((_, x) => rows[y - down]?.[x - right] ?? 0));
}
