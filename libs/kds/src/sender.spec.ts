import { type ControlPlaneError, SILENT } from '@koguma/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { DeltaDiscoveryRequest, DeltaDiscoveryResponse } from './gen/envoy/service/discovery/v3/discovery.js';
import { Sender } from './sender.js';
import { Subscription } from './subscription.js';
import { deleteSecret, type End, end, LIST, namesIn, outboxOf, putSecret } from './two-ends.contract.js';

let global: End;
let sent: Uint8Array[];
let ended: (ControlPlaneError | undefined)[];
let subscription: Subscription;
let session: Sender;

beforeEach(async () => {
  global = await end();
  sent = [];
  ended = [];
  subscription = new Subscription(global.clock, 'id', 'instance');
  session = new Sender({
    peer: 'east',
    outbox: outboxOf(global),
    send: { send: (bytes) => sent.push(bytes), end: (error) => ended.push(error) },
    clock: global.clock,
    entropy: global.entropy,
    log: SILENT,
    counted: (type, outcome) => subscription.count(type, outcome),
    introduced: (metadata) => subscription.introduce(metadata),
    ended: () => undefined,
  });
});

describe('a zone’s stream on global', () => {
  it('answers the first request with all there is, also when that is nothing', () => {
    subscribe();
    expect(sent.map(namesIn)).toEqual([{ sent: [], removed: [] }]);
  });

  it('sends the next response only after the last one was answered, with all that changed meanwhile', async () => {
    subscribe();
    await putSecret(global, LIST, 'a');
    await putSecret(global, 'zone-ingress-token-revocations', 'b');
    expect(sent).toHaveLength(1);
    acknowledge();
    expect(sent).toHaveLength(2);
    expect(namesIn(sent[1] as Uint8Array).sent).toEqual([`${LIST}.`, 'zone-ingress-token-revocations.']);
  });

  it('counts as applied what was acknowledged, not what was sent', async () => {
    subscribe();
    expect(progress()).toMatchObject({ applied: null });
    acknowledge();
    const applied = progress()?.written;
    expect(progress()).toMatchObject({ applied });
    await putSecret(global, LIST, 'a');
    expect(progress()).toMatchObject({ applied, sent: global.view.revision.n });
  });

  it('lags since the oldest change that is not applied', async () => {
    subscribe();
    acknowledge();
    expect(progress()).toMatchObject({ lagMs: 0 });
    await putSecret(global, LIST, 'a');
    global.clock.moveTo(1_000);
    await putSecret(global, LIST, 'b');
    global.clock.moveTo(3_000);
    expect(progress()).toMatchObject({ lagMs: 3_000 });
    acknowledge();
    expect(progress()).toMatchObject({ lagMs: 2_000 });
    acknowledge();
    expect(progress()).toMatchObject({ lagMs: 0 });
  });

  it('offers again what a zone refused, and does not let newer changes wait for it', async () => {
    subscribe();
    acknowledge();
    const applied = progress()?.applied;
    await putSecret(global, LIST, 'a');
    refuse('it is bad');
    await putSecret(global, 'zone-ingress-token-revocations', 'b');
    expect(namesIn(sent.at(-1) as Uint8Array).sent).toEqual(['zone-ingress-token-revocations.']);
    acknowledge();
    expect(progress()).toMatchObject({ applied, lastError: 'it is bad' });
    global.clock.step();
    expect(namesIn(sent.at(-1) as Uint8Array).sent).toEqual([`${LIST}.`, 'zone-ingress-token-revocations.']);
    acknowledge();
    expect(progress()).toMatchObject({ applied: global.view.revision.n, lastError: null });
  });

  it('tells a zone that was slow, or refused, of all that went away meanwhile', async () => {
    const mine = { 'kuma.io/kds-sync': 'enabled' };
    const names = Array.from({ length: 250 }, (_, n) => `passing-${n}`);
    for (const name of names) await putSecret(global, name, 'a', mine);
    subscribe();
    acknowledge();
    await putSecret(global, LIST, 'a');
    for (const name of names) await deleteSecret(global, name);
    acknowledge();
    expect(namesIn(sent.at(-1) as Uint8Array).removed).toHaveLength(names.length);
    await putSecret(global, LIST, 'b');
    refuse('it is bad');
    await putSecret(global, LIST, 'c');
    acknowledge();
    acknowledge();
    global.clock.step();
    expect(namesIn(sent.at(-1) as Uint8Array).removed).toHaveLength(names.length);
  });

  it('waits longer each time that a zone refuses', async () => {
    subscribe();
    const waits: number[] = [];
    for (let count = 0; count < 8; count++) {
      const before = global.clock.mono();
      refuse('still bad');
      global.clock.step();
      waits.push(global.clock.mono() - before);
    }
    expect(waits[0]).toBeLessThan(1_300);
    expect(waits[7]).toBeGreaterThan(40_000);
    expect(waits[7]).toBeLessThan(73_000);
  });

  it('ignores answers to what is not under way, repeated subscriptions, and types that nobody holds', () => {
    subscribe();
    session.message(DeltaDiscoveryRequest.fromPartial({ typeUrl: 'GlobalSecret', responseNonce: 'other' }));
    session.message(DeltaDiscoveryRequest.fromPartial({ typeUrl: 'GlobalSecret', resourceNamesSubscribe: ['*'] }));
    session.message(
      DeltaDiscoveryRequest.fromPartial({ typeUrl: 'MeshTrafficPermission', resourceNamesSubscribe: ['*'] }),
    );
    expect(sent).toHaveLength(1);
  });

  it('sends nothing after its end', async () => {
    subscribe();
    acknowledge();
    session.closed(undefined);
    await putSecret(global, LIST, 'a');
    expect(sent).toHaveLength(1);
  });

  it('keeps what the zone tells of itself, and counts in the shape that Kuma shows', () => {
    const metadata = { 'control-plane-id': 'z-1', version: { kumaCp: { version: '2.14.3' } }, config: '{}' };
    session.message(DeltaDiscoveryRequest.fromPartial({ node: { id: 'east', metadata }, typeUrl: 'GlobalSecret' }));
    acknowledge();
    expect(subscription.toSpec()).toMatchObject({
      zoneInstanceId: 'z-1',
      version: metadata.version,
      config: '{}',
      status: {
        total: { responsesSent: '1', responsesAcknowledged: '1' },
        stat: { GlobalSecret: { responsesSent: '1' } },
      },
    });
  });
});

function subscribe(): void {
  session.message(
    DeltaDiscoveryRequest.fromPartial({ node: { id: 'east' }, typeUrl: 'GlobalSecret', resourceNamesSubscribe: ['*'] }),
  );
}

function acknowledge(): void {
  answer({});
}

function refuse(message: string): void {
  answer({ errorDetail: { message } });
}

function answer(more: { errorDetail?: { message: string } }): void {
  const { nonce } = DeltaDiscoveryResponse.decode(sent.at(-1) as Uint8Array);
  session.message(
    DeltaDiscoveryRequest.fromPartial({ node: { id: 'east' }, typeUrl: 'GlobalSecret', responseNonce: nonce, ...more }),
  );
}

function progress() {
  return session.report().find(({ type }) => type === 'GlobalSecret');
}
