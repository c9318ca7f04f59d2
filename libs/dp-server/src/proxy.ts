import { ControlPlaneError, invalid, violationsIn } from '@koguma/core';
import { RESOURCE_TYPES, type Resource, type ResourceKey, type Spec } from '@koguma/resources';

/** Kuma's words for what a proxy is (`--proxy-type`). */
export type ProxyType = 'dataplane' | 'ingress' | 'egress';

/** Which proxy somebody says to be. */
export interface ProxyId {
  readonly type: ProxyType;
  readonly key: ResourceKey;
}

/** What a proxy says of itself, or what is stored of it: what a token is compared with. */
export type Claim = Pick<Resource, 'spec' | 'labels'>;

const RESOURCE_OF = { dataplane: 'Dataplane', ingress: 'ZoneIngress', egress: 'ZoneEgress' } as const;

/** What REST shows beside a spec; times and `kri` are for readers. */
const META = ['type', 'mesh', 'name', 'creationTime', 'modificationTime', 'labels', 'kri'];

/** True for a word that names a type of proxy. */
export function isProxyType(word: unknown): word is ProxyType {
  return typeof word === 'string' && Object.hasOwn(RESOURCE_OF, word);
}

/** A zone proxy is in no mesh, whatever it says. */
export function proxyOf(type: ProxyType, mesh: string, name: string): ProxyId {
  return { type, key: { type: RESOURCE_OF[type], mesh: type === 'dataplane' ? mesh : '', name } };
}

/** Envoy's node id, as Kuma makes it: `{mesh}.{name}`, and `.{name}` for a zone proxy. */
export function nodeIdOf({ key }: ProxyId): string {
  return `${key.mesh}.${key.name}`;
}

/** The inverse of {@link nodeIdOf}. @throws ControlPlaneError `invalid` */
export function readNodeId(type: ProxyType, id: string): ProxyId {
  const dot = id.indexOf('.');
  const [mesh, name] = [id.slice(0, Math.max(0, dot)), id.slice(dot + 1)];
  const fits = dot !== -1 && name !== '' && (type === 'dataplane') === (mesh !== '');
  if (fits) return proxyOf(type, mesh, name);
  const form = type === 'dataplane' ? '{mesh}.{name}' : '.{name}, since a zone proxy is in no mesh';
  throw invalid({ field: 'node.id', reason: `must be ${form}` });
}

/**
 * Reads the resource that a proxy brings along, as JSON in the form of REST. It must be the one that the proxy says to be.
 * @param field how errors call the place where it was found
 * @throws ControlPlaneError `invalid`, `malformed`
 */
export function readClaim({ key }: ProxyId, text: string, field: string): Claim {
  let body: Readonly<Record<string, unknown>>;
  try {
    body = Object(JSON.parse(text)) as Record<string, unknown>;
  } catch (cause) {
    throw new ControlPlaneError('malformed', `${field} is not JSON`, { cause });
  }
  for (const member of ['type', 'mesh', 'name'] as const) {
    const said = body[member] ?? '';
    if (said === '' || said === key[member]) continue;
    throw invalid({ field: `${field}.${member}`, reason: `must be ${JSON.stringify(key[member])}, as the proxy says` });
  }
  const spec = Object.fromEntries(Object.entries(body).filter(([member]) => !META.includes(member)));
  const parsed = RESOURCE_TYPES[key.type].spec.safeParse(spec);
  if (!parsed.success)
    throw invalid(...violationsIn(parsed.error).map((one) => ({ ...one, field: `${field}.${one.field}` })));
  return { spec: parsed.data, labels: textsOf(body.labels) };
}

/** What a dataplane does, and what it has of each tag over all inbounds and its gateway. */
export function tagsOf({ networking }: Spec): Map<string, Set<string>> {
  const all = new Map<string, Set<string>>();
  for (const tags of tagSetsOf({ networking })) {
    for (const [tag, value] of Object.entries(tags)) all.set(tag, (all.get(tag) ?? new Set()).add(value));
  }
  return all;
}

/** The tags of each inbound, and of the gateway. */
export function tagSetsOf({ networking }: Spec): Readonly<Record<string, string>>[] {
  const { inbound, gateway } = Object(networking) as { inbound?: Tagged[]; gateway?: Tagged };
  return [...(inbound ?? []), ...(gateway ? [gateway] : [])].map(({ tags }) => tags ?? {});
}

interface Tagged {
  readonly tags?: Readonly<Record<string, string>>;
}

function textsOf(labels: unknown): Record<string, string> {
  const entries = Object.entries(Object(labels) as Record<string, unknown>);
  return Object.fromEntries(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}
