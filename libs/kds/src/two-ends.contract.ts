import { Auth, nodeCrypto, secretSpec } from '@koguma/auth';
import { type Log, SeededEntropy, SILENT, Tasks, VirtualClock } from '@koguma/core';
import { MemoryStore, ResourceManager, ResourceView, type WriteHook } from '@koguma/resources';
import { DeltaDiscoveryResponse } from './gen/envoy/service/discovery/v3/discovery.js';
import { Outbox } from './outbox.js';
import { departuresToZones } from './sync-policy.js';

/** One end of a link for specs: a store, its view and its manager, on virtual time. */
export async function end(hooks: readonly WriteHook[] = []) {
  const clock = new VirtualClock();
  const entropy = new SeededEntropy(1);
  const store = new MemoryStore(entropy.uuid());
  const tasks = new Tasks((owner, error) => {
    throw new Error(`${owner}: ${String(error)}`);
  });
  const view = new ResourceView({ store, clock, log: SILENT });
  await view.load();
  tasks.start('view', (signal) => view.run(signal));
  const manager = new ResourceManager({
    store,
    view,
    clock,
    log: SILENT,
    readOnly: () => undefined,
    hooks,
    unsafeDelete: false,
  });
  return { clock, entropy, store, tasks, view, manager };
}

export type End = Awaited<ReturnType<typeof end>>;

/** The rules that a zone checks what it gets by. */
export function checksOf({ view, clock, entropy }: End): readonly WriteHook[] {
  const none = { users: [], groups: [] };
  const on = { enableIssuer: true, useSecrets: true };
  const settings = {
    switches: { dpToken: on, zoneToken: on, userToken: on },
    staticKeys: [],
    grants: { adminResources: none, generateDpToken: none, generateUserToken: none, generateZoneToken: none },
    localhostIsAdmin: false,
    bootstrapAdminToken: false,
  };
  return new Auth({ view, crypto: nodeCrypto, clock, entropy, log: SILENT, settings, federated: true }).writeHooks;
}

/** What global has for zones. @param limit bytes of the largest message; Kuma's when left out */
export function outboxOf({ view }: End, limit = 10_485_760, log: Log = SILENT): Outbox {
  return new Outbox({ view, departures: departuresToZones(nodeCrypto.parseKey), limit, log });
}

export function putSecret(at: End, name: string, text: string, labels: Record<string, string> = {}) {
  return at.manager.put({ type: 'GlobalSecret', mesh: '', name }, secretSpec(text), labels);
}

export function deleteSecret(at: End, name: string) {
  return at.manager.delete({ type: 'GlobalSecret', mesh: '', name });
}

/** A list that always crosses, whatever stands in it. */
export const LIST = 'zone-token-revocations';

/** What a response carries, by name. */
export function namesIn(bytes: Uint8Array): { sent: string[]; removed: string[] } {
  const { resources, removedResources } = DeltaDiscoveryResponse.decode(bytes);
  return { sent: resources.map(({ name }) => name), removed: removedResources };
}
