import { describe, expect, expectTypeOf, it } from 'vitest';
import { masked } from './mask.js';
import { type ConfigSources, Reading } from './read.js';
import { setting } from './table.js';
import { bool, list, oneOf, port, text } from './values.js';

/** A small table with one row of each sort. */
const TABLE = {
  lab: setting(bool, false),
  'api.http.port': setting(port, 1),
  'api.users': setting(list, ['admin']),
  'api.password': setting(text, 'hunter2', { secret: true }),
  'api.pin': setting(port, 0, { secret: true, formerly: ['pin'] }),
  'dp.authn.type': setting(oneOf(['dpToken', 'none']), 'dpToken', { formerly: ['dp.auth.type'] }),
  'dp.clusters': setting(bool, true, { env: 'KUMA_GET_CLUSTERS' }),
  'koguma.title': setting(text, ({ role, at }) => `${role} ${at('api.http.port')}`),
};

const read = (sources: Partial<ConfigSources>) =>
  new Reading(TABLE, { role: 'zone', yamlName: 'kuma.yaml', env: {}, ...sources });
const told = ({ violations }: Reading<typeof TABLE>) => violations.map(({ field, reason }) => `${field}: ${reason}`);

describe('a table', () => {
  it('gives the nested configuration its type', () => {
    const { config } = read({});
    expectTypeOf(config.api.http.port).toEqualTypeOf<number>();
    expectTypeOf(config.api.users).toEqualTypeOf<readonly string[]>();
    expectTypeOf(config.dp.authn.type).toEqualTypeOf<'dpToken' | 'none'>();
    expectTypeOf(config.koguma.title).toEqualTypeOf<string>();
    expectTypeOf(config.lab).toEqualTypeOf<boolean>();
  });

  it('has defaults that depend on the role and on rows above', () => {
    expect(read({ role: 'global', env: { KUMA_API_HTTP_PORT: '7' } }).config.koguma.title).toBe('global 7');
  });
});

describe('precedence', () => {
  const yaml = 'api: { http: { port: 2 } }';

  it.each<[string, Partial<ConfigSources>, number]>([
    ['the default, when nothing is said', {}, 1],
    ['YAML before the default', { yaml }, 2],
    ['the environment before YAML', { yaml, env: { KUMA_API_HTTP_PORT: '3' } }, 3],
    ['the default, for an empty YAML value', { yaml: 'api:\n  http:\n    port:\n' }, 1],
    ['the default, for an empty YAML section', { yaml: 'api:\n' }, 1],
    ['the default, for a YAML file of comments', { yaml: '# nothing\n' }, 1],
    ['YAML, when the environment has no value', { yaml, env: { KUMA_API_HTTP_PORT: undefined } }, 2],
  ])('%s', (_, sources, expected) => {
    const reading = read(sources);
    expect(reading.config.api.http.port).toBe(expected);
    expect([reading.violations, reading.warnings]).toEqual([[], []]);
  });

  it('is no excuse for a bad value below', () => {
    expect(told(read({ yaml: 'lab: maybe', env: { KUMA_LAB: 'true' } }))).toEqual([
      'lab: got "maybe" (line 1 of kuma.yaml), allowed: true or false',
    ]);
  });

  it('replaces a list as a whole', () => {
    expect(read({ yaml: 'api: { users: [a, b] }', env: { KUMA_API_USERS: 'c' } }).config.api.users).toEqual(['c']);
  });
});

describe('names', () => {
  it('are made from the path, or given', () => {
    const { config } = read({ env: { KOGUMA_TITLE: 'lab', KUMA_GET_CLUSTERS: 'false' } });
    expect([config.koguma.title, config.dp.clusters]).toEqual(['lab', false]);
  });

  it('that nobody has are warned of, with the nearest one', () => {
    const yaml = 'lab: true\nlob: true\napi:\n  htp: { port: 3 }\n  whatever: 1\n3: x\n? [a, b]\n: y\n';
    const env = { KUMA_API_HTP_PORT: '1', KOGUMA_TITEL: 'x', KUMA_CLUSTERS: 'true', KUMAX: '1', HOME: '/root' };
    expect(read({ yaml, env }).warnings).toEqual([
      'lob (line 2 of kuma.yaml) is not a setting here and is ignored; did you mean lab?',
      'api.htp (line 4 of kuma.yaml) is not a setting here and is ignored; did you mean api.http?',
      'api.whatever (line 5 of kuma.yaml) is not a setting here and is ignored',
      '3 (line 6 of kuma.yaml) is not a setting here and is ignored',
      '["a","b"] (line 7 of kuma.yaml) is not a setting here and is ignored',
      'KUMA_API_HTP_PORT is not a setting here and is ignored; did you mean KUMA_API_HTTP_PORT?',
      'KOGUMA_TITEL is not a setting here and is ignored; did you mean KOGUMA_TITLE?',
      'KUMA_CLUSTERS is not a setting here and is ignored',
    ]);
  });

  it('that are old are read too', () => {
    expect(read({ env: { KUMA_DP_AUTH_TYPE: 'none' } }).config.dp.authn.type).toBe('none');
    expect(read({ yaml: 'dp: { auth: { type: none } }' }).config.dp.authn.type).toBe('none');
  });

  it('old and new may say the same', () => {
    const env = { KUMA_DP_AUTH_TYPE: 'none', KUMA_DP_AUTHN_TYPE: 'none' };
    expect(told(read({ env }))).toEqual([]);
  });

  it('old and new that contradict each other are refused, both named', () => {
    const env = { KUMA_DP_AUTH_TYPE: 'none', KUMA_DP_AUTHN_TYPE: 'dpToken' };
    expect(told(read({ env }))).toEqual([
      'KUMA_DP_AUTH_TYPE: got "none", but KUMA_DP_AUTHN_TYPE, the new name of the same setting, says "dpToken": keep one of them',
    ]);
    const yaml = 'dp:\n  auth: { type: none }\n  authn: { type: dpToken }\n';
    expect(told(read({ yaml }))).toEqual([
      'dp.auth.type: got "none" (line 2 of kuma.yaml), but dp.authn.type, the new name of the same setting, says "dpToken" (line 3 of kuma.yaml): keep one of them',
    ]);
  });

  it('old in YAML and new in the environment are precedence, not contradiction', () => {
    const reading = read({ yaml: 'dp: { auth: { type: none } }', env: { KUMA_DP_AUTHN_TYPE: 'dpToken' } });
    expect(reading.config.dp.authn.type).toBe('dpToken');
    expect(told(reading)).toEqual([]);
  });
});

describe('YAML', () => {
  it.each<[yaml: string, sentence: string]>([
    ['lab: true\napi: [1, 2\nb: 3', 'kuma.yaml: line 3, column 1: Flow sequence in block collection'],
    ['\tlab: true', 'kuma.yaml: line 1, column 1: Tabs are not allowed as indentation'],
    ['lab: true\nlab: false', 'kuma.yaml: line 2, column 1: Map keys must be unique'],
    ['lab: true\n---\nlab: false', 'kuma.yaml: line 2, column 1: Source contains multiple documents'],
    ['hello', 'kuma.yaml: got a value, allowed: a section'],
    ['- lab', 'kuma.yaml: got a value, allowed: a section'],
    ['lab: true\napi: 5', 'api: got a value (line 2 of kuma.yaml), allowed: a section'],
    ['api:\n  http: [1]', 'api.http: got a value (line 2 of kuma.yaml), allowed: a section'],
    ['lab: { on: true }', 'lab: got no plain value (line 1 of kuma.yaml), allowed: true or false'],
    ['lab: [true]', 'lab: got a list (line 1 of kuma.yaml), allowed: true or false'],
    ['lab: *nobody', 'lab: got no plain value (line 1 of kuma.yaml), allowed: true or false'],
    ['lab: yes', 'lab: got "yes" (line 1 of kuma.yaml), allowed: true or false'],
    ['api: { users: [a, { b: c }] }', 'api.users: got a list (line 1 of kuma.yaml), allowed: a list of names'],
    ['api: { users: { b: c } }', 'api.users: got no plain value (line 1 of kuma.yaml), allowed: a list of names'],
  ])('%j is refused', (yaml, sentence) => {
    expect(told(read({ yaml }))).toEqual([expect.stringContaining(sentence)]);
  });

  it('that is malformed does not hide what is wrong in the environment', () => {
    expect(told(read({ yaml: '{', env: { KUMA_LAB: 'x' } })).map((sentence) => sentence.split(':')[0])).toEqual([
      'kuma.yaml',
      'KUMA_LAB',
    ]);
  });

  it('needs no name', () => {
    expect(told(read({ yaml: 'lab: 7', yamlName: undefined }))).toEqual([
      'lab: got "7" (line 1 of the YAML configuration), allowed: true or false',
    ]);
  });

  it('gives a value as it is written, quoted or not', () => {
    const { config } = read({ yaml: 'lab: "true"\napi: { http: { port: "8" } }\nkoguma: { title: 0x1F }' });
    expect([config.lab, config.api.http.port, config.koguma.title]).toEqual([true, 8, '0x1F']);
  });

  it('may use anchors, even in circles', () => {
    const reading = read({ yaml: 'koguma: { title: &name east }\napi: &api { users: [*name, b], http: *api }' });
    expect(reading.config.koguma.title).toBe('east');
    expect(reading.config.api.users).toEqual(['east', 'b']);
    expect(reading.warnings).toHaveLength(2);
  });

  it('reaches nothing but settings', () => {
    const reading = read({ yaml: '__proto__: { polluted: true }\nconstructor: { prototype: { polluted: true } }' });
    expect(reading.warnings).toHaveLength(2);
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });
});

describe('secrets', () => {
  it('are masked in errors', () => {
    const reading = read({ yaml: 'api: { pin: 987654 }', env: { KUMA_API_PIN: '123456', KUMA_PIN: '4711' } });
    expect(told(reading)).toEqual([
      'api.pin: got ***** (line 1 of kuma.yaml), allowed: a whole number from 0 to 65535',
      'KUMA_API_PIN: got *****, allowed: a whole number from 0 to 65535',
    ]);
  });

  it('are masked in contradictions', () => {
    expect(told(read({ env: { KUMA_API_PIN: '1111', KUMA_PIN: '2222' } }))).toEqual([
      'KUMA_PIN: got *****, but KUMA_API_PIN, the new name of the same setting, says *****: keep one of them',
    ]);
  });

  it('are masked where the configuration is shown, also when empty', () => {
    const { config } = read({ env: { KUMA_API_PASSWORD: '' } });
    expect(config.api.password).toBe('');
    expect(masked(TABLE, config)).toMatchObject({ api: { password: '*****', pin: '*****', http: { port: 1 } } });
  });
});
