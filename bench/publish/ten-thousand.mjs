import { withUnit } from '../figures.mjs';
import { curve, line } from './curves.mjs';

const [MEASURED, WANTED] = [1_000, 10_000];
/** What one process may come to before it is said to end; see docs/performance.md. */
const MOST = { heapMb: 2_000, p99Ms: 1_000, reconnectS: 60, changesPerS: 1 };

/** @returns rows of cells: what, at 1,000, at 10,000, by which reckoning */
export function atTenThousand(results) {
  const zones = (of) => curve(results, 'zones', of);
  const byLine = (name, of) => {
    const { unit, points } = zones(of);
    return [
      name,
      withUnit(measuredIn(points), unit),
      withUnit(line(points).at(WANTED), unit),
      'the line through what was measured',
    ];
  };
  const timesZones = (name, of, unit, factor) => {
    const each = factor * measuredIn(zones(of).points);
    return [name, withUnit(each * MEASURED, unit), withUnit(each * WANTED, unit), 'what one zone costs at 1,000'];
  };
  return [
    byLine('memory of global, all idle', 'memory of global, all idle'),
    byLine('CPU of global in 1 s, all idle', 'CPU of global in 1 s, all idle'),
    timesZones('CPU of global for a change of 4 KB', 'CPU of global for a change and zone', 's', 1e-6),
    timesZones('bytes from global for a change of 4 KB', 'bytes from global for a change and zone', 'MB', 1e-3),
    byLine('PUT on global to applied, median', 'PUT on global to applied, of all zones, median'),
    byLine('PUT on global to applied, p99', 'PUT on global to applied, of all zones, p99'),
    byLine('all zones started and in sync', 'all zones started and in sync'),
    byLine('global was killed: all in sync again', 'global was killed: all in sync again'),
    timesZones('bytes when all come back', 'bytes to a zone that comes back', 'MB', 1e-3),
    timesZones('the same without resume', 'bytes to it without resume', 'MB', 1e-3),
  ];
}

/** @returns { what, zones, by } each: with how many zones something is over, the first to end first */
export function thatEnds(results) {
  const zones = (of) => curve(results, 'zones', of).points;
  const until = (most, of) => {
    const { slope, at } = line(zones(of));
    return slope <= 0 ? Infinity : Math.max(0, Math.floor((most - at(0)) / slope));
  };
  const byLine = 'the line through what was measured';
  const perZone = measuredIn(zones('CPU of global for a change and zone')) / 1e6;
  return [
    {
      what: 'a change reaches 99 % of the zones within 1 s',
      zones: until(MOST.p99Ms, 'PUT on global to applied, of all zones, p99'),
      by: byLine,
    },
    {
      what: 'all are in sync again within a minute after global was killed',
      zones: until(MOST.reconnectS, 'global was killed: all in sync again'),
      by: byLine,
    },
    {
      what: 'one core carries a change each second',
      zones: Math.floor(1 / perZone / MOST.changesPerS),
      by: 'what one zone costs at 1,000',
    },
    { what: 'one core carries them idle', zones: until(1_000, 'CPU of global in 1 s, all idle'), by: byLine },
    { what: 'global fits into 2 GB', zones: until(MOST.heapMb, 'memory of global, all idle'), by: byLine },
  ].sort((a, b) => a.zones - b.zones);
}

function measuredIn(points) {
  const found = points.find(({ x }) => x === MEASURED);
  if (!found) throw new Error('1,000 zones were not measured: run the benchmark without --quick');
  return found.value;
}
