import { describe, expect, it } from 'vitest';
import type { Key } from './inventory.js';
import { judge } from './preflight.js';

const configured: Key = {
  ...{ kind: 'dataplane', mesh: '*', kid: 'ci', source: 'configuration', foundIn: 'dpServer.authn' },
  ...{ thumbprint: 'sha256:0', phase: 'active', half: 'public', signs: false, crossing: 'never' },
  ...{ zones: [], proxies: [], tokens: [] },
};

describe('the judgement of a key', () => {
  it('says where one that is configured is, also where there are no others', () => {
    const told = () =>
      judge({ controlPlane: 'east', keys: [configured] }, { kind: 'dataplane', mesh: 'default' }, 'ci');
    expect(told).toThrow('is not kept as a secret: it is configured, in dpServer.authn');
  });
});
