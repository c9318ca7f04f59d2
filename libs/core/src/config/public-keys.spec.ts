import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { ControlPlaneError } from '../errors.js';
import { loadConfig, maskConfig } from './config.js';

const USER = 'apiServer.authn.tokens.validator.publicKeys';
const DATAPLANE = 'dpServer.authn.dpProxy.dpToken.validator.publicKeys';
const ZONE = 'dpServer.authn.zoneProxy.zoneToken.validator.publicKeys';

/** A configuration that lists keys at a path, one line a section, or in flow style; the list begins in line 2. */
const listed = (path: string, list: string) => {
  const names = path.split('.');
  return `${names.map((name) => `{ ${name}: `).join('')}\n${list}\n${'}'.repeat(names.length)}`;
};
const load = (yaml: string) => loadConfig({ role: 'zone', env: {}, yaml, yamlName: 'kuma.yaml' });

/** What is said against a list of keys, without the path. */
function told(list: string, path = USER): string[] {
  try {
    load(listed(path, list));
    return [];
  } catch (error) {
    const { violations } = ControlPlaneError.from(error);
    return violations.map(
      ({ field, reason }) => `${field.replace(path, '')}: ${reason.replaceAll(' of kuma.yaml', '')}`,
    );
  }
}

describe('public keys', () => {
  it('are read for users, dataplanes and zones, as Kuma writes them', () => {
    const yaml = `
apiServer:
  authn:
    tokens:
      validator:
        publicKeys:
        - kid: "key-1"
          key: |
            -----BEGIN RSA PUBLIC KEY-----
            MIIB
            -----END RSA PUBLIC KEY-----
        - kid: 2
          keyFile: /tmp/key-public.pem
dpServer:
  authn:
    dpProxy:
      dpToken:
        validator:
          publicKeys: [{ kid: a, mesh: payments, keyFile: a.pem }, { kid: b, keyFile: b.pem }]
    zoneProxy:
      zoneToken:
        validator:
          publicKeys:
          - &shared { kid: z, keyFile: z.pem }
`;
    const { config, warnings } = load(yaml);
    const key = '-----BEGIN RSA PUBLIC KEY-----\nMIIB\n-----END RSA PUBLIC KEY-----\n';
    expect(config.apiServer.authn.tokens.validator.publicKeys).toEqual([
      { kid: 'key-1', key },
      { kid: '2', keyFile: '/tmp/key-public.pem' },
    ]);
    expect(config.dpServer.authn.dpProxy.dpToken.validator.publicKeys).toEqual([
      { kid: 'a', mesh: 'payments', keyFile: 'a.pem' },
      { kid: 'b', keyFile: 'b.pem' },
    ]);
    expect(config.dpServer.authn.zoneProxy.zoneToken.validator.publicKeys).toEqual([{ kid: 'z', keyFile: 'z.pem' }]);
    expect(warnings).toEqual([]);
  });

  it('are shown with the rest of the configuration', () => {
    const { config } = load(listed(DATAPLANE, '[{ kid: a, mesh: m, key: PEM }]'));
    const shown = JSON.parse(JSON.stringify(maskConfig(config)));
    expect(shown.dpServer.authn.dpProxy.dpToken.validator.publicKeys).toEqual([{ kid: 'a', mesh: 'm', key: 'PEM' }]);
  });

  it('that are empty text are not there', () => {
    const { config } = load(
      listed(DATAPLANE, '[{ kid: a, mesh: "", key: "", keyFile: a.pem }, { kid: b, mesh:, key: PEM }]'),
    );
    const [first, second] = config.dpServer.authn.dpProxy.dpToken.validator.publicKeys;
    expect([first, second]).toEqual([
      { kid: 'a', keyFile: 'a.pem' },
      { kid: 'b', key: 'PEM' },
    ]);
  });

  it('may be none', () => {
    for (const list of ['', '[]', '~']) {
      expect(load(listed(USER, list)).config.apiServer.authn.tokens.validator.publicKeys).toEqual([]);
    }
  });

  it('have no place in the environment', () => {
    const name = 'KUMA_API_SERVER_AUTHN_TOKENS_VALIDATOR_PUBLIC_KEYS';
    const { config, warnings } = loadConfig({ role: 'global', env: { [name]: 'PEM' } });
    expect(config.apiServer.authn.tokens.validator.publicKeys).toEqual([]);
    expect(warnings).toEqual([expect.stringContaining(`${name} is not a setting here and is ignored`)]);
  });

  const KID = 'allowed: the kid of the tokens that this key signs, 1 to 253 characters';
  const ONE = 'allowed: key or keyFile, one of the two';
  it.each<[list: string, ...told: string[]]>([
    ['[{ key: PEM }]', `[0].kid: got no plain value (line 2), ${KID}`],
    ['[{ kid: , key: PEM }]', `[0].kid: got no plain value (line 2), ${KID}`],
    ['[{ kid: "", key: PEM }]', `[0].kid: got "" (line 2), ${KID}`],
    ['[{ kid: [a], key: PEM }]', `[0].kid: got no plain value (line 2), ${KID}`],
    [`[{ kid: ${'k'.repeat(254)}, key: PEM }]`, `[0].kid: got 254 characters (line 2), ${KID}`],
    ['[{ kid: a, key: PEM },\n{ kid: b }]', `[1]: got a section with kid (line 3), ${ONE}`],
    ['[{ kid: a, key: "", keyFile: "" }]', `[0]: got a section with kid, key, keyFile (line 2), ${ONE}`],
    ['[{ kid: a, key: PEM, keyFile: a }]', `[0]: got a section with kid, key, keyFile (line 2), ${ONE}`],
    [
      '[{ kid: a, key: PEM },\n{ kid: b,\nkey: [PEM] }]',
      '[1].key: got no plain value (line 4), allowed: a public key in PEM',
    ],
    [
      '[{ kid: a, keyfile: a.pem }]',
      '[0]: got a section with kid, keyfile (line 2), keyfile is not known here; allowed: kid, key, keyFile',
    ],
    [
      '[{ kid: a, key: PEM, mesh: default }]',
      '[0]: got a section with kid, key, mesh (line 2), mesh is not known here; allowed: kid, key, keyFile',
    ],
    ['[a]', '[0]: got "a" (line 2), allowed: a section with kid, key, keyFile'],
    ['[~]', '[0]: got "~" (line 2), allowed: a section with kid, key, keyFile'],
    ['[[{ kid: a }]]', '[0]: got no plain value (line 2), allowed: a section with kid, key, keyFile'],
    ['PEM', ': got "PEM" (line 1), allowed: a list of sections, each with kid, key, keyFile'],
    ['{ kid: a, key: PEM }', ': got no plain value (line 1), allowed: a list of sections, each with kid, key, keyFile'],
    [
      '[{ kid: a, key: PEM }, { kid: b, key: PEM },\n{ kid: a, keyFile: a.pem }]',
      '[2].kid: got "a" (line 3), which is the kid of [0] too: give each key its own',
    ],
    [
      '[{ key: PEM }, {}]',
      `[0].kid: got no plain value (line 2), ${KID}`,
      `[1].kid: got no plain value (line 2), ${KID}`,
    ],
  ])('%j are refused, each by its place', (list, ...sentences) => {
    expect(told(list)).toEqual(sentences);
    expect(told(list, ZONE)).toEqual(sentences);
  });

  it('are never repeated in a refusal: it might be the private half', () => {
    const pem = `-----BEGIN RSA PRIVATE KEY-----\n${'MIIEow'.repeat(50)}\n-----END RSA PRIVATE KEY-----`;
    const text = JSON.stringify(pem);
    for (const list of [
      text,
      `[${text}]`,
      `[{ kid: ${text}, key: PEM }]`,
      `[{ key: ${text} }]`,
      `[{ kid: a, mesh: ${text} }]`,
    ]) {
      const sentences = told(list, DATAPLANE);
      expect(sentences).not.toEqual([]);
      expect(sentences.join()).not.toContain('MIIEow');
    }
  });

  it.each(['Default', 'a.b', '-a', 'm'.repeat(64)])(
    'of dataplanes are for a mesh that there can be: not %j',
    (mesh) => {
      const allowed = 'allowed: the name of a mesh, or nothing for a key that is good for every mesh';
      expect(told(`[{ kid: a, mesh: ${mesh}, key: PEM }]`, DATAPLANE)).toEqual([
        `[0].mesh: got "${mesh}" (line 2), ${allowed}`,
      ]);
    },
  );

  it('of dataplanes are for no mesh at all where it cannot be read', () => {
    expect(told('[{ kid: a, mesh: [payments], key: PEM }]', DATAPLANE)).toEqual([
      expect.stringContaining('[0].mesh: got no plain value (line 2), allowed: the name of a mesh'),
    ]);
  });

  it.each<[list: string, allowed: boolean]>([
    ['[{ kid: a, mesh: east, key: PEM }, { kid: a, mesh: west, key: PEM }]', true],
    ['[{ kid: a, mesh: east, key: PEM }, { kid: a, mesh: east, key: PEM }]', false],
    ['[{ kid: a, mesh: east, key: PEM }, { kid: a, key: PEM }]', false],
    ['[{ kid: a, key: PEM }, { kid: a, mesh: west, key: PEM }]', false],
  ])('of dataplanes have a kid of their own in each mesh: %j, %s', (list, allowed) => {
    expect(told(list, DATAPLANE)).toHaveLength(allowed ? 0 : 1);
  });

  it('in a file are not hidden by what is wrong elsewhere in it', () => {
    const yaml = parse(listed(USER, '[{ key: PEM }]')) as object;
    const whole = JSON.stringify({ mode: 'remote', ...yaml });
    expect(() => load(whole)).toThrow(/mode: .*publicKeys\[0\]\.kid: /);
  });
});
