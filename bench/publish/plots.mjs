import { course, draw, growth } from './charts.mjs';
import { curve } from './curves.mjs';

/** The plots of the benchmark by the names of their files, as SVG. */
export async function plotsOf(results) {
  const get = (by) => (of, name) => ({ ...curve(results, by, of), ...(name && { name }) });
  const [zones, proxies, keys, ids] = ['zones', 'proxies', 'keys', 'ids'].map(get);
  return {
    'zones.svg': await draw([
      growth({
        title: 'a change of 4 KB: PUT on global to applied',
        by: 'zones',
        unit: 'ms',
        goal: 1_000,
        curves: [
          zones('PUT on global to applied, of all zones, median', 'median of all zones'),
          zones('PUT on global to applied, of all zones, p99', 'p99 of all zones'),
        ],
      }),
      growth({
        title: 'CPU of global for a change and zone',
        by: 'zones',
        unit: 'µs',
        curves: [zones('CPU of global for a change and zone')],
      }),
      growth({
        title: 'memory of global, all idle',
        by: 'zones',
        unit: 'MB',
        linear: true,
        curves: [zones('memory of global, all idle')],
      }),
      growth({
        title: 'until all zones are in sync',
        by: 'zones',
        unit: 's',
        curves: [
          zones('all zones started and in sync', 'at their first start'),
          zones('global was killed: all in sync again', 'after global was killed'),
          zones('the same without resume', 'the same without resume'),
        ],
      }),
    ]),
    'proxies.svg': await draw([
      growth({
        title: 'memory of the zone, all idle',
        by: 'proxies',
        unit: 'MB',
        linear: true,
        curves: [proxies('memory of the zone')],
      }),
      growth({
        title: 'CPU of the zone for one more to join',
        by: 'proxies',
        unit: 'ms',
        linear: true,
        curves: [proxies('CPU of the zone for one to join')],
      }),
    ]),
    'keys.svg': await draw([
      growth({
        title: 'CPU for a token, in process',
        by: 'signing keys of the mesh',
        unit: 'µs',
        linear: true,
        curves: [
          keys('CPU for a token issued in process', 'issued'),
          keys('CPU for a token checked in process', 'checked'),
        ],
      }),
      growth({
        title: 'one more key: PUT on global to a token by it in a zone',
        by: 'signing keys of the mesh',
        unit: 'ms',
        linear: true,
        curves: [keys('PUT of one more on global to a token by it in a zone')],
      }),
    ]),
    'revoked.svg': await draw([
      growth({
        title: 'a list is written',
        by: 'revoked ids',
        unit: 'ms',
        curves: [
          ids('PUT answered', 'PUT on global is answered'),
          ids('PUT on global to applied, median of the zones', 'applied, median of the zones'),
          ids('CPU of global', 'CPU of global'),
        ],
      }),
      growth({
        title: 'rate of checks to that without a list',
        by: 'revoked ids',
        unit: '×',
        linear: true,
        curves: ['in process', 'over HTTP'].map((where) => ids(`rate of checks to that without, ${where}`, where)),
      }),
      growth({
        title: 'bytes from global for a zone',
        by: 'revoked ids',
        unit: 'KB',
        curves: [ids('bytes from global for a zone')],
      }),
    ]),
  };
}

/** The plot of a soak. */
export async function plotOfSoak({ samples }) {
  const names = Object.keys(samples);
  const servers = names.filter((name) => 'heap' in samples[name][0]);
  const lines = (of, pick) =>
    of.map((name) => ({
      name,
      points: samples[name].map((sample, at, all) => [sample.at / 60, pick(sample, all[at - 1])]),
    }));
  const cpu = (sample, before) => (before ? (100 * (sample.cpu - before.cpu)) / (sample.at - before.at) : null);
  return draw([
    course({ title: 'memory (RSS)', unit: 'MB', lines: lines(names, ({ rss }) => rss) }),
    course({ title: 'heap in use', unit: 'MB', lines: lines(servers, ({ heap }) => heap) }),
    course({ title: 'heap that is alive', unit: 'MB', lines: lines(servers, ({ alive }) => alive ?? null) }),
    course({ title: 'open files', unit: '', lines: lines(names, ({ files }) => files) }),
    course({ title: 'active handles', unit: '', lines: lines(servers, ({ handles }) => handles) }),
    course({ title: 'CPU', unit: '% of a core', lines: lines(names, cpu) }),
    course({ title: 'event-loop lag (p99 of ten seconds)', unit: 'ms', lines: lines(servers, ({ lag }) => lag) }),
    course({ title: 'store on disk', unit: 'MB', lines: lines(servers, ({ store }) => store) }),
  ]);
}
