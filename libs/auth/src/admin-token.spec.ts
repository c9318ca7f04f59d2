import { describe, expect, it, onTestFinished } from 'vitest';
import {
  type ControlPlane,
  type ControlPlaneOptions,
  claimsOf,
  controlPlane,
  globalSecret,
  keyName,
  listName,
  NOW_SECONDS,
  until,
} from './control-plane.contract.js';
import { KEY, OTHER_KEY, THIRD_KEY } from './keys.contract.js';
import { ADMIN } from './users.js';

const KEY_OF_TOKEN = globalSecret('admin-user-token');
const TEN_YEARS = 315_360_000;
const tokenOf = (cp: ControlPlane) => cp.textOf(KEY_OF_TOKEN);

/** A start that comes to its end: the task is stopped as soon as it has looked after the token once. */
async function startOnce(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const cp = await controlPlane(options);
  await cp.start();
  await cp.auth.run(cp.manager, AbortSignal.abort());
  return cp;
}

/** A start after which the task goes on until the test ends. */
async function start(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const cp = await controlPlane(options);
  await cp.start();
  const stopping = new AbortController();
  const running = cp.auth.run(cp.manager, stopping.signal);
  onTestFinished(() => {
    stopping.abort();
    return running;
  });
  return cp;
}

async function accepted(cp: ControlPlane): Promise<boolean> {
  return (await cp.verify(tokenOf(cp) ?? '', 'user')).accepted;
}

describe('the admin token', () => {
  it('is made at the first start: the bare token of the administrator, good for ten years', async () => {
    const cp = await startOnce();
    const token = tokenOf(cp) ?? '';
    expect(await cp.verify(token, 'user')).toMatchObject({
      accepted: true,
      identity: { Name: 'mesh-system:admin', Groups: ['mesh-system:admin'] },
    });
    expect(claimsOf(token)).toMatchObject({ iat: NOW_SECONDS, exp: NOW_SECONDS + TEN_YEARS });
  });

  it('makes who shows it the administrator', async () => {
    const cp = await startOnce();
    const caller = {
      remoteAddress: '203.0.113.7',
      authorization: `Bearer ${tokenOf(cp)}`,
      host: 'cp.example',
      origin: undefined,
      secFetchSite: undefined,
      forwarded: true,
      scheme: 'https' as const,
    };
    expect(await cp.auth.users.identify(caller)).toEqual(ADMIN);
  });

  it('is made on a zone with a global too, with the key of that zone', async () => {
    const cp = await startOnce({ federated: true });
    expect(await accepted(cp)).toBe(true);
  });

  it('is kept over restarts', async () => {
    const first = await startOnce();
    const second = await startOnce({ store: first.store });
    expect(tokenOf(second)).toBe(tokenOf(first));
    expect(second.view.revision.n).toBe(first.view.revision.n);
  });

  it('is kept when somebody put a good token of their own there, line end and all', async () => {
    const cp = await controlPlane();
    await cp.start();
    const own = `${await cp.issue('user', { name: 'root', validFor: '1h' })}\n`;
    await cp.put(KEY_OF_TOKEN, own);
    await cp.auth.run(cp.manager, AbortSignal.abort());
    expect(tokenOf(cp)).toBe(own);
  });

  it.each<[string, (cp: ControlPlane) => Promise<unknown>]>([
    ['is past its time', async (cp) => cp.clock.skew((TEN_YEARS + 1) * 1_000)],
    ['was signed by a key that was replaced', (cp) => cp.put(keyName('user'), THIRD_KEY.pem)],
    [
      'was signed by a key that is gone',
      async (cp) => {
        await cp.put(keyName('user', 2), THIRD_KEY.pem);
        await cp.manager.delete(keyName('user', 1));
      },
    ],
    ['is no token', (cp) => cp.put(KEY_OF_TOKEN, 'rubbish')],
    ['is empty', (cp) => cp.manager.put(KEY_OF_TOKEN, {})],
    ['is one of a zone', async (cp) => cp.put(KEY_OF_TOKEN, await cp.issue('zone'))],
  ])('is made anew at a start when it %s', async (_, happens) => {
    const cp = await startOnce();
    const before = tokenOf(cp);
    await happens(cp);
    await cp.auth.run(cp.manager, AbortSignal.abort());
    expect(tokenOf(cp)).not.toBe(before);
    expect(await accepted(cp)).toBe(true);
  });

  it('stays when somebody revoked it: that was meant', async () => {
    const cp = await startOnce();
    const before = tokenOf(cp);
    await cp.put(listName('user'), String(claimsOf(before ?? '').jti));
    await cp.auth.run(cp.manager, AbortSignal.abort());
    expect(tokenOf(cp)).toBe(before);
    expect(await cp.verify(before ?? '', 'user')).toMatchObject({ reason: 'revoked' });
  });

  it('stays when a new key signs beside the one that signed it', async () => {
    const cp = await startOnce();
    const before = tokenOf(cp);
    await cp.put(keyName('user', 2), THIRD_KEY.pem);
    await cp.auth.run(cp.manager, AbortSignal.abort());
    expect(tokenOf(cp)).toBe(before);
  });

  it('is made anew while the control plane runs, at once after its key is replaced', async () => {
    const cp = await start();
    await until(() => tokenOf(cp));
    const before = tokenOf(cp);
    await cp.put(keyName('user'), THIRD_KEY.pem);
    await until(() => tokenOf(cp) !== before);
    expect(await accepted(cp)).toBe(true);
  });

  it('is made anew when its key goes, as soon as there is another', async () => {
    const cp = await start();
    await until(() => tokenOf(cp));
    const before = tokenOf(cp);
    await cp.manager.delete(keyName('user'));
    await until(() => cp.logged.some(({ message }) => message === 'cannot make the admin user token'));
    expect(tokenOf(cp)).toBe(before);
    await cp.put(keyName('user', 2), OTHER_KEY.pem);
    await until(() => tokenOf(cp) !== before);
    expect(await accepted(cp)).toBe(true);
  });

  it('is made anew when its key is replaced while it is made', async () => {
    const cp = await controlPlane();
    await cp.start();
    const stopping = new AbortController();
    const running = cp.auth.run(cp.manager, stopping.signal);
    await cp.put(keyName('user'), THIRD_KEY.pem);
    await until(() => tokenOf(cp) !== undefined);
    await until(() => accepted(cp));
    stopping.abort();
    await running;
  });

  it('stays away when somebody deletes it, until the next start', async () => {
    const cp = await start();
    await until(() => tokenOf(cp));
    await cp.manager.delete(KEY_OF_TOKEN);
    await cp.put(keyName('user'), THIRD_KEY.pem);
    for (let turn = 0; turn < 20; turn++) await new Promise((next) => setImmediate(next));
    expect(tokenOf(cp)).toBeUndefined();
    expect(await accepted(await startOnce({ store: cp.store }))).toBe(true);
  });

  it('stays away also when it is deleted while it is made anew', async () => {
    const cp = await startOnce();
    await cp.put(keyName('user'), THIRD_KEY.pem);
    const running = cp.auth.run(cp.manager, AbortSignal.abort());
    await cp.manager.delete(KEY_OF_TOKEN);
    await running;
    expect(tokenOf(cp)).toBeUndefined();
  });

  it.each<[string, ControlPlaneOptions]>([
    ['the configuration says so', { settings: { bootstrapAdminToken: false } }],
    ['no user tokens are issued', { switches: { userToken: { enableIssuer: false } } }],
    ['secrets are not used to check user tokens', { switches: { userToken: { useSecrets: false } } }],
    ['neither is', { closed: true }],
  ])('is not made when %s', async (_, options) => {
    const cp = await startOnce(options);
    expect(tokenOf(cp)).toBeUndefined();
    expect(cp.logged.filter(({ level }) => level === 'warn')).toEqual([]);
  });

  it('does not stop a control plane that cannot make it: the log says why', async () => {
    const cp = await controlPlane();
    await cp.arrive(keyName('user'), 'not a key');
    await cp.start();
    await cp.auth.run(cp.manager, AbortSignal.abort());
    expect(tokenOf(cp)).toBeUndefined();
    expect(cp.logged).toContainEqual(
      expect.objectContaining({
        level: 'warn',
        error: expect.stringContaining('"user-token-signing-key-1" is not found'),
      }),
    );
  });

  it('is one, when two control planes with one store start at once', async () => {
    const one = await controlPlane();
    const two = await controlPlane({ store: one.store });
    await one.start();
    await two.start();
    await Promise.all([one, two].map((cp) => cp.auth.run(cp.manager, AbortSignal.abort())));
    expect(await one.store.get(KEY_OF_TOKEN)).toMatchObject({ version: 1 });
  });

  it('is never logged, and no key is', async () => {
    const cp = await startOnce();
    const text = JSON.stringify(cp.logged);
    expect(text).toContain('made the admin user token');
    expect(text).not.toContain((tokenOf(cp) ?? '').slice(0, 30));
    expect(text).not.toContain(KEY.pem.split('\n')[1]);
  });
});
