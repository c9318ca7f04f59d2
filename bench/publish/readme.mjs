import { withUnit } from '../figures.mjs';
import { curve } from './curves.mjs';
import { table } from './markdown.mjs';

/** The figures that the README has, by the names of the places where they go. */
export function readmeTablesOf(results) {
  const rows = FIGURES.map((pick) => pick(results.sections));
  return { 'readme-figures': table(['', '', 'beside'], rows), 'readme-zones': zonesOf(results) };
}

/** The first section with a row of this name. */
function sectionWith(sections, name) {
  const section = sections.find(({ rows }) => rows.some((one) => one.name === name));
  if (!section) throw new Error(`nothing was measured of "${name}": run the benchmark anew`);
  return section;
}

/** The row of this name in the first section that has it. */
function find(sections, name) {
  return sectionWith(sections, name).rows.find((one) => one.name === name);
}

/** The value, with its goal. */
function told({ value, unit, goal }) {
  const aim = goal ? ` (goal ${goal.text}${goal.met ? '' : ', missed'})` : '';
  return `${withUnit(value, unit)}${aim}`;
}

function beside({ limit }) {
  return limit ? `${limit.name}: ${withUnit(limit.value, limit.unit)}` : '';
}

const short = (text, name) => (sections) => {
  const row = find(sections, name);
  return [text, told(row), beside(row)];
};

const FIGURES = [
  (sections) => {
    const [middle, worst] = ['median', 'p99'].map((which) => find(sections, `slower zone, ${which}`));
    return [
      'a revocation: PUT on global → refused in both zones',
      `${told(middle)}, p99 ${told(worst)}`,
      beside(middle),
    ];
  },
  short('tokens issued over HTTP by one zone', 'tokens'),
  short('CPU of a zone for one token', 'CPU of the zone for a token'),
  short('`/healthy` meanwhile, p99', 'GET /healthy meanwhile, p99'),
  short('rate of checks with 100,000 revoked ids, to that with none', 'rate with 100,000 ids, to none'),
  short('store reads and writes of an idle global', 'store reads and writes of global'),
  short('start of all three at once to the first zone token', 'global and 2 zones to the first zone token'),
  short('memory of a zone at once', 'memory of east, at once'),
  (sections) => {
    const { after } = sectionWith(sections, 'memory of east, at rest');
    return short(`the same at rest, ${after}`, 'memory of east, at rest')(sections);
  },
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

function zonesOf(results) {
  const names = [
    ['all zones started and in sync', 'all started and in sync'],
    ['PUT on global to applied, of all zones, median', 'PUT of a list of 4 KB on global → a zone has it, median'],
    ['PUT on global to applied, of all zones, p99', 'the same, p99 of all zones'],
    ['CPU of global for a change and zone', 'CPU of global for a change and zone'],
    ['memory of global, all idle', 'memory of global, all idle'],
    ['global was killed: all in sync again', 'global killed, and started at once → all in sync again'],
  ];
  const curves = names.map(([name, text]) => ({ text, ...curve(results, 'zones', name) }));
  const xs = curves[0].points.map(({ x }) => x);
  return table(
    ['zones', ...xs.map((x) => x.toLocaleString('en'))],
    curves.map(({ text, unit, points }) => [text, ...points.map(({ value }) => withUnit(value, unit))]),
  );
}
