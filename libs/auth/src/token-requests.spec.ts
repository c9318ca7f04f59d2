import { describe, expect, it } from 'vitest';
import { refusal } from './refusal.contract.js';
import { TOKEN_KIND_NAMES, type TokenKindName } from './token-kinds.js';
import { readTokenRequest } from './token-requests.js';

const TEN_YEARS = 315_360_000;
const NO_OBJECT = 'must be a JSON object';
const LABEL =
  "must be 1 to 63 characters: lower-case letters, digits and '-', beginning and ending with a letter or digit";
const NOT_TEXT = 'must be a string';
const EMPTY = 'cannot be empty';

describe('a request for a token', () => {
  it.each<[string, TokenKindName, object, object]>([
    ['a mesh alone', 'dataplane', { mesh: 'm' }, { Name: '', Mesh: 'm', Tags: {}, Type: '' }],
    [
      'nulls for what may be left out',
      'dataplane',
      { mesh: 'm', name: null, tags: null, type: null, workload: null },
      { Name: '', Mesh: 'm', Tags: {}, Type: '' },
    ],
    [
      'all that there is',
      'dataplane',
      { workload: 'w', type: 'ingress', tags: { a: ['b'] }, mesh: 'm', name: 'backend-1' },
      { Name: 'backend-1', Mesh: 'm', Tags: { a: ['b'] }, Type: 'ingress', Workload: 'w' },
    ],
    [
      'tags twice and in disorder',
      'dataplane',
      { mesh: 'm', tags: { 'kuma.io/service': ['web', 'api', 'web'], team: [], zone: ['b', 'B', 'a'] } },
      { Name: '', Mesh: 'm', Tags: { 'kuma.io/service': ['api', 'web'], zone: ['B', 'a', 'b'] }, Type: '' },
    ],
    ['an empty workload', 'dataplane', { mesh: 'm', workload: '' }, { Name: '', Mesh: 'm', Tags: {}, Type: '' }],
    ['a zone', 'zone-ingress', { zone: 'east-1' }, { Zone: 'east-1' }],
    ['scopes', 'zone', { scope: ['egress', 'ingress'], zone: 'east' }, { Zone: 'east', Scope: ['egress', 'ingress'] }],
    ['a scope for any zone', 'zone', { scope: ['ingress'] }, { Zone: '', Scope: ['ingress'] }],
    ['any zone said as null', 'zone', { scope: ['egress'], zone: null }, { Zone: '', Scope: ['egress'] }],
    ['scope cp and its zone', 'zone', { zone: 'east', scope: ['cp'] }, { Zone: 'east', Scope: ['cp'] }],
    ['a name', 'user', { validFor: '1h', name: 'john' }, { Name: 'john', Groups: [] }],
    ['null groups', 'user', { validFor: '1h', name: 'john', groups: null }, { Name: 'john', Groups: [] }],
    [
      'groups, kept as they are',
      'user',
      { validFor: '1h', groups: ['b', 'a', 'b'], name: 'jo hn' },
      { Name: 'jo hn', Groups: ['b', 'a', 'b'] },
    ],
  ])('with %s becomes the identity of a %s token, in the order of Kuma', (_, kind, body, identity) => {
    const order = readTokenRequest(kind, body);
    expect(JSON.stringify(order.identity)).toBe(JSON.stringify(identity));
    expect(order.mesh).toBe((body as { mesh?: string }).mesh ?? '');
  });

  it('may have fields that nobody knows', () => {
    const order = readTokenRequest('user', {
      name: 'john',
      validFor: '1h',
      Name: 'x',
      jti: 'mine',
      exp: 1,
      toString: 1,
    });
    expect(order).toEqual({ identity: { Name: 'john', Groups: [] }, mesh: '', validForSeconds: 3_600 });
  });

  it.each<[TokenKindName, unknown, [string, string][]]>([
    ['dataplane', {}, [['mesh', EMPTY]]],
    ['dataplane', { mesh: '' }, [['mesh', EMPTY]]],
    ['dataplane', { mesh: null }, [['mesh', EMPTY]]],
    ['dataplane', { Mesh: 'm' }, [['mesh', EMPTY]]],
    ['dataplane', { mesh: 7 }, [['mesh', NOT_TEXT]]],
    ['dataplane', { mesh: 'm', name: 7 }, [['name', NOT_TEXT]]],
    ['dataplane', { mesh: 'm', tags: ['a'] }, [['tags', 'must be an object of lists of strings']]],
    ['dataplane', { mesh: 'm', tags: 'a=b' }, [['tags', 'must be an object of lists of strings']]],
    ['dataplane', { mesh: 'm', tags: { team: 'a' } }, [['tags.team', 'must be a list of strings']]],
    [
      'dataplane',
      { mesh: 'm', tags: { 'kuma.io/service': 'web' } },
      [['tags["kuma.io/service"]', 'must be a list of strings']],
    ],
    ['dataplane', { mesh: 'm', tags: { team: null } }, [['tags.team', 'must be a list of strings']]],
    ['dataplane', { mesh: 'm', tags: { team: ['a', 7] } }, [['tags.team[1]', NOT_TEXT]]],
    [
      'dataplane',
      { mesh: 'm', type: 'Dataplane' },
      [['type', 'Dataplane is not a valid proxy type: use one of dataplane, ingress, egress']],
    ],
    ['dataplane', { mesh: 'm', type: 7 }, [['type', NOT_TEXT]]],
    ['dataplane', { mesh: 'm', workload: {} }, [['workload', NOT_TEXT]]],
    ['zone-ingress', {}, [['zone', EMPTY]]],
    ['zone-ingress', { zone: '' }, [['zone', EMPTY]]],
    ['zone-ingress', { zone: ['east'] }, [['zone', NOT_TEXT]]],
    ['zone-ingress', { zone: 'East' }, [['zone', LABEL]]],
    ['zone-ingress', { zone: 'z'.repeat(64) }, [['zone', LABEL]]],
    ['zone', {}, [['scope', EMPTY]]],
    ['zone', { scope: null }, [['scope', EMPTY]]],
    ['zone', { scope: [] }, [['scope', EMPTY]]],
    ['zone', { scope: 'ingress' }, [['scope', 'must be a list of strings']]],
    ['zone', { scope: ['ingress', 'all'] }, [['scope[1]', 'all is not a scope: use one of ingress, egress, cp']]],
    ['zone', { scope: ['Ingress'] }, [['scope[0]', 'Ingress is not a scope: use one of ingress, egress, cp']]],
    ['zone', { scope: [''] }, [['scope[0]', ' is not a scope: use one of ingress, egress, cp']]],
    ['zone', { scope: [{ toString: 1 }] }, [['scope[0]', NOT_TEXT]]],
    ['zone', { scope: ['cp'] }, [['zone', 'cannot be empty with scope cp']]],
    ['zone', { zone: '', scope: ['ingress', 'cp'] }, [['zone', 'cannot be empty with scope cp']]],
    ['zone', { zone: 'east.1', scope: ['ingress'] }, [['zone', LABEL]]],
    [
      'zone',
      { zone: '-', scope: ['x'] },
      [
        ['zone', LABEL],
        ['scope[0]', 'x is not a scope: use one of ingress, egress, cp'],
      ],
    ],
    ['user', { validFor: '1h' }, [['name', EMPTY]]],
    ['user', { name: '', validFor: '1h' }, [['name', EMPTY]]],
    ['user', { name: ['john'], validFor: '1h' }, [['name', NOT_TEXT]]],
    ['user', { name: 'john', groups: 'admins', validFor: '1h' }, [['groups', 'must be a list of strings']]],
    ['user', { name: 'john', groups: [null], validFor: '1h' }, [['groups[0]', NOT_TEXT]]],
    [
      'user',
      {},
      [
        ['name', EMPTY],
        ['validFor', EMPTY],
      ],
    ],
    [
      'dataplane',
      { type: 'vm', validFor: '0s' },
      [
        ['mesh', EMPTY],
        ['type', 'vm is not a valid proxy type: use one of dataplane, ingress, egress'],
        ['validFor', 'must be at least 1s'],
      ],
    ],
  ])('%s %j is refused, and every wrong field is named', (kind, body, violations) => {
    expect(() => readTokenRequest(kind, body)).toThrow(expect.objectContaining(refusal(...violations)));
  });

  it.each(TOKEN_KIND_NAMES)('for a %s token must be a JSON object', (kind) => {
    for (const body of [undefined, null, [], 'text', 7, true]) {
      const found = [['', NO_OBJECT], ...(kind === 'user' ? [['validFor', EMPTY]] : [])] as [string, string][];
      expect(() => readTokenRequest(kind, body)).toThrow(expect.objectContaining(refusal(...found)));
    }
  });
});

describe('validFor', () => {
  const ask = (kind: TokenKindName, validFor: unknown) =>
    readTokenRequest(kind, { mesh: 'm', zone: 'east', scope: ['ingress'], name: 'john', validFor }).validForSeconds;

  it.each(TOKEN_KIND_NAMES.filter((kind) => kind !== 'user'))('of a %s token is ten years when left out', (kind) => {
    expect([undefined, null, ''].map((validFor) => ask(kind, validFor))).toEqual([TEN_YEARS, TEN_YEARS, TEN_YEARS]);
  });

  it.each([undefined, null, ''])('of a user token must be said: %j is refused', (validFor) => {
    expect(() => ask('user', validFor)).toThrow(expect.objectContaining(refusal(['validFor', EMPTY])));
  });

  it.each<[string, number]>([
    ['1s', 1],
    ['24h', 86_400],
    ['87600h', TEN_YEARS],
    ['1h30m', 5_400],
    ['+1m', 60],
    ['1.5s', 1],
    ['1999ms', 1],
    ['1000000000ns', 1],
    ['0.5h', 1_800],
    ['2562047h47m16s', 9_223_372_036],
  ])('%s is so many whole seconds', (validFor, seconds) => {
    expect(TOKEN_KIND_NAMES.map((kind) => ask(kind, validFor))).toEqual(TOKEN_KIND_NAMES.map(() => seconds));
  });

  it.each<[string, string]>([
    ['0', 'must be at least 1s'],
    ['0s', 'must be at least 1s'],
    ['-0s', 'must be at least 1s'],
    ['-1h', 'must be at least 1s'],
    ['500ms', 'must be at least 1s'],
    ['999999999ns', 'must be at least 1s'],
    ['-9223372036854775808ns', 'must be at least 1s'],
    ['1d', 'is invalid: time: unknown unit "d" in duration "1d"'],
    ['abc', 'is invalid: time: invalid duration "abc"'],
    ['1', 'is invalid: time: missing unit in duration "1"'],
    [' 1h', 'is invalid: time: invalid duration " 1h"'],
    ['1H', 'is invalid: time: unknown unit "H" in duration "1H"'],
    ['9223372036854775808ns', 'is invalid: time: invalid duration "9223372036854775808ns"'],
    ['2562048h', 'is invalid: time: invalid duration "2562048h"'],
  ])('%j is refused for every kind', (validFor, reason) => {
    for (const kind of TOKEN_KIND_NAMES) {
      expect(() => ask(kind, validFor)).toThrow(expect.objectContaining(refusal(['validFor', reason])));
    }
  });

  it.each([3_600, true, ['1h'], {}, '1h'.repeat(51)])('%j is not a duration in a string', (validFor) => {
    const reason = 'must be a string with a duration, such as 24h or 1h30m';
    expect(() => ask('zone', validFor)).toThrow(expect.objectContaining(refusal(['validFor', reason])));
  });
});
