/** The value that a share of the samples does not exceed (nearest rank). */
export function quantile(samples, share) {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
}

export function median(samples) {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const SCALES = {
  ms: (value) => (value < 1_000 ? value.toFixed(value < 10 ? 2 : 1) : grouped(value)),
  s: (value) => value.toFixed(value < 100 ? 2 : 0),
  µs: (value) => (value < 10 ? value.toFixed(2) : grouped(value)),
  '/s': grouped,
  MB: grouped,
  KB: (value) => (value < 10 ? value.toFixed(1) : grouped(value)),
  times: (value) => value.toLocaleString('en', { maximumFractionDigits: 1 }),
  '×': (value) => value.toFixed(value < 10 ? 2 : 1),
  '%': (value) => (100 * value).toFixed(0),
};

/** A whole number, with its thousands apart. */
function grouped(value) {
  return Math.round(value).toLocaleString('en');
}

/** A number as the table shows it, without its unit. */
export function plain(value, unit) {
  return SCALES[unit](value);
}

export function withUnit(value, unit) {
  return `${plain(value, unit)}${unit === '/s' ? '' : ' '}${unit}`;
}

/**
 * One line of the result: the median of its samples (one for each round), their range, and what it stands beside.
 * `value` replaces the median where all rounds are looked at together, as for a p99. `limit` is what this machine
 * itself can do, measured in the same run; a rate is shown as a share of it, a cost as a multiple. `goal` is met or
 * missed, and is never a reason to fail. `at` places it on curves (`{ zones: 100 }`), which are called by `of`, or else by
 * its name.
 */
export function row({ name, unit, samples, value = median(samples), limit, goal, of = name, at }) {
  const ratioUnit = unit === '/s' ? '%' : '×';
  return {
    name,
    of,
    ...(at && { at }),
    unit,
    value,
    min: Math.min(...samples),
    max: Math.max(...samples),
    rounds: samples.length,
    ...(limit && { limit: { unit, ...limit }, ratio: value / limit.value, ratioUnit }),
    ...(goal && { goal: { text: goal.text, met: goal.holds(value) } }),
  };
}
