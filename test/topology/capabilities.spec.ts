import type { Capability } from '@koguma/auth';
import { type ControlPlaneClient, startStandalone, startWiredLab, type WiredLab } from '@koguma/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let lab: WiredLab;
beforeAll(async () => {
  lab = await startWiredLab({ zones: ['east'] });
});
afterAll(() => lab.stop());

interface Told {
  readonly mode: string;
  readonly zone?: string;
  readonly tokens: readonly Capability[];
}

const capabilities = async (cp: ControlPlaneClient) => (await cp.get<Told>('/koguma/capabilities')).body;
const of = async (cp: ControlPlaneClient, kind: string) =>
  (await capabilities(cp)).tokens.find((one) => one.kind === kind) as Capability;

describe('what a control plane can do with tokens', () => {
  it('is told with who it is', async () => {
    const { mode, zone, tokens } = await capabilities(lab.zone('east'));
    expect([mode, zone]).toEqual(['zone', 'east']);
    expect(tokens.map(({ kind, mesh }) => mesh ?? kind)).toEqual(['default', 'zone-ingress', 'zone', 'user']);
    expect(await capabilities(lab.global)).not.toHaveProperty('zone');
  });

  it('sends from a zone to global for zone tokens, for revocation and for rotation, and does its users itself', async () => {
    const told = (await capabilities(lab.zone('east'))).tokens.map(({ kind, issue, revoke, rotate }) => ({
      kind,
      issues: issue.possible,
      alsoIn: issue.elsewhere,
      revokes: revoke.possible ? 'here' : revoke.elsewhere,
      rotates: rotate.possible ? 'here' : rotate.elsewhere,
    }));
    expect(told).toEqual([
      { kind: 'dataplane', issues: true, alsoIn: ['global', 'zones'], revokes: ['global'], rotates: ['global'] },
      { kind: 'zone-ingress', issues: true, alsoIn: ['global', 'zones'], revokes: ['global'], rotates: ['global'] },
      { kind: 'zone', issues: false, alsoIn: ['global'], revokes: ['global'], rotates: ['global'] },
      { kind: 'user', issues: true, alsoIn: [], revokes: 'here', rotates: 'here' },
    ]);
  });

  it('is what happens to who tries it', async () => {
    for (const cp of [lab.global, lab.zone('east')]) {
      for (const { kind, mesh, issue, revoke } of (await capabilities(cp)).tokens) {
        const order = { mesh, zone: 'east', scope: ['ingress'], name: 'john', validFor: '1h' };
        const asked = await cp.call('POST', `/tokens/${kind}`, order);
        expect([kind, asked.status, asked.body.detail]).toEqual([kind, issue.possible ? 200 : 404, issue.reason]);
        const path = mesh === undefined ? `/global-secrets` : `/meshes/${mesh}/secrets`;
        const put = await cp.call('PUT', `${path}/${revoke.list.name}`, {});
        expect([kind, put.status, put.body.detail]).toEqual([kind, revoke.possible ? 201 : 405, revoke.reason]);
      }
    }
    await lab.synced();
  });

  it('follows a rotation on global: who signs now is the same everywhere', async () => {
    const [before] = (await of(lab.global, 'zone-ingress')).verify.keys;
    await lab.global.putSecret('zone-ingress-token-signing-key-2', await lab.makeKey());
    await lab.synced();
    const [there, here] = [await of(lab.global, 'zone-ingress'), await of(lab.zone('east'), 'zone-ingress')];
    expect(here.issue.signer).toMatchObject({ kid: '2', thumbprint: there.issue.signer?.thumbprint });
    expect(here.verify.keys.map(({ kid }) => kid)).toEqual(['1', '2']);
    expect(here.verify.keys[0]?.thumbprint).toBe(before?.thumbprint);
  });

  it('is told to administrators alone', async () => {
    const token = await lab.global.issue('user', { name: 'john', validFor: '1h' });
    const { status, body } = await lab.global.get('/koguma/capabilities', { token });
    expect([status, body.title]).toEqual([403, 'Access Denied']);
  });

  it('is everything, and nowhere else, in a zone that stands alone', async () => {
    const zone = await startStandalone();
    for (const { issue, revoke, rotate } of (await capabilities(zone)).tokens) {
      expect([issue.possible, revoke.possible, rotate.possible]).toEqual([true, true, true]);
      expect([...issue.elsewhere, ...revoke.elsewhere, ...rotate.elsewhere]).toEqual([]);
    }
    await zone.stop();
  });
});
