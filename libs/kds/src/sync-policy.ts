import {
  type RsaKey,
  type Secret,
  type SecretRole,
  secretBytes,
  secretRole,
  secretSpec,
  tokenKind,
} from '@koguma/auth';
import {
  isFromGlobal,
  isInsight,
  keyText,
  LABEL,
  type Opinion,
  RESOURCE_TYPES,
  type Resource,
  type ResourceKey,
  type ResourceView,
  type Spec,
  typesThatCross,
  type WriteHook,
} from '@koguma/resources';
import { beyond, sizeInResponse, sizeOfResponse } from './fitting.js';
import { nameOnGlobal } from './name-hash.js';
import type { Departures } from './outbox.js';
import { type Crossing, encodeValue, wireName } from './wire.js';

/** The name under which global keeps its id, the one Config that zones get. */
export const CLUSTER_ID_NAME = 'kuma-cluster-id';

/**
 * How a resource leaves global: as it is, as the public half of the key in it, or not at all. `otherwise` marks
 * GlobalSecrets that the system does not know: they stay unless their label asks for the journey.
 */
export type Passage = 'as-is' | 'public-half' | 'never' | 'unless-labelled';

/** Reads the key in a secret, to make its public half. */
type ParseKey = (bytes: Uint8Array) => RsaKey;

/** The row of the sync policy for a resource, told by its key alone. What has no row does not cross. */
export function passageOf(key: ResourceKey): Passage {
  switch (key.type) {
    case 'Mesh':
      return 'as-is';
    case 'Config':
      return key.name === CLUSTER_ID_NAME ? 'as-is' : 'never';
    case 'Secret':
    case 'GlobalSecret':
      return passageOfSecret(key, secretRole(key));
    default:
      return RESOURCE_TYPES[key.type].crosses === 'to-global' ? 'as-is' : 'never';
  }
}

function passageOfSecret(key: ResourceKey, role: SecretRole): Passage {
  if (role.role === 'other') return key.type === 'Secret' ? 'as-is' : 'unless-labelled';
  // Zones get the public halves of global's own keys; one put there by hand would arrive in place of such a half.
  if (role.role === 'local' || role.role === 'public-key') return 'never';
  const { crossing } = tokenKind(role.kind);
  if (crossing === 'never') return 'never';
  return role.role === 'signing-key' && crossing === 'public' ? 'public-half' : 'as-is';
}

/** What global sends to zones. */
export function departuresToZones(parseKey: ParseKey): Departures {
  return {
    types: typesThatCross('to-zones'),
    sender: 'global',
    keyThere: (key) =>
      passageOf(key) === 'public-half' ? publicKeyOf(key) : passageOf(key) === 'never' ? undefined : key,
    crossing: (resource) => crossingToZones(resource, parseKey),
  };
}

/** What a zone sends to global: its own proxies and what it knows of them, under names that no other zone's can have. */
export function departuresToGlobal(zone: string): Departures {
  const keyThere = (key: ResourceKey) => ({ ...key, name: nameOnGlobal(key, zone) });
  return {
    types: typesThatCross('to-global'),
    sender: zone,
    keyThere,
    crossing: ({ type, mesh, name, spec, labels }) => ({
      key: keyThere({ type, mesh, name }),
      spec: isInsight(type) ? withoutGenerations(spec) : spec,
      labels: { ...labels, ...stampOf(zone), [LABEL.displayName]: name },
    }),
  };
}

/** A subscription's generation moves while nothing else does, and tells only the control plane that made it something. */
function withoutGenerations(spec: Spec): Spec {
  const { subscriptions } = spec;
  if (!Array.isArray(subscriptions)) return spec;
  return { ...spec, subscriptions: subscriptions.map(({ generation: _, ...rest }: Spec) => rest) };
}

/** Whose word counts: what a peer may change and delete here, and what is kept of what it says. */
export interface Mirror {
  owns(resource: Resource): boolean;
  /** What to store of what came. */
  take(crossing: Crossing): Crossing;
}

/**
 * Meshes are global's alone; of the other types a zone may have its own, which no sync touches. What comes from global
 * is written down as global's, also where global does not say so: Kuma's did not before 2.6, and what is stored without
 * a label could never be changed or taken away again.
 */
export const mirrorOfGlobal: Mirror = {
  owns: (resource) => resource.type === 'Mesh' || isFromGlobal(resource),
  take: ({ key, spec, labels }) => ({ key, spec, labels: { ...labels, [LABEL.origin]: 'global' } }),
};

/** A zone speaks for itself alone: whatever it says, global writes down that the zone said it. */
export function mirrorOfZone(zone: string): Mirror {
  return {
    owns: ({ labels }) => labels[LABEL.zone] === zone && labels[LABEL.origin] === 'zone',
    take: ({ key, spec, labels }) => {
      const named = key.type === 'ZoneIngress' || key.type === 'ZoneEgress' ? { ...spec, zone } : spec;
      return { key, spec: named, labels: { ...labels, ...stampOf(zone) } };
    },
  };
}

function stampOf(zone: string): Record<string, string> {
  return { [LABEL.origin]: 'zone', [LABEL.zone]: zone };
}

/** What zones get of a resource of global; undefined when nothing. */
function crossingToZones(resource: Resource, parseKey: ParseKey): Crossing | undefined {
  if (!isSent(resource, resource.labels)) return undefined;
  const { type, mesh, name, spec } = resource;
  const labels = { ...resource.labels, [LABEL.origin]: 'global' };
  if (passageOf(resource) !== 'public-half') return { key: { type, mesh, name }, spec, labels };
  const { publicPem } = parseKey(secretBytes((resource as Secret).spec));
  return { key: publicKeyOf(resource), spec: secretSpec(publicPem), labels: { ...labels, [LABEL.displayName]: name } };
}

/** Whether zones get anything of a resource of global. */
function isSent(key: ResourceKey, labels: Resource['labels']): boolean {
  const wanted = labels[LABEL.kdsSync];
  const passage = passageOf(key);
  if (passage === 'never' || wanted === 'disabled') return false;
  return passage !== 'unless-labelled' || wanted === 'enabled';
}

/** Tells who stores a GlobalSecret on global that it stays there. */
export const stayingHomeWarning: WriteHook = {
  validate({ key, next }): Opinion {
    if (!next || passageOf(key) !== 'unless-labelled' || next.labels[LABEL.kdsSync] === 'enabled') return {};
    return {
      warnings: [
        `this GlobalSecret stays on the global control plane: label it ${LABEL.kdsSync}: enabled to send it to zones`,
      ],
    };
  },
};

/** What global adds to labels on the way, generously. */
const STAMP = 256;

/**
 * Refuses, with the size, what would not reach zones beside the rest of its type, or would push something else out.
 * Where a store holds too much already, what is small may still be written: a revocation above all.
 */
export function sizeLimit(view: ResourceView, limit: number): WriteHook {
  return {
    validate({ key, next }): Opinion {
      if (!next || !isSent(key, next.labels)) return {};
      const others = view.list(key.type).filter((other) => isSent(other, other.labels));
      const before = new Map(others.map((other) => [keyText(other), sizeOf(other, other)]));
      const after = new Map(before).set(keyText(key), sizeOf(key, next));
      const out = beyond(limit, before);
      if ([...beyond(limit, after)].every((name) => out.has(name))) return {};
      const size = sizeOfResponse(after.values());
      const reason = `all ${key.type} resources together would take ${size} bytes: zones can be sent at most ${limit} of a type`;
      return { violations: [{ field: key.type === 'Mesh' ? 'spec' : 'data', reason }] };
    },
  };
}

function sizeOf({ type, mesh, name }: ResourceKey, { spec, labels }: Pick<Resource, 'spec' | 'labels'>): number {
  const key = { type, mesh, name };
  try {
    return STAMP + sizeInResponse(wireName(key), encodeValue({ key, spec, labels }));
  } catch {
    return 0; // what cannot be written is not sent
  }
}

function publicKeyOf(key: ResourceKey): ResourceKey {
  const role = secretRole(key);
  const prefix = role.role === 'signing-key' ? tokenKind(role.kind).publicKeyPrefix : undefined;
  if (role.role !== 'signing-key' || prefix === undefined) throw new TypeError(`${key.name} has no public half`);
  return { type: key.type, mesh: key.mesh, name: `${prefix}${key.name.slice(role.prefix.length)}` };
}
