import { withUnit } from '../figures.mjs';
import { table } from './markdown.mjs';

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
