import { ControlPlaneError } from '@koguma/core';
import type { AccessRight } from './access-right.js';
import type { User } from './users.js';

/** Who has each right: by name, or by any of their groups. */
export type AccessGrants = Readonly<
  Record<AccessRight, { readonly users: readonly string[]; readonly groups: readonly string[] }>
>;

/** Decides who may do what. What nobody was granted, nobody may do. */
export class Access {
  constructor(private readonly grants: AccessGrants) {}

  /** @param act what is tried, as the refusal says it: `access the resource of type "Secret"` */
  require(user: User, right: AccessRight, act: string): void {
    const { users, groups } = this.grants[right];
    if (users.includes(user.name) || user.groups.some((group) => groups.includes(group))) return;
    throw new ControlPlaneError('access_denied', `user "${user.name}/${user.groups.join(',')}" cannot ${act}`);
  }
}
