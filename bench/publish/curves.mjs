/**
 * How something grows, from what was measured.
 * @param by what grows: 'zones', 'proxies', 'keys', 'ids'
 * @param of the name of the curve
 * @returns { of, unit, points: { x, value, min, max }[] }, by rising x
 */
export function curve({ sections }, by, of) {
  const rows = sections.flatMap(({ at, rows }) => rows.map((row) => ({ ...row, at: { ...at, ...row.at } })));
  const found = rows.filter((row) => row.of === of && row.at[by] !== undefined);
  if (found.length === 0) throw new Error(`nothing was measured of "${of}" by ${by}: run the benchmark anew`);
  const points = found.map(({ at, value, min, max }) => ({ x: at[by], value, min, max }));
  return { of, unit: found[0].unit, points: points.sort((a, b) => a.x - b.x) };
}

/**
 * The straight line through points, by least squares.
 * @returns { slope, at: (x) => value, fits: R², which is 1 where the points lie on the line }
 */
export function line(points) {
  const mean = (of) => points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [x, y] = [mean((point) => point.x), mean(({ value }) => value)];
  const slope = mean((point) => (point.x - x) * (point.value - y)) / mean((point) => (point.x - x) ** 2);
  const at = (where) => y + slope * (where - x);
  const spread = mean(({ value }) => (value - y) ** 2);
  const missed = mean((point) => (point.value - at(point.x)) ** 2);
  return { slope, at, fits: spread === 0 ? 1 : 1 - missed / spread };
}
