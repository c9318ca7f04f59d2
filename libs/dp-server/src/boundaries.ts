import type { Identity } from '@koguma/auth';
import { type Claim, type ProxyId, tagsOf } from './proxy.js';

/** The label that a token's workload is compared with. */
const WORKLOAD = 'kuma.io/workload';

interface DataplaneIdentity {
  readonly Name: string;
  readonly Mesh: string;
  readonly Tags: Readonly<Record<string, readonly string[]>>;
  readonly Workload: string;
}

interface ZoneIdentity {
  readonly Zone: string;
  /** Only zone tokens have scopes; a zone-ingress token is for ingresses by its kind. */
  readonly Scope?: readonly string[];
}

/**
 * Why a token is not for a proxy, from what its claims say; undefined when it is. What a claim leaves out binds to
 * nothing.
 * @param zone the zone of this control plane: what a zone proxy says of its own is never asked
 */
export function foreign(identity: Identity, { type, key }: ProxyId, zone: string): string | undefined {
  if (type === 'dataplane') {
    const { Name, Mesh } = identity as unknown as DataplaneIdentity;
    if (Mesh !== '' && Mesh !== key.mesh) return `the token is for mesh ${quoted(Mesh)}, not for ${quoted(key.mesh)}`;
    if (Name !== '' && Name !== key.name) return `the token is for proxy ${quoted(Name)}, not for ${quoted(key.name)}`;
    return undefined;
  }
  const { Zone, Scope = ['ingress'] } = identity as unknown as ZoneIdentity;
  if (!Scope.includes(type)) return `the token is for ${listed(Scope) || 'nothing'}, not for an ${type}`;
  if (Zone !== '' && Zone !== zone) return `the token is for zone ${quoted(Zone)}, not for ${quoted(zone)}`;
  return undefined;
}

/** Why a proxy with these tags and labels is more than its token allows; undefined when it is not. */
export function trespass(identity: Identity, { type }: ProxyId, { spec, labels }: Claim): string | undefined {
  if (type !== 'dataplane') return undefined;
  const { Tags, Workload } = identity as unknown as DataplaneIdentity;
  const actual = tagsOf(spec);
  for (const [tag, allowed] of Object.entries(Tags)) {
    const values = actual.get(tag);
    if (!values) return `dataplane has no tag ${quoted(tag)} required by the token`;
    const other = [...values].find((value) => !allowed.includes(value));
    if (other === undefined) continue;
    return `dataplane contains tag ${quoted(tag)} with value ${quoted(other)}, the token allows ${listed(allowed)}`;
  }
  if (Workload === '' || Workload === labels[WORKLOAD]) return undefined;
  const of = labels[WORKLOAD] === undefined ? 'none' : quoted(labels[WORKLOAD]);
  return `the token is for workload ${quoted(Workload)}, and the dataplane's label ${WORKLOAD} is ${of}`;
}

function listed(values: readonly string[]): string {
  return values.map(quoted).join(', ');
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
