import { ControlPlaneError } from '@koguma/core';
import type { AccessRight } from './access-right.js';
import { type TokenKindName, type TokenRequest, tokenKind } from './token-kinds.js';
import { ADMIN, type User } from './users.js';

/** Who has each right: by name, or by any of their groups. */
export type AccessGrants = Readonly<
  Record<AccessRight, { readonly users: readonly string[]; readonly groups: readonly string[] }>
>;

/** Names and groups that mean something to control planes begin so. */
const OF_THE_SYSTEM = 'mesh-system:';

/** Decides who may do what. What nobody was granted, nobody may do. */
export class Access {
  constructor(private readonly grants: AccessGrants) {}

  /** @param act what is tried, as the refusal says it: `access the resource of type "Secret"` */
  require(user: User, right: AccessRight, act: string): void {
    const { users, groups } = this.grants[right];
    if (users.includes(user.name) || user.groups.some((group) => groups.includes(group))) return;
    throw denied(user, act);
  }

  /**
   * Who may issue tokens for users may still not make anybody an administrator, or another of the system's own: names
   * and groups that begin with `mesh-system:` are given by members of the group `mesh-system:admin` alone.
   */
  requireToName(user: User, kind: TokenKindName, { identity }: TokenRequest): void {
    const given = tokenKind(kind).callsItsHolder?.(identity) ?? [];
    const name = given.find((one) => one.startsWith(OF_THE_SYSTEM));
    if (name === undefined || user.groups.includes(ADMIN.name)) return;
    throw denied(user, `generate a ${kind} token for ${JSON.stringify(name)}: only members of ${ADMIN.name} can`);
  }
}

function denied({ name, groups }: User, act: string): ControlPlaneError {
  return new ControlPlaneError('access_denied', `user "${name}/${groups.join(',')}" cannot ${act}`);
}
