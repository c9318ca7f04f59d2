import { median } from '../figures.mjs';

/** How much memory may grow in an hour, once it is warm. */
const MOST_MB_AN_HOUR = 12;
/** The share of the time that is not judged: caches fill, code is compiled. */
const WARM_UP = 1 / 2;
const WINDOW_S = 60;
/** Fewer windows than these say nothing of a trend. */
const FEWEST_WINDOWS = 8;
/** Standard deviations of a normal distribution that 95 % do not exceed. */
const ONE_SIDED_95 = 1.645;

/**
 * The trend of something that is sampled: the median of the slopes between all pairs (Theil and Sen), which up to a quarter of
 * wild samples does not move, and the range that it is in with 90 % confidence (Sen, by Kendall's variance).
 * @param points [x, y] each
 * @returns { slope, low, high }
 */
export function trend(points) {
  const slopes = points.flatMap(([x, y], at) => points.slice(at + 1).map(([x2, y2]) => (y2 - y) / (x2 - x)));
  slopes.sort((one, other) => one - other);
  const n = points.length;
  const margin = ONE_SIDED_95 * Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18);
  const rank = (place) => slopes[Math.min(slopes.length - 1, Math.max(0, Math.round(place)))];
  return {
    slope: median(slopes),
    low: rank((slopes.length - margin) / 2),
    high: rank((slopes.length + margin) / 2),
  };
}

/**
 * What each minute left in memory at its least, after warm-up: what garbage there was in between is no leak.
 * @param samples { at: seconds, [what]: MB, where it was looked at }
 * @returns { windows } with its trend in MB an hour, unless the time was too short
 */
export function growth(samples, what) {
  const from = samples.at(-1).at * WARM_UP;
  const windows = new Map();
  for (const sample of samples.filter((each) => each.at >= from && what in each)) {
    const window = Math.floor((sample.at - from) / WINDOW_S);
    const least = windows.get(window);
    if (!least || sample[what] < least[what]) windows.set(window, sample);
  }
  const points = [...windows.values()].map((sample) => [sample.at / 3600, sample[what]]);
  return { windows: points.length, ...(points.length >= FEWEST_WINDOWS && trend(points)) };
}

/**
 * Judges a soak.
 * @returns findings, each { what, good, says }; `good` is undefined where nothing can be said
 */
export function judge({ samples, before, after, failures, errors, sync, leftOver }) {
  const findings = [];
  const find = (what, good, says) => findings.push({ what, good, says });
  for (const [name, ofOne] of Object.entries(samples)) {
    for (const what of ['rss', 'alive'].filter((each) => ofOne.some((sample) => each in sample))) {
      const { windows, slope, low, high } = growth(ofOne, what);
      const says = (each) => `${each.toFixed(1)}`.replace('-', '−');
      if (slope === undefined) find(`${what} of ${name}`, undefined, `${windows} minutes are too few to tell`);
      else
        find(
          `${what} of ${name}`,
          low <= MOST_MB_AN_HOUR,
          `${says(slope)} MB an hour (${says(low)} to ${says(high)}), at most ${MOST_MB_AN_HOUR}`,
        );
    }
  }
  for (const [name, start] of Object.entries(before)) {
    for (const what of ['files', 'handles'])
      find(`${what} of ${name}`, after[name][what] <= start[what], `${start[what]} before, ${after[name][what]} after`);
  }
  find('deeds', failures.length === 0, `${failures.length} failed`);
  find('logs', errors.length === 0, `${errors.length} errors`);
  find(
    'sync',
    sync.every(({ behind }) => behind.length === 0),
    sync.map(({ zone, behind }) => `${zone} ${behind.join(', ') || 'in sync'}`).join('; '),
  );
  find('what was made', leftOver.length === 0, leftOver.join(', ') || 'nothing is left of it');
  return findings;
}
