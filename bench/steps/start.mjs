import { median, row } from '../figures.mjs';
import { Lab } from '../lab.mjs';
import { bareNode } from '../machine.mjs';

const MB = 1e6;
const START_GOAL_S = 3;
const MEMORY_GOAL_MB = 120;

/** From nothing to the first token that a zone issues. @returns the rows, and the last of the labs, which still runs */
export async function start({ plan, progress }) {
  const [serving, issuing, bare] = [[], [], []];
  const rss = new Map();
  let lab;
  for (const _ of progress.rounds(plan)) {
    await lab?.stop();
    bare.push(await bareNode());
    lab = await Lab.start();
    serving.push(lab.servingAfterMs / 1000);
    issuing.push(lab.issuingAfterMs / 1000);
    for (const controlPlane of lab.all) {
      rss.set(controlPlane.name, [...(rss.get(controlPlane.name) ?? []), controlPlane.rssBytes() / MB]);
    }
  }
  const began = { name: 'a bare Node.js process', value: median(bare.map(({ ms }) => ms / 1000)) };
  const memory = { name: 'a bare Node.js process', value: median(bare.map(({ rssBytes }) => rssBytes / MB)) };
  const rows = [
    row({
      name: 'global and 2 zones to the first zone token',
      unit: 's',
      samples: issuing,
      limit: began,
      goal: atMost(START_GOAL_S, 's'),
    }),
    row({ name: 'of which until all serve', unit: 's', samples: serving }),
    ...memoryRows(rss, 'at once', memory),
  ];
  return { lab, section: { title: 'Start', rows }, memory };
}

/**
 * What is left of it when a lab has had nothing to do for a while.
 * @param memory of a bare process
 * @returns the rows, and the bytes of a global that rests and has hardly a zone
 */
export function rest({ lab, memory }) {
  const rss = new Map();
  for (const controlPlane of lab.all) rss.set(controlPlane.name, [controlPlane.rssBytes() / MB]);
  const after = `${Math.round((performance.now() - lab.startedAt) / 1_000)} s after the start`;
  const section = { title: `At rest, ${after}`, after, rows: memoryRows(rss, 'at rest', memory) };
  return { section, restingBytes: lab.global.rssBytes() };
}

function memoryRows(rss, when, limit) {
  const goal = atMost(MEMORY_GOAL_MB, 'MB');
  return [...rss].map(([name, samples]) =>
    row({ name: `memory of ${name}, ${when}`, unit: 'MB', samples, limit, goal }),
  );
}

function atMost(most, unit) {
  return { text: `${most} ${unit}`, holds: (value) => value <= most };
}
