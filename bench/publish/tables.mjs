import { plain, withUnit } from '../figures.mjs';
import { curvesBy, line } from './curves.mjs';
import { table } from './markdown.mjs';
import { atTenThousand, thatEnds } from './ten-thousand.mjs';

/** What the benchmark's figures are in words and tables, by the names of the places where they go. */
export function tablesOf(results) {
  const { sections } = results;
  return {
    machine: machineOf(results),
    goals: goalsOf(sections),
    'growth-zones': growthOf(results, 'zones', 1_000),
    'growth-proxies': growthOf(results, 'proxies', 1_000),
    'growth-keys': growthOf(results, 'keys', 100),
    'growth-ids': growthOf(results, 'ids', 100_000),
    'ten-thousand': tenThousandOf(results),
    ends: endsOf(results),
    all: sections.map(({ title, rows }) => `### ${title}\n\n${allOf(rows)}`).join('\n\n'),
  };
}

function machineOf({ when, seconds, quick, machine }) {
  const { cpu, node, openssl, busyBefore } = machine;
  const run = `Measured on ${when.slice(0, 10)} by one run of \`npm run bench${quick ? ' -- --quick' : ''}\` (${Math.round(seconds)} s)`;
  const others = busyBefore > 0.1 ? `; others used ${withUnit(busyBefore, '%')} of it when the run began` : '';
  return `${run}: ${cpu}, Node.js ${node.slice(1)}, ${openssl.split(' ').slice(0, 2).join(' ')}${others}.`;
}

/** The value, and where there were several rounds their range. */
function measured({ value, unit, min, max, rounds }) {
  return rounds > 1 ? `${withUnit(value, unit)} (${plain(min, unit)}–${plain(max, unit)})` : withUnit(value, unit);
}

function goalsOf(sections) {
  const rows = sections.flatMap(({ title, rows }) =>
    rows
      .filter(({ goal }) => goal)
      .map((row, index) => [
        index === 0 ? title : '',
        row.name,
        measured(row),
        row.goal.text,
        row.goal.met ? 'met' : '**missed**',
      ]),
  );
  return table(['', '', 'measured', 'goal', ''], rows);
}

function growthOf(results, by, step) {
  const curves = curvesBy(results, by);
  const xs = [...new Set(curves.flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b);
  const rows = curves.map(({ of, unit, points }) => [
    of,
    ...xs.map((x) => {
      const point = points.find((one) => one.x === x);
      return point ? withUnit(point.value, unit) : '';
    }),
    slopeOf(points, unit, step),
  ]);
  return table([by, ...xs.map((x) => x.toLocaleString('en')), `${step.toLocaleString('en')} more, R²`], rows);
}

/** What `step` more add by the line through the points, and how well that fits; or that there is none. */
function slopeOf(points, unit, step) {
  if (points.length < 3) return '';
  const values = points.map(({ value }) => value);
  if (Math.max(...values) <= 1.1 * Math.min(...values)) return 'the same';
  const { slope, fits, isLine } = line(points);
  const more = withUnit(Math.abs(step * slope), unit);
  return isLine ? `${slope < 0 ? '−' : '+'}${more}, ${fits.toFixed(2)}` : 'no line';
}

function tenThousandOf(results) {
  const { head, rows } = atTenThousand(results);
  return table(head, rows);
}

function endsOf(results) {
  const ends = thatEnds(results);
  const rows = ends.map(({ what, zones, by }) => [what, zones === Infinity ? 'never' : zones.toLocaleString('en'), by]);
  return `${table(['', 'zones', 'by'], rows)}\n\nThe first to end: ${ends[0].what}, with ${ends[0].zones.toLocaleString('en')} zones.`;
}

function allOf(rows) {
  const cells = (row) => [
    row.name,
    withUnit(row.value, row.unit),
    row.rounds > 1 ? `${plain(row.min, row.unit)}–${plain(row.max, row.unit)}` : '',
    row.limit
      ? `${withUnit(row.ratio, row.ratioUnit)} of ${row.limit.name}, ${withUnit(row.limit.value, row.limit.unit)}`
      : '',
    row.goal ? `${row.goal.text}: ${row.goal.met ? 'met' : 'missed'}` : '',
  ];
  return table(['', 'median', 'min–max', 'beside', 'goal'], rows.map(cells));
}
