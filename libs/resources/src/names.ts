import type { Violation } from '@koguma/core';
import type { ResourceKey } from './resource.js';

/** RFC 1123 subdomain, at most 253 characters: what Kuma asks of every resource's name. */
const NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LONGEST_NAME = 253;
/** RFC 1035 label, what can be part of a host name. */
const LABEL_NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const LONGEST_LABEL = 63;

/** The rules that a new resource's name must keep; none when it does. */
export function checkName({ type, name }: ResourceKey): Violation[] {
  if (type === 'Zone' || type === 'Mesh') return isLabel(name) ? [] : [{ field: 'name', reason: LABEL_RULE }];
  if (name.length <= LONGEST_NAME && NAME.test(name)) return [];
  return [
    {
      field: 'name',
      reason: `must be 1 to ${LONGEST_NAME} characters: lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit`,
    },
  ];
}

/** Names of zones and meshes: they appear in host names, so they must fit in one label. */
export function isLabel(name: string): boolean {
  return name.length <= LONGEST_LABEL && LABEL_NAME.test(name);
}

export const LABEL_RULE = `must be 1 to ${LONGEST_LABEL} characters: lower-case letters, digits and '-', beginning and ending with a letter or digit`;
