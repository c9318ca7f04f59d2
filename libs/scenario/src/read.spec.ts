import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { scenarioSchema } from './format.js';
import { readScenario, UnreadableScenario } from './read.js';

const FOLDER = fileURLToPath(new URL('../../../scenarios/', import.meta.url));
const shipped = readdirSync(FOLDER).filter((file) => file.endsWith('.yaml'));

const GOOD = `name: a-story
about: shows nothing
topology: { zones: [east] }
steps:
  - issue: { at: east, kind: dataplane, as: t1 }
  - expect: { verify: { token: t1, at: global, is: accepted }, within: 5s }
`;

function problemsOf(source: string): string[] {
  try {
    readScenario(source, 'story.yaml');
    return [];
  } catch (error) {
    if (!(error instanceof UnreadableScenario)) throw error;
    return error.message.split('\n');
  }
}

/** What is wrong, and the words of the error after the place. */
const BAD: readonly [string, string, string][] = [
  ['a verb that there is not', GOOD.replace('issue:', 'isue:'), 'story.yaml:5:5: steps[0]: does not know isue'],
  [
    'two verbs in one step',
    GOOD.replace('as: t1 }\n', 'as: t1 }\n    advance: 10m\n'),
    'story.yaml:5:5: steps[0]: must have one of issue,',
  ],
  [
    'a kind that there is not',
    GOOD.replace('dataplane', 'dataplan'),
    'story.yaml:5:24: steps[0].issue.kind: must be one of dataplane, zone-ingress, zone, user',
  ],
  ['no name of a control plane', GOOD.replace('at: east, ', ''), 'story.yaml:5:5: steps[0].issue.at: must be a text'],
  [
    'an expectation of nothing',
    GOOD.replace(/verify: \{.*?\}, /, ''),
    'story.yaml:6:5: steps[1].expect: must have one of',
  ],
  ['no steps', GOOD.replace(/steps:[\s\S]*/, 'steps: []\n'), 'story.yaml:4:1: steps: must have a step'],
  ['a member that there is not', GOOD.replace('about', 'abuot'), 'story.yaml:1:1: about: must be a text'],
];
/** Well-formed, and still no sense: editors do not see it. */
const SENSELESS: readonly [string, string, string][] = [
  [
    'a duration without a unit',
    GOOD.replace('5s', '"5"'),
    'story.yaml:6:64: steps[1].expect.within: must be a duration: 721h, 10m, 1.5s',
  ],
  ['a time that is none', `starts: soon\n${GOOD}`, 'story.yaml:1:1: starts: must be a time: 2026-01-01T00:00:00Z'],
];

describe('a scenario that is read', () => {
  it.each([...BAD, ...SENSELESS])('is refused for %s, with line and column', (_, source, problem) => {
    expect(problemsOf(source)[0]).toContain(problem);
  });

  it('is refused for what is no YAML, with line and column', () => {
    expect(problemsOf('name: [a\nabout: b')[0]).toMatch(/^story\.yaml:\d+:\d+: /);
  });

  it('tells every problem at once, from top to bottom', () => {
    const source = GOOD.replace('dataplane', 'dataplan').replace('accepted', 'good');
    expect(problemsOf(source).map((problem) => problem.split(':')[1])).toEqual(['5', '6']);
  });

  it('knows where its steps are', () => {
    const read = readScenario(GOOD, 'story.yaml');
    expect(read.placeOf(['steps', 1, 'expect'])).toEqual({ line: 6, column: 5 });
  });
});

describe('the schema for editors', () => {
  const check = new Ajv2020({ strict: false }).compile(scenarioSchema());

  it('is the one that is shipped', () => {
    expect(JSON.parse(readFileSync(`${FOLDER}schema.json`, 'utf8'))).toEqual(
      JSON.parse(JSON.stringify(scenarioSchema())),
    );
  });

  it.each(shipped)('takes %s, as the parser does', (file) => {
    const source = readFileSync(`${FOLDER}${file}`, 'utf8');
    expect(check(parse(source)), JSON.stringify(check.errors)).toBe(true);
    expect(readScenario(source, file).scenario.name).toBe(file.replace('.yaml', ''));
    expect(source).toMatch(/^# yaml-language-server: \$schema=\.\/schema\.json\n/);
  });

  it.each(BAD)('refuses %s, as the parser does', (_, source) => {
    expect(check(parse(source))).toBe(false);
  });
});
