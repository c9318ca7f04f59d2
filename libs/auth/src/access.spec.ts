import { describe, expect, it } from 'vitest';
import { Access, type AccessGrants } from './access.js';
import type { AccessRight } from './access-right.js';
import { ADMIN, ANONYMOUS, type User } from './users.js';

const NOBODY = { users: [], groups: [] };
const ADMINS = { users: ['mesh-system:admin'], groups: ['mesh-system:admin'] };
const granting = (right: AccessRight, to: AccessGrants[AccessRight]): Access =>
  new Access({
    adminResources: NOBODY,
    generateDpToken: NOBODY,
    generateUserToken: NOBODY,
    generateZoneToken: NOBODY,
    [right]: to,
  });
const john: User = { name: 'john', groups: ['team-a', 'mesh-system:authenticated'] };

describe('access', () => {
  it.each<AccessRight>(['adminResources', 'generateDpToken', 'generateUserToken', 'generateZoneToken'])(
    'to %s is had by name, or by any group, and by nobody else',
    (right) => {
      const may = (to: AccessGrants[AccessRight], user: User) => {
        try {
          granting(right, to).require(user, right, 'try');
          return true;
        } catch {
          return false;
        }
      };
      expect(may({ users: ['jane', 'john'], groups: [] }, john)).toBe(true);
      expect(may({ users: [], groups: ['mesh-system:authenticated'] }, john)).toBe(true);
      expect(may({ users: ['team-a'], groups: ['john'] }, john)).toBe(false);
      expect(may({ users: ['John', 'joh', 'john '], groups: ['team', 'Team-a'] }, john)).toBe(false);
      expect(may({ users: [''], groups: [''] }, john)).toBe(false);
      expect(may(NOBODY, ADMIN)).toBe(false);
      expect(may(ADMINS, ADMIN)).toBe(true);
      expect(may(ADMINS, ANONYMOUS)).toBe(false);
      expect(may({ users: [], groups: ['mesh-system:unauthenticated'] }, ANONYMOUS)).toBe(true);
    },
  );

  it('to one thing is no access to another', () => {
    const access = granting('generateDpToken', { users: ['john'], groups: [] });
    expect(() => access.require(john, 'generateDpToken', 'try')).not.toThrow();
    for (const right of ['adminResources', 'generateUserToken', 'generateZoneToken'] as const) {
      expect(() => access.require(john, right, 'try')).toThrow(expect.objectContaining({ code: 'access_denied' }));
    }
  });

  it('is refused in the words of Kuma, with name and groups', () => {
    const access = granting('adminResources', ADMINS);
    const act = 'access the resource of type "Secret"';
    expect(() => access.require(john, 'adminResources', act)).toThrow(
      expect.objectContaining({
        code: 'access_denied',
        message: `user "john/team-a,mesh-system:authenticated" cannot ${act}`,
      }),
    );
    expect(() => access.require(ANONYMOUS, 'adminResources', act)).toThrow(
      'user "mesh-system:anonymous/mesh-system:unauthenticated" cannot access the resource of type "Secret"',
    );
  });
});

describe('naming somebody by a token', () => {
  const access = granting('generateUserToken', { users: ['john'], groups: [] });
  const named = (Name: string, ...Groups: string[]) => ({ identity: { Name, Groups }, mesh: '' });
  const member: User = { name: 'jane', groups: ['team-a', 'mesh-system:admin', 'mesh-system:authenticated'] };

  it.each([named('ci'), named('ci', 'team-a'), named('a:mesh-system:admin', 'Mesh-System:admin', 'mesh-system')])(
    'is for everybody who may issue them, where the names are people’s: %j',
    (request) => {
      for (const user of [john, member]) expect(() => access.requireToName(user, 'user', request)).not.toThrow();
    },
  );

  it.each([
    [named('mesh-system:admin'), 'mesh-system:admin'],
    [named('mesh-system:control-plane'), 'mesh-system:control-plane'],
    [named('mesh-system:'), 'mesh-system:'],
    [named('ci', 'team-a', 'mesh-system:admin'), 'mesh-system:admin'],
    [named('ci', 'mesh-system:authenticated'), 'mesh-system:authenticated'],
  ])('is for members of mesh-system:admin alone, where they are the system’s: %j', (request, name) => {
    expect(() => access.requireToName(member, 'user', request)).not.toThrow();
    const byName: User = { name: 'mesh-system:admin', groups: [] };
    for (const user of [john, byName, ANONYMOUS]) {
      expect(() => access.requireToName(user, 'user', request)).toThrow(
        expect.objectContaining({
          code: 'access_denied',
          message: `user "${user.name}/${user.groups.join(',')}" cannot generate a user token for "${name}": only members of mesh-system:admin can`,
        }),
      );
    }
  });

  it('is nothing that tokens of other kinds do', () => {
    const request = { identity: { Name: 'mesh-system:admin' }, mesh: 'default' };
    expect(() => access.requireToName(john, 'dataplane', request)).not.toThrow();
  });
});
