import { type LabNode, startWiredLab, WiredLab } from '@koguma/testkit';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dataplane, Proxies } from './proxy-lab.js';

let lab: WiredLab;
const proxies = new Proxies(() => lab);
afterEach(async () => {
  proxies.closeAll();
  await lab?.stop();
});

type Node = Pick<LabNode<never>, 'diagnosticsUrl'>;

async function readyOf(node: Node): Promise<{ status: number; reason?: string }> {
  const response = await fetch(`${node.diagnosticsUrl}/ready`);
  const text = await response.text();
  return {
    status: response.status,
    ...(text === '' ? {} : { reason: (JSON.parse(text) as { reason: string }).reason }),
  };
}

describe('readiness', () => {
  it('of a zone that has never synced is refused with the reason, and given once it has; losing global takes it away no more', async () => {
    lab = new WiredLab({ zones: ['east'] });
    await lab.global.start();
    await lab.global.stop();
    await lab.zone('east').start();
    await lab.until(
      async () => (await readyOf(lab.zone('east'))).reason?.includes('ECONNREFUSED') ?? false,
      'it says why',
    );
    expect(await readyOf(lab.zone('east'))).toMatchObject({
      status: 503,
      reason: expect.stringMatching(
        /^this zone has never synced with its global control plane \(grpc:.*\), so it has no keys yet: /,
      ),
    });
    await lab.global.start();
    await lab.synced();
    expect(await readyOf(lab.zone('east'))).toEqual({ status: 200 });
    await lab.global.stop();
    await lab.until(() => lab.zone('east').served.link?.state === 'cut-off', 'it is cut off');
    expect(await readyOf(lab.zone('east'))).toEqual({ status: 200 });
    await lab.zone('east').restart();
    expect(await readyOf(lab.zone('east'))).toEqual({ status: 200 });
  });
});

describe('metrics', () => {
  beforeEach(async () => {
    lab = await startWiredLab({ zones: ['east'] });
  });

  /** Each series with its value, without those of Node itself. */
  async function metricsOf(node: Node): Promise<Map<string, number>> {
    const text = await (await fetch(`${node.diagnosticsUrl}/metrics`)).text();
    const lines = text.split('\n').filter((line) => line.startsWith('koguma_'));
    return new Map(
      lines.map((line) => {
        const cut = line.lastIndexOf(' ');
        return [line.slice(0, cut), Number(line.slice(cut + 1))];
      }),
    );
  }

  it('count what is issued and checked, by kind, key and result, and not by what callers make up', async () => {
    const east = lab.zone('east');
    const token = await east.issue('zone-ingress', { zone: 'east' });
    await east.issue('dataplane', { mesh: 'default' });
    const [header = '', claims = '', signature = ''] = token.split('.');
    const withKid = (kid: string) =>
      `${Buffer.from(JSON.stringify({ alg: 'RS256', kid, typ: 'JWT' })).toString('base64url')}.${claims}.${signature}`;
    await east.verify(token, 'zone-ingress');
    await east.verify(token, 'zone-ingress');
    for (const kid of ['77', '78', '79']) await east.verify(withKid(kid), 'zone-ingress');
    await east.verify(`${header}.${claims}.${'A'.repeat(342)}`, 'zone-ingress');
    await east.verify('rubbish', 'zone-ingress');
    expect((await east.call('POST', '/tokens/zone', { zone: 'east', scope: ['cp'] })).status).toBe(404);
    const metrics = await metricsOf(east);
    const checked = [...metrics].filter(([name]) =>
      name.startsWith('koguma_tokens_validated_total{kind="zone-ingress"'),
    );
    expect(Object.fromEntries(checked)).toEqual({
      'koguma_tokens_validated_total{kind="zone-ingress",kid="1",result="accepted"}': 2,
      'koguma_tokens_validated_total{kind="zone-ingress",kid="unknown",result="unknown_kid"}': 3,
      'koguma_tokens_validated_total{kind="zone-ingress",kid="unknown",result="bad_signature"}': 1,
      'koguma_tokens_validated_total{kind="zone-ingress",kid="unknown",result="malformed"}': 1,
    });
    expect(metrics.get('koguma_tokens_issued_total{kind="zone-ingress",kid="1"}')).toBe(1);
    expect(metrics.get('koguma_tokens_issued_total{kind="dataplane",kid="1"}')).toBe(1);
    expect(metrics.get('koguma_tokens_not_issued_total{kind="zone"}')).toBe(1);
  });

  it('tell on both ends how far sync is, how the link is, and what is open', async () => {
    await proxies.connected('east', await lab.zone('east').issue('dataplane', { mesh: 'default' }), dataplane('a'));
    await lab.global.createMesh('payments');
    await lab.synced();
    const written = lab.global.served.view.revision.n;
    const [global, east] = [await metricsOf(lab.global), await metricsOf(lab.zone('east'))];
    for (const stage of ['written', 'sent', 'applied'])
      expect(global.get(`koguma_sync_revision{zone="east",type="Mesh",stage="${stage}"}`)).toBeGreaterThan(0);
    expect(global.get('koguma_sync_revision{zone="east",type="Mesh",stage="applied"}')).toBe(
      east.get('koguma_sync_revision{zone="east",type="Mesh",stage="applied"}'),
    );
    expect(global.get('koguma_store_revision')).toBeGreaterThanOrEqual(written);
    expect(global.get('koguma_sync_lag_seconds{zone="east"}')).toBe(0);
    expect(global.get('koguma_zone_state{zone="east",state="Online"}')).toBe(1);
    expect(global.get('koguma_zone_state{zone="east",state="Offline"}')).toBe(0);
    expect(global.get('koguma_streams_open{protocol="kds"}')).toBe(2);
    expect(east.get('koguma_link_state{state="in-sync"}')).toBe(1);
    expect(east.get('koguma_streams_open{protocol="kds"}')).toBe(3);
    expect(east.get('koguma_streams_open{protocol="ads"}')).toBe(1);
    expect([global.get('koguma_leader'), east.get('koguma_leader')]).toEqual([1, 1]);
    expect(global.get('koguma_store_seconds_count{operation="transaction",outcome="ok"}')).toBeGreaterThan(0);
    expect(global.get('koguma_kds_send_seconds_count{type="Mesh",outcome="acknowledged"}')).toBeGreaterThan(0);
    expect(east.get('koguma_kds_apply_seconds_count{type="Mesh",outcome="ok"}')).toBeGreaterThan(0);
    expect(global.get('koguma_http_request_seconds_count{method="PUT",route="/meshes/:name",status="201"}')).toBe(1);

    await lab.global.stop();
    await lab.until(() => lab.zone('east').served.link?.state === 'cut-off', 'it is cut off');
    const alone = await metricsOf(lab.zone('east'));
    expect(alone.get('koguma_link_state{state="cut-off"}')).toBe(1);
    expect(alone.get('koguma_sync_lag_seconds{zone="east"}')).toBeGreaterThan(0);
  });
});
