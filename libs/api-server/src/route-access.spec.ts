import type { AccessRight } from '@koguma/auth';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type StartedDoor, startedDoor, type Who } from './started-door.contract.js';

const get = (path: string) => `GET ${path}`;

/**
 * Routes that need a right, as `METHOD path`; `*` stands for every path. What is not here is open to everybody, and
 * access.spec.ts lists it.
 */
const NEEDS: Readonly<Record<AccessRight, readonly string[]>> = {
  adminResources: [
    'PUT *',
    'DELETE *',
    ...['/secrets', '/meshes/:mesh/secrets', '/meshes/:mesh/secrets/:name'].map(get),
    ...['global-secrets', 'globalsecrets'].flatMap((type) => [`/${type}`, `/${type}/:name`].map(get)),
    ...['/config', '/koguma/capabilities', '/koguma/events', '/koguma/keys', '/koguma/sync', '/koguma/timeline'].map(
      get,
    ),
    'POST /koguma/tokens/verify',
  ],
  generateDpToken: ['POST /tokens', 'POST /tokens/dataplane', 'POST /tokens/zone-ingress'],
  generateUserToken: ['POST /tokens/user'],
  generateZoneToken: ['POST /tokens/zone'],
};
const RIGHTS = Object.keys(NEEDS) as AccessRight[];
const EVERYBODY = ['anonymous', 'nobody', ...RIGHTS, 'admin'] as const;

/** Who may use a route by that table. Asking HEAD is asking GET. */
function mayUse(method: string, path: string): readonly string[] {
  const asked = method === 'HEAD' ? 'GET' : method;
  const right = RIGHTS.find((one) => [`${asked} ${path}`, `${asked} *`].some((route) => NEEDS[one].includes(route)));
  return right === undefined ? EVERYBODY : [right, 'admin'];
}

describe('every route of the running server', () => {
  let door: StartedDoor;
  let people: Record<(typeof EVERYBODY)[number], Who>;
  beforeAll(async () => {
    const holders = RIGHTS.map((right) => [
      right,
      { users: [`${right}-by-name`], groups: ['mesh-system:admin', right] },
    ]);
    door = await startedDoor({ grants: Object.fromEntries(holders) });
    const holder = async (name: string, ...groups: string[]) => ({ token: await door.tokenOf(name, ...groups) });
    people = {
      anonymous: 'stranger',
      nobody: await holder('john', 'team-a'),
      adminResources: await holder('jane', 'adminResources'),
      generateDpToken: await holder('jane', 'generateDpToken'),
      generateUserToken: await holder('generateUserToken-by-name'),
      generateZoneToken: await holder('generateZoneToken-by-name', 'team-a'),
      admin: await holder('jane', 'mesh-system:admin'),
    };
  });
  afterAll(() => door.stop());

  test('that is in the table is there', () => {
    const routes = door.routes.all().map(({ method, path }) => `${method} ${path}`);
    const named = Object.values(NEEDS).flat();
    expect(named.filter((route) => !route.endsWith('*') && !routes.includes(route))).toEqual([]);
  });

  test.each(EVERYBODY)('answers %s as the table says, before it looks at what is asked for', async (who) => {
    const wrong: string[] = [];
    const ask = async (method: string, path: string) => {
      const at = path.replace(/:\w+/g, 'none');
      const { status } = await door.call(method, at, { as: people[who], body: '{' });
      const isRefused = status === 403 || status === 401;
      if (isRefused === mayUse(method, path).includes(who)) wrong.push(`${method} ${path}: ${status}`);
    };
    await Promise.all(door.routes.all().map(({ method, path }) => ask(method, path)));
    expect(wrong).toEqual([]);
  });
});

describe('a refusal', () => {
  test.each(['GET', 'PUT', 'DELETE'])(
    'of %s is the same, byte for byte, whether what is named exists or not',
    async (method) => {
      const door = await startedDoor();
      const john: Who = { token: await door.tokenOf('john', 'team-a') };
      const refusals = async (mesh: string, key: string) => {
        const paths = [
          `/global-secrets/${key === 'none' ? key : 'user-token-signing-key-1'}`,
          `/meshes/${mesh}/secrets/${key}`,
          ...(method === 'GET' ? [`/meshes/${mesh}/secrets`] : [`/meshes/${mesh}`]),
        ];
        const asked = paths.flatMap((path) =>
          (['stranger', john] as const).map((as) => door.call(method, path, { as, body: {} })),
        );
        return (await Promise.all(asked)).map(({ status, headers: { date, ...headers }, text }) => ({
          status,
          headers,
          text,
        }));
      };
      const existing = await refusals('default', 'dataplane-token-signing-key-default-1');
      expect(existing.map(({ status }) => status)).toEqual(Array(6).fill(403));
      expect(await refusals('none', 'none')).toEqual(existing);
      await door.stop();
    },
  );
});

describe('where localhost is not the administrator', () => {
  const PATHS = [
    '//global-secrets',
    '/global-secrets/',
    '/GLOBAL-SECRETS',
    '/global%2dsecrets',
    '/./secrets',
    '/;/secrets',
  ];
  const REQUESTS: Readonly<Record<string, object>> = {
    dataplane: { mesh: 'default' },
    'zone-ingress': { zone: 'east' },
    zone: { zone: 'east', scope: ['cp'] },
    user: { name: 'mesh-system:admin', groups: ['mesh-system:admin'], validFor: '1h' },
  };
  let door: StartedDoor;
  beforeAll(async () => {
    door = await startedDoor({ localhostIsAdmin: false });
  });
  afterAll(() => door.stop());

  test('nobody gets to a secret or a token without a credential, by any route, and nothing is changed', async () => {
    await door.manager.put(
      { type: 'GlobalSecret', mesh: '', name: 'admin-user-token' },
      { data: 'ZXlKLnNlY3JldC50b2tlbg==' },
    );
    const secrets = [...(await door.manager.list('GlobalSecret')), ...(await door.manager.list('Secret'))];
    const before = await stored();
    expect(secrets.length).toBeGreaterThan(4);
    const answers: string[] = [];
    const ask = async (method: string, path: string) => {
      const body = REQUESTS[path.split('/tokens/')[1] ?? ''] ?? {};
      const { status, text } = await door.call(method, path, { body });
      answers.push(text);
      return `${method} ${path}: ${status}`;
    };
    for (const { method, path } of door.routes.all()) {
      const names = path.includes(':name') ? ['default', ...secrets.map(({ name }) => name)] : ['default'];
      for (const name of names) {
        const answered = await ask(method, path.replace(':mesh', 'default').replace(':name', name));
        if (!mayUse(method, path).includes('anonymous')) expect(answered).toMatch(/: 403$/);
      }
    }
    for (const path of PATHS) expect(await ask('GET', path)).toMatch(/: (403|404)$/);
    const values = secrets.map(({ spec }) => String(spec.data));
    const told = answers.filter(
      (text) => values.some((value) => text.includes(value)) || /PRIVATE KEY|eyJ\w/.test(text),
    );
    expect(told).toEqual([]);
    expect(await stored()).toEqual(before);
  });

  const stored = async () =>
    Promise.all(
      (['GlobalSecret', 'Secret', 'Mesh', 'Zone', 'Dataplane'] as const).map((type) => door.manager.list(type)),
    );
});
