import { Auth, nodeCrypto, type RsaKey, readTokenRequest, secretSpec, type TokenKindName } from '@koguma/auth';
import { ControlPlaneError, type Log, type LogFields, SeededEntropy, VirtualClock } from '@koguma/core';
import {
  Insights,
  Leadership,
  MemoryStore,
  type ResourceKey,
  ResourceManager,
  ResourceView,
  type Spec,
} from '@koguma/resources';
import { expect, onTestFinished } from 'vitest';
import { nextTurn } from './adapters/next-turn.js';
import type { Inbox } from './ads-server.js';
import type { Peer } from './ads-stream.js';
import { composeDpServer } from './dp-server.js';
import { FIXTURE_KEYS } from './fixture-keys.contract.js';
import type { DiscoveryRequest, DiscoveryResponse } from './gen/envoy/service/discovery/v3/discovery.js';
import { membershipCheck } from './membership.js';
import type { DpServerSettings } from './settings.js';
import { typeUrlOf, type XdsType } from './xds/snapshot.js';

/** 2026-01-02T03:04:05Z */
export const NOW = 1_767_323_045_000;
const ADMINS = { users: [], groups: [] };
let lives = 1;
const OPEN = { enableIssuer: true, useSecrets: true };
const NO_SERVICE_ACCOUNTS = {
  jwksUri: '',
  issuer: '',
  tokenReviewUri: '',
  credentialFile: '',
  audience: '',
  caFile: '',
};

/** A dataplane of the mesh default with one inbound for each set of tags. */
export function dataplane(name: string, ...inbounds: Record<string, string>[]) {
  const sets = inbounds.length === 0 ? [{ 'kuma.io/service': 'web' }] : inbounds;
  const inbound = sets.map((tags, index) => ({ port: 8080 + index, servicePort: 80 + index, tags }));
  return { type: 'Dataplane', mesh: 'default', name, networking: { address: '10.0.0.1', inbound } };
}

/** A stand-alone zone on a memory store, at {@link NOW}, with the mesh default and all keys, until the test ends. */
/** @param store what an earlier life left; a new one when left out */
export async function zoneUnderTest(
  settings: Partial<DpServerSettings> = {},
  store = new MemoryStore(new SeededEntropy(1).uuid()),
) {
  const clock = new VirtualClock(NOW);
  const logged: { level: string; message: string; fields: LogFields | undefined }[] = [];
  const note = (level: string) => (message: string, fields?: LogFields) => void logged.push({ level, message, fields });
  const log: Log = { info: note('info'), warn: note('warn'), error: note('error'), scope: () => log };
  const view = new ResourceView({ store, clock, log });
  await view.load();
  const stopping = new AbortController();
  const following = view.run(stopping.signal);
  const keys = FIXTURE_KEYS.map((der) => nodeCrypto.parseKey(Buffer.from(der, 'base64')));
  let made = 0;
  const auth = new Auth({
    view,
    crypto: { ...nodeCrypto, makeKey: async () => keys[made++ % keys.length] as RsaKey },
    clock,
    entropy: new SeededEntropy(1),
    log,
    federated: false,
    settings: {
      switches: { dpToken: OPEN, zoneToken: OPEN, userToken: OPEN },
      staticKeys: [],
      grants: { adminResources: ADMINS, generateDpToken: ADMINS, generateUserToken: ADMINS, generateZoneToken: ADMINS },
      localhostIsAdmin: false,
      bootstrapAdminToken: false,
    },
  });
  const hooks = [...auth.writeHooks, membershipCheck(view)];
  const rules = { readOnly: () => undefined, hooks, zone: 'east', unsafeDelete: true };
  const manager = new ResourceManager({ store, view, clock, log, ...rules });
  const all: DpServerSettings = {
    zone: 'east',
    dpProxy: 'dpToken',
    zoneProxy: 'zoneToken',
    serviceAccount: NO_SERVICE_ACCOUNTS,
    recheck: 'onChange',
    reloadableTokens: false,
    bootstrap: { xdsHost: '', xdsPort: 0, adminPort: 9901 },
    deregistrationDelayMs: 10_000,
    ...settings,
  };
  const insights = new Insights({ store, view, clock, log, flushIntervalMs: 10_000 });
  await insights.load(['DataplaneInsight', 'ZoneIngressInsight', 'ZoneEgressInsight']);
  const writing = insights.run(stopping.signal);
  const entropy = new SeededEntropy(++lives);
  const instanceId = `east-${lives - 1}`;
  const leadership = new Leadership({ store, clock, log, instanceId });
  const dp = composeDpServer({
    settings: all,
    auth,
    manager,
    view,
    insights,
    leadership,
    clock,
    entropy,
    log,
    instanceId,
  });
  await auth.prepare(manager);
  await manager.ensure({ type: 'Mesh', mesh: '', name: 'default' }, {});
  onTestFinished(async () => {
    dp.ads.stop();
    stopping.abort();
    await Promise.all([following, writing]);
  });

  return {
    clock,
    store,
    instanceId,
    view,
    auth,
    manager,
    insights,
    dp,
    logged,
    settings: all,
    /** Issues as a person does, with a body of `POST /tokens/{kind}`. */
    issue: (kind: TokenKindName, body: object) => {
      const order = readTokenRequest(kind, { validFor: '24h', ...body });
      return auth.issuer.issue(kind, order, order.validForSeconds);
    },
    putSecret: (name: string, text: string, mesh = '') =>
      manager.put({ type: mesh === '' ? 'GlobalSecret' : 'Secret', mesh, name }, secretSpec(text)),
    putDataplane: (name: string, spec: Spec, labels: Record<string, string> = {}) =>
      manager.put({ type: 'Dataplane', mesh: 'default', name }, spec, labels),
    stored: (key: ResourceKey) => view.get(key),
    /** A proxy that opens a stream and says who it is. */
    connect: (options: ConnectOptions) => connect((peer) => dp.ads.stateOfTheWorld(options.token ?? '', peer), options),
    /** Lets every timer run that is due within `ms`. */
    pass(ms: number): void {
      const until = clock.mono() + ms;
      while (clock.step(until));
      clock.moveTo(until);
    },
  };
}

export type ZoneUnderTest = Awaited<ReturnType<typeof zoneUnderTest>>;

export interface ConnectOptions {
  readonly token?: string;
  readonly id?: string;
  readonly type?: string;
  readonly resource?: object;
  /** What it says of its programs. */
  readonly version?: unknown;
  /** Sends no first request. */
  readonly mute?: boolean;
}

/** The proxy's end of a stream, without a wire: what came, and how it ended. */
function connect(open: (peer: Peer<DiscoveryResponse>) => Inbox<DiscoveryRequest>, options: ConnectOptions) {
  const responses: DiscoveryResponse[] = [];
  let ended: ControlPlaneError | undefined;
  const inbox = open({
    send: (response) => void responses.push(response),
    end: (error) => {
      ended = error;
    },
  });
  const request = (type: XdsType, more: Partial<DiscoveryRequest> = {}) =>
    inbox.receive({ versionInfo: '', resourceNames: [], typeUrl: typeUrlOf(type), responseNonce: '', ...more });
  const { id = 'default.web-1', type = 'dataplane', resource, version } = options;
  const metadata = {
    'dataplane.proxyType': type,
    ...(resource ? { 'dataplane.resource': JSON.stringify(resource) } : {}),
    ...(version === undefined ? {} : { version }),
  };
  const begun = options.mute ? Promise.resolve() : request('cds', { node: { id, cluster: 'x', metadata } });
  return {
    responses,
    request,
    /** Answers the last response; with a reason, refuses it. */
    answer: (why?: string) => {
      const { typeUrl = '', nonce = '' } = responses.at(-1) ?? {};
      const errorDetail = why === undefined ? {} : { errorDetail: { code: 13, message: why, details: [] } };
      return inbox.receive({ versionInfo: '', resourceNames: [], typeUrl, responseNonce: nonce, ...errorDetail });
    },
    leave: () => inbox.closed(),
    /** Settles once the control plane has decided. */
    begun,
    get ended() {
      return ended && { code: ended.code, message: ended.message };
    },
  };
}

/** Waits until something holds, asking in each turn of the event loop. */
export async function until(holds: () => unknown): Promise<void> {
  const patience = performance.now() + 10_000;
  while (!holds()) {
    expect(performance.now(), 'waited 10 s').toBeLessThan(patience);
    await new Promise<void>((resolve) => nextTurn(resolve));
  }
}
