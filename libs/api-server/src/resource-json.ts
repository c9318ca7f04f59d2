import { invalid, rfc3339, type Violation } from '@koguma/core';
import { LABEL, type Resource, type ResourceKey, type Spec, type TypeDescriptor } from '@koguma/resources';
import { z } from 'zod';
import type { Named } from './route-facts.js';

/** Labels that only control planes set. */
export const COMPUTED_LABELS: readonly string[] = [LABEL.origin, LABEL.zone, LABEL.mesh, LABEL.env, LABEL.displayName];

const timestamp = z.string().meta({ format: 'date-time' });

/** What every resource tells of itself. */
export const META = z.object({
  type: z.string(),
  mesh: z.string().optional(),
  name: z.string(),
  creationTime: timestamp,
  modificationTime: timestamp,
  labels: z.record(z.string(), z.string()).optional(),
});

/** What Kuma puts beside a spec. Times and `kri` are for readers: what a client sends of them means nothing. */
const BESIDE_SPEC = [...Object.keys(META.shape), 'kri'];

/** The schema of a resource of a type as REST shows it. */
export function resourceSchema({ type, spec }: TypeDescriptor): Named<object> {
  return { name: type, schema: spec.extend({ ...META.shape, type: z.literal(type) }) };
}

/** What may be written of it: what it says of itself may be left out, and times and `kri` mean nothing. */
export function resourceBodySchema({ type, spec }: TypeDescriptor): Named<object> {
  const { labels, ...own } = META.shape;
  const meta = z
    .object({ ...own, type: z.literal(type), kri: z.string() })
    .partial()
    .extend({ labels });
  return { name: `${type}Body`, schema: spec.extend(meta.shape) };
}

/** The schema of its overview. */
export function overviewSchema({ type, spec }: TypeDescriptor, insight: TypeDescriptor): Named<object> {
  const own = { [member(type)]: spec, [member(insight.type)]: insight.spec.optional() };
  return { name: `${type}Overview`, schema: META.extend({ type: z.literal(`${type}Overview`), ...own }) };
}

/** A resource as REST shows it: its meta, then its spec, in one object. */
export function resourceJson(resource: Resource): object {
  return { ...metaJson(resource.type, resource), ...shown(resource.spec) };
}

/** An overview: the meta, and the specs of the resource and of its insight under their own names. */
export function overviewJson(resource: Resource, insight: Resource | undefined): object {
  return {
    ...metaJson(`${resource.type}Overview`, resource),
    [member(resource.type)]: shown(resource.spec),
    ...(insight ? { [member(insight.type)]: shown(insight.spec) } : {}),
  };
}

/** What somebody wants stored. */
export interface Wish {
  readonly spec: Spec;
  /** As they were sent, computed ones included. */
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * Takes a body apart. What it says of itself must be what the URL says.
 * @throws ControlPlaneError `invalid`
 */
export function readResource(key: ResourceKey, body: Readonly<Record<string, unknown>>): Wish {
  const violations: Violation[] = [];
  for (const field of ['name', 'type', 'mesh'] as const) {
    const value = body[field] ?? '';
    if (value !== '' && value !== key[field]) violations.push({ field, reason: contradiction(key, field) });
  }
  const labels = readLabels(body.labels, violations);
  if (violations.length > 0) throw invalid(...violations);
  return { spec: Object.fromEntries(Object.entries(body).filter(([member]) => !BESIDE_SPEC.includes(member))), labels };
}

function contradiction({ type, mesh }: ResourceKey, field: string): string {
  if (field === 'mesh' && mesh === '') return `must be left out: a ${type} is in no mesh`;
  return `${field} from the URL has to be the same as in body`;
}

function readLabels(labels: unknown, violations: Violation[]): Record<string, string> {
  if (labels === undefined || labels === null) return {};
  if (typeof labels !== 'object' || Array.isArray(labels)) {
    violations.push({ field: 'labels', reason: 'must be an object of strings' });
    return {};
  }
  for (const [key, value] of Object.entries(labels)) {
    if (typeof value !== 'string')
      violations.push({ field: `labels[${JSON.stringify(key)}]`, reason: 'must be a string' });
  }
  return labels as Record<string, string>;
}

function metaJson(type: string, { mesh, name, labels, creationTime, modificationTime }: Resource): object {
  return {
    type,
    ...(mesh === '' ? {} : { mesh }),
    name,
    creationTime: rfc3339(creationTime),
    modificationTime: rfc3339(modificationTime),
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
  };
}

/** Without what protobuf's JSON mapping leaves out. */
function shown(spec: Spec): object {
  return Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== undefined && value !== ''));
}

function member(type: string): string {
  return `${type.charAt(0).toLowerCase()}${type.slice(1)}`;
}
