import { describe, expect, it } from 'vitest';
import { type LiveLab, obstaclesTo } from './live.js';
import { readScenario } from './read.js';

const SUPERVISED: LiveLab = { zones: ['east', 'west'], faults: true };
const COMPOSED: LiveLab = { zones: ['east', 'west'], faults: false };

function obstacles(source: string, lab: LiveLab): string[] {
  const read = readScenario(`name: s\nabout: s\n${source}`, 's.yaml');
  return obstaclesTo(read, lab).map(({ line, column, message }) => `${line}:${column}: ${message}`);
}

describe('what a lab that runs cannot do', () => {
  it('is nothing of what a supervisor does, in the zones that there are', () => {
    const steps = ['fault: { cut: west }', 'fault: { wipe: west }', 'start: west', 'heal: all', 'advance: 720h'];
    const source = `topology: { zones: [west] }\nsteps:\n${steps.map((step) => `  - ${step}\n`).join('')}`;
    expect(obstacles(source, SUPERVISED)).toEqual([]);
  });

  it('is a zone that there is not, settings, and a global that is wiped: each with its place', () => {
    const source = `topology:
  zones: [east, north]
  env: { KOGUMA_LAB: "false" }
  nodes: { east: { KUMA_MODE: zone } }
steps:
  - repeat:
      times: 2
      steps:
        - fault: { wipe: global }
`;
    expect(obstacles(source, SUPERVISED)).toEqual([
      '4:17: topology.zones[1]: this lab has no zone north: it has east, west',
      '5:10: topology.env.KOGUMA_LAB: a lab that runs keeps the settings that it was started with',
      '6:12: topology.nodes.east: a lab that runs keeps the settings that it was started with',
      '11:11: steps[0].repeat.steps[0].fault: global cannot be wiped here: it would be another one then, which every zone refuses',
    ]);
  });

  it('is, without a supervisor, whatever breaks something or moves the time', () => {
    const steps = [
      'fault: { stop: global }',
      'heal: west',
      'start: global',
      'advance: 1s',
      'set: 2030-01-01T00:00:00Z',
    ];
    const source = `topology: { zones: [west] }\nsteps:\n${steps.map((step) => `  - ${step}\n`).join('')}`;
    const why = 'this lab takes no faults and no other time: nobody supervises its processes';
    expect(obstacles(source, COMPOSED)).toEqual([
      `5:5: steps[0].fault: ${why}`,
      `6:5: steps[1].heal: ${why}`,
      `7:5: steps[2].start: ${why}`,
      `8:5: steps[3].advance: ${why}`,
      `9:5: steps[4].set: ${why}`,
    ]);
    expect(obstacles('topology: { zones: [] }\nsteps: [{ issue: { at: east, kind: user } }]\n', COMPOSED)).toEqual([]);
  });
});
