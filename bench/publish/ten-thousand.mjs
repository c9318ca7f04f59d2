import { withUnit } from '../figures.mjs';
import { curve, line } from './curves.mjs';

const WANTED = 10_000;
/** What is called the end of one global: these are assumptions, and docs/performance.md says so. */
const MOST = { memoryMb: 2_000, p99Ms: 1_000, reconnectS: 60, changesPerS: 1, idleMsPerS: 1_000 };

/** How one global grows with its zones: along the line through what was measured or, where there is none, by what one costs among the most. */
class Growth {
  #results;

  constructor(results) {
    this.#results = results;
    /** The most zones that were measured. */
    this.most = this.of('memory of global, all idle').points.at(-1).x;
    this.byLine = 'the line through what was measured';
    this.byZone = `what one zone costs with ${this.most.toLocaleString('en')}`;
  }

  of(name) {
    return curve(this.#results, 'zones', name);
  }

  /** @returns { slope, none, by }: so much for one zone more, and for no zone, by which reckoning */
  rule(name) {
    const { slope, at, isLine } = line(this.of(name).points);
    return isLine
      ? { slope, none: at(0), by: this.byLine }
      : { slope: this.last(name) / this.most, none: 0, by: this.byZone };
  }

  /** With the most that were measured. */
  last(name) {
    return this.of(name).points.at(-1).value;
  }
}

/** @returns { head, rows } of a table: what, with the most zones that were measured, with ten thousand, by which reckoning */
export function atTenThousand(results) {
  const growth = new Growth(results);
  const byRule = (of) => {
    const { unit } = growth.of(of);
    const { slope, none, by } = growth.rule(of);
    return [of, withUnit(growth.last(of), unit), withUnit(none + slope * WANTED, unit), by];
  };
  const timesZones = (name, of, unit, factor) => {
    const each = factor * growth.last(of);
    return [name, withUnit(each * growth.most, unit), withUnit(each * WANTED, unit), growth.byZone];
  };
  return {
    head: ['', `with ${growth.most.toLocaleString('en')}, measured`, 'with 10,000, calculated', 'by'],
    rows: [
      byRule('memory of global, all idle'),
      byRule('CPU of global in 1 s, all idle'),
      timesZones('CPU of global for a change of 4 KB', 'CPU of global for a change and zone', 's', 1e-6),
      timesZones('bytes from global for a change of 4 KB', 'bytes from global for a change and zone', 'MB', 1e-3),
      byRule('PUT on global to applied, of all zones, median'),
      byRule('PUT on global to applied, of all zones, p99'),
      byRule('all zones started and in sync'),
      byRule('global was killed: all in sync again'),
      timesZones('bytes when all come back', 'bytes to a zone that comes back', 'MB', 1e-3),
      timesZones('bytes then without resume', 'bytes to it without resume', 'MB', 1e-3),
    ],
  };
}

/** @returns { what, zones, by } each: up to how many zones that holds; what ends first comes first */
export function thatEnds(results) {
  const growth = new Growth(results);
  const holds = (what, of, most) => {
    const { slope, none, by } = growth.rule(of);
    return { what, zones: slope <= 0 ? Infinity : Math.max(0, Math.floor((most - none) / slope)), by };
  };
  const changesPerS = 1e6 / growth.last('CPU of global for a change and zone');
  return [
    holds('a change reaches 99 % of the zones in 1 s', 'PUT on global to applied, of all zones, p99', MOST.p99Ms),
    holds(
      'all are in sync again a minute after global was killed',
      'global was killed: all in sync again',
      MOST.reconnectS,
    ),
    {
      what: 'one core carries a change each second',
      zones: Math.floor(changesPerS / MOST.changesPerS),
      by: growth.byZone,
    },
    holds('one core carries them idle', 'CPU of global in 1 s, all idle', MOST.idleMsPerS),
    holds('global fits into 2 GB', 'memory of global, all idle', MOST.memoryMb),
  ].sort((a, b) => a.zones - b.zones);
}
