import { readdirSync, readFileSync } from 'node:fs';
import { obstaclesTo, readScenario } from '@koguma/scenario';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../support/processes.js';

const FOLDER = `${ROOT}/scenarios/`;
const shipped = readdirSync(FOLDER).filter((file) => file.endsWith('.yaml'));
const page = readFileSync(`${ROOT}/docs/scenarios.md`, 'utf8');
const zones = ['east', 'west'];

/** Rows of the table about labs that run: scenario, by `npm start`, in containers. */
const rows = [...page.matchAll(/^\| `([\w-]+)` +\| (yes|no) +\| (yes|no) +\|/gm)].map(([, ...row]) => row);

describe('the page about scenarios', () => {
  it('says of each that is shipped where it can be played live', () => {
    const answers = shipped.map((file) => {
      const read = readScenario(readFileSync(`${FOLDER}${file}`, 'utf8'), file);
      const can = (faults: boolean) => (obstaclesTo(read, { zones, faults }).length === 0 ? 'yes' : 'no');
      return [read.scenario.name, can(true), can(false)];
    });
    expect(rows).toEqual(answers);
  });
});
