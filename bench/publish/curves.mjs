/**
 * How things grow, from what was measured.
 * @param by what grows: 'zones', 'proxies', 'keys', 'ids'
 * @returns { of, unit, points: { x, value, min, max }[] } for each curve, by rising x
 */
export function curvesBy({ sections }, by) {
  const rows = sections.flatMap(({ at, rows }) => rows.map((row) => ({ ...row, x: { ...at, ...row.at }[by] })));
  const curves = new Map();
  for (const { of, unit, x, value, min, max } of rows.filter(({ x }) => x !== undefined)) {
    if (!curves.has(of)) curves.set(of, { of, unit, points: [] });
    curves.get(of).points.push({ x, value, min, max });
  }
  for (const { points } of curves.values()) points.sort((a, b) => a.x - b.x);
  return [...curves.values()];
}

/** The one of them of this name. */
export function curve(results, by, name) {
  const found = curvesBy(results, by).find(({ of }) => of === name);
  if (!found) throw new Error(`nothing was measured of "${name}" by ${by}: run the benchmark anew`);
  return found;
}

/** Below, points are on no line. */
const LEAST_FIT = 0.5;

/**
 * The straight line through points, by least squares.
 * @returns { slope, at: (x) => value, fits: R², which is 1 where the points lie on the line, isLine: whether that is enough }
 */
export function line(points) {
  const mean = (of) => points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [x, y] = [mean((point) => point.x), mean(({ value }) => value)];
  const slope = mean((point) => (point.x - x) * (point.value - y)) / mean((point) => (point.x - x) ** 2);
  const at = (where) => y + slope * (where - x);
  const spread = mean(({ value }) => (value - y) ** 2);
  const missed = mean((point) => (point.value - at(point.x)) ** 2);
  const fits = spread === 0 ? 1 : 1 - missed / spread;
  return { slope, at, fits, isLine: fits >= LEAST_FIT };
}
