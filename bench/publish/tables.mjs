import { plain, withUnit } from '../figures.mjs';
import { curve, line } from './curves.mjs';
import { atTenThousand, thatEnds } from './ten-thousand.mjs';

/** Rows of cells as a table of Markdown. */
function table(head, rows) {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(3, ...all.map((cells) => [...cells[column]].length)));
  const text = (cells) =>
    `| ${cells.map((cell, column) => cell + ' '.repeat(widths[column] - [...cell].length)).join(' | ')} |`;
  return [text(head), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...rows.map(text)].join('\n');
}

/** What the benchmark's figures are in words and tables, by the names of the places where they go. */
export function tablesOf(results) {
  const { sections } = results;
  return {
    machine: machineOf(results),
    goals: goalsOf(sections),
    'growth-zones': growthOf(results, 'zones', [
      'all zones started and in sync',
      'PUT on global to applied, of all zones, median',
      'PUT on global to applied, of all zones, p99',
      'CPU of global in 1 s, all idle',
      'CPU of global for a change and zone',
      'bytes from global for a change and zone',
      'memory of global, all idle',
      'global was killed: all in sync again',
      'the same without resume',
      'bytes to a zone that comes back',
      'bytes to it without resume',
    ]),
    'growth-proxies': growthOf(results, 'proxies', [
      'new streams, each with its bootstrap',
      'CPU of the zone for one to join',
      'memory of the zone',
    ]),
    'growth-keys': growthOf(results, 'keys', [
      'CPU for a token issued in process',
      'CPU for a token checked in process',
      'PUT of one more on global to a token by it in a zone',
      'CPU of the zone for one more and its end',
    ]),
    'growth-ids': growthOf(results, 'ids', [
      'PUT answered',
      'PUT on global to applied, median of the zones',
      'CPU of global',
      'bytes from global for a zone',
    ]),
    'checks-ids': checksByIds(results),
    'ten-thousand': table(['', 'at 1,000, measured', 'at 10,000, calculated', 'by'], atTenThousand(results)),
    ends: endsOf(results),
    all: sections.map(({ title, rows }) => `### ${title}\n\n${allOf(rows)}`).join('\n\n'),
    'readme-figures': table(
      ['', '', 'beside'],
      README_ROWS.map((pick) => pick(sections)),
    ),
    'readme-zones': zonesInShort(results),
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

function growthOf(results, by, names) {
  const curves = names.map((name) => curve(results, by, name));
  const xs = [...new Set(curves.flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b);
  const rows = curves.map(({ of, unit, points }) => [
    of,
    ...xs.map((x) => {
      const point = points.find((one) => one.x === x);
      return point ? withUnit(point.value, unit) : '';
    }),
    slopeOf(points, unit),
  ]);
  return table([by, ...xs.map((x) => x.toLocaleString('en')), '1,000 more, R²'], rows);
}

/** What a thousand more add by the line through the points, and how well that fits; or that there is none. */
function slopeOf(points, unit) {
  if (points.length < 3) return '';
  const values = points.map(({ value }) => value);
  if (Math.max(...values) <= 1.1 * Math.min(...values)) return 'the same';
  const { slope, fits } = line(points);
  const more = withUnit(Math.abs(1_000 * slope), unit);
  return fits < 0.5 ? 'no line' : `${slope < 0 ? '−' : '+'}${more}, ${fits.toFixed(2)}`;
}

function checksByIds(results) {
  const rows = ['rate to none', 'checks a CPU second to none', 'the decision'].flatMap((of) =>
    results.sections
      .filter(({ rows }) => rows.some((row) => row.of === of))
      .map(({ title, rows }) => {
        const found = rows.filter((row) => row.of === of);
        return [
          `${of}: ${title}`,
          ...[0, 1_000, 100_000]
            .map((ids) => found.find(({ at }) => at.ids === ids))
            .map((row) => (row ? measured(row) : '')),
        ];
      }),
  );
  return table(['revoked ids', '0', '1,000', '100,000'], rows);
}

function endsOf(results) {
  const ends = thatEnds(results);
  const rows = ends.map(({ what, zones, by }) => [what, zones === Infinity ? 'never' : zones.toLocaleString('en'), by]);
  return `${table(['', 'zones', 'by'], rows)}\n\nWhat ends first: **${ends[0].what}**.`;
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

/** The row of this name in the first section that has it. */
function find(sections, name, isIn = () => true) {
  const row = sections
    .filter(isIn)
    .flatMap(({ rows }) => rows)
    .find((one) => one.name === name);
  if (!row) throw new Error(`nothing was measured of "${name}": run the benchmark anew`);
  return row;
}

const short = (text, name) => (sections) => {
  const { value, unit, limit, goal } = find(sections, name);
  const beside = limit ? `${limit.name}: ${withUnit(limit.value, limit.unit)}` : '';
  return [text, `${withUnit(value, unit)}${goal ? ` (goal ${goal.text})` : ''}`, beside];
};

const README_ROWS = [
  (sections) => {
    const [middle, worst] = ['median', 'p99'].map((which) => find(sections, `slower zone, ${which}`));
    const beside = `${middle.limit.name}: ${withUnit(middle.limit.value, 'ms')}`;
    const value = `${withUnit(middle.value, 'ms')}, p99 ${withUnit(worst.value, 'ms')} (goal ${worst.goal.text})`;
    return ['a revocation: PUT on global → refused in both zones', value, beside];
  },
  short('tokens issued over HTTP by one zone', 'tokens'),
  short('CPU of a zone for one token', 'CPU of the zone for a token'),
  short('`/healthy` meanwhile, p99', 'GET /healthy meanwhile, p99'),
  short('rate of checks with 100,000 revoked ids, to that with none', 'rate with 100,000 ids, to none'),
  short('store reads and writes of an idle global', 'store reads and writes of global'),
  short('start of all three at once to the first zone token', 'global and 2 zones to the first zone token'),
  short('memory of a zone', 'memory of east'),
  (sections) => {
    const most = sections.filter(({ at }) => at?.proxies).at(-1);
    const of = (name) => find([most], name);
    const [rate, cpu] = [of('new streams, each with its bootstrap'), of('CPU of the zone for one to join')];
    const memory = of('memory of the zone for one idle stream');
    const value = `${withUnit(rate.value, '/s')}, ${withUnit(cpu.value, 'ms')} of CPU, ${withUnit(memory.value, 'KB')} each`;
    return [`proxies that join one zone over TLS, up to ${most.at.proxies.toLocaleString('en')}`, value, ''];
  },
  short('PUT of a revocation on global → the zone has ended all of them', 'PUT on global to all ended by the zone'),
];

function zonesInShort(results) {
  const names = [
    ['all zones started and in sync', 'all started and in sync'],
    ['PUT on global to applied, of all zones, median', 'PUT of a list of 4 KB on global → a zone has it, median'],
    ['PUT on global to applied, of all zones, p99', 'the same, p99 of all zones'],
    ['CPU of global for a change and zone', 'CPU of global for a change and zone'],
    ['memory of global, all idle', 'memory of global, all idle'],
    ['global was killed: all in sync again', 'global killed and back → all in sync again'],
  ];
  const curves = names.map(([name, text]) => ({ text, ...curve(results, 'zones', name) }));
  const xs = curves[0].points.map(({ x }) => x);
  return table(
    ['zones', ...xs.map((x) => x.toLocaleString('en'))],
    curves.map(({ text, unit, points }) => [text, ...points.map(({ value }) => withUnit(value, unit))]),
  );
}

/** What a soak was and found. */
export function tablesOfSoak({ when, seconds, node, findings, counts, samples }) {
  const state = ({ good }) => (good === undefined ? 'not judged' : good ? 'good' : '**not good**');
  const cpu = Object.entries(samples).map(([name, all]) => {
    const [first, last] = [all[0], all.at(-1)];
    return `${name} ${Math.round((100 * (last.cpu - first.cpu)) / (last.at - first.at))} %`;
  });
  return {
    'soak-run': `Run on ${when.slice(0, 10)} for ${Math.round(seconds / 60)} minutes, Node.js ${node.slice(1)}; CPU of a core: ${cpu.join(', ')}.`,
    'soak-deeds': table(
      ['', 'times', 'mean', 'longest'],
      counts.map(({ name, done, meanMs, longestMs }) => [
        name,
        done.toLocaleString('en'),
        withUnit(meanMs, 'ms'),
        withUnit(longestMs, 'ms'),
      ]),
    ),
    'soak-findings': table(
      ['', 'found', ''],
      findings.map((finding) => [finding.what, finding.says, state(finding)]),
    ),
  };
}
