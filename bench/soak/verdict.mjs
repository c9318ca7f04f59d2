import { median } from '../figures.mjs';

/** How much memory may grow in an hour, once it is warm. */
const MOST_MB_AN_HOUR = 12;
/** Of the time, which is not judged: caches fill, code is compiled. */
const WARM_UP = 1 / 3;
const WINDOW_S = 60;
/** Fewer windows than these say nothing of a trend. */
const FEWEST_WINDOWS = 8;

/**
 * The trend of something that is sampled: the median of the slopes between all pairs (Theil and Sen), which up to a quarter of
 * wild samples does not move.
 * @param points [x, y] each
 */
export function trend(points) {
  const slopes = points.flatMap(([x, y], at) => points.slice(at + 1).map(([x2, y2]) => (y2 - y) / (x2 - x)));
  return median(slopes);
}

/**
 * What each minute left in memory at its least, after warm-up: what garbage there was in between is no leak.
 * @param samples { at: seconds, [what]: MB }
 * @returns { perHour: MB, windows, from: seconds } or, when the time was too short, without perHour
 */
export function growth(samples, what) {
  const end = samples.at(-1).at;
  const from = end * WARM_UP;
  const windows = new Map();
  for (const sample of samples.filter(({ at }) => at >= from)) {
    const window = Math.floor((sample.at - from) / WINDOW_S);
    const least = windows.get(window);
    if (!least || sample[what] < least[what]) windows.set(window, sample);
  }
  const points = [...windows.values()].map((sample) => [sample.at / 3600, sample[what]]);
  return { from, windows: points.length, ...(points.length >= FEWEST_WINDOWS && { perHour: trend(points) }) };
}

/**
 * Judges a soak.
 * @returns findings, each { what, good, says }; `good` is undefined where nothing can be said
 */
export function judge({ samples, before, after, failures, errors, sync, leftOver }) {
  const findings = [];
  const find = (what, good, says) => findings.push({ what, good, says });
  for (const [name, ofOne] of Object.entries(samples)) {
    for (const what of ['rss', 'heap'].filter((each) => each in ofOne[0])) {
      const { perHour, windows } = growth(ofOne, what);
      const most = `at most ${MOST_MB_AN_HOUR}`;
      if (perHour === undefined) find(`${what} of ${name}`, undefined, `${windows} minutes are too few to tell`);
      else find(`${what} of ${name}`, perHour <= MOST_MB_AN_HOUR, `${perHour.toFixed(1)} MB an hour, ${most}`);
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
