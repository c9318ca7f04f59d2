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
  ms: (value) => value.toFixed(value < 10 ? 2 : 1),
  s: (value) => value.toFixed(2),
  µs: (value) => value.toFixed(value < 10 ? 2 : 0),
  '/s': (value) => Math.round(value).toLocaleString('en'),
  MB: (value) => value.toFixed(0),
  KB: (value) => value.toFixed(0),
  times: (value) => String(value),
  '×': (value) => value.toFixed(value < 10 ? 2 : 1),
  '%': (value) => (100 * value).toFixed(0),
};

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
 * missed, and is never a reason to fail.
 */
export function row({ name, unit, samples, value = median(samples), limit, goal }) {
  const ratioUnit = unit === '/s' ? '%' : '×';
  return {
    name,
    unit,
    value,
    min: Math.min(...samples),
    max: Math.max(...samples),
    rounds: samples.length,
    ...(limit && { limit: { unit, ...limit }, ratio: value / limit.value, ratioUnit }),
    ...(goal && { goal: { text: goal.text, met: goal.holds(value) } }),
  };
}
