import { describe, expect, it } from 'vitest';
import { foreign, trespass } from './boundaries.js';
import { type ProxyType, proxyOf } from './proxy.js';

type Tags = Record<string, string>;
const S = 'kuma.io/service';

/** What a token says that says nothing more than its mesh. */
const MESH = { Name: '', Mesh: 'default', Tags: {}, Workload: '' };
const tags = (all: Record<string, string[]>, more: object = {}) => ({ ...MESH, Tags: all, ...more });
const inbounds = (...all: Tags[]) => ({ inbound: all.map((one, port) => ({ port, tags: one })) });

function objection(identity: object, networking: object, labels: Tags = {}, name = 'web-1'): string | undefined {
  const proxy = proxyOf('dataplane', 'default', name);
  const claims = identity as Readonly<Record<string, unknown>>;
  return foreign(claims, proxy, 'east') ?? trespass(claims, proxy, { spec: { networking }, labels });
}

const BACKEND = { [S]: 'backend' };
const ADMIN = { [S]: 'backend-admin' };

describe('the boundary of a dataplane token', () => {
  it.each<[string, object, object]>([
    ['mesh only: any proxy', MESH, inbounds(BACKEND, { other: 'x' })],
    ['no mesh in the claims: its key’s mesh alone binds it', { ...MESH, Mesh: '' }, inbounds(BACKEND)],
    ['mesh and name: the proxy of that name', { ...MESH, Name: 'web-1' }, inbounds(BACKEND)],
    ['a tag, and a proxy that has it', tags({ [S]: ['backend'] }), inbounds(BACKEND)],
    ['both values of two inbounds', tags({ [S]: ['backend', 'backend-admin'] }), inbounds(BACKEND, ADMIN)],
    ['more values than the proxy has', tags({ [S]: ['backend', 'backend-admin'] }), inbounds(ADMIN)],
    ['tags that the token says nothing of', tags({ [S]: ['backend'] }), inbounds({ ...BACKEND, version: 'v2' })],
    [
      'a tag that only one of two inbounds has',
      tags({ [S]: ['backend'], version: ['v1'] }),
      inbounds({ ...BACKEND, version: 'v1' }, BACKEND),
    ],
    ['a gateway’s tag', tags({ [S]: ['edge'] }), { gateway: { tags: { [S]: 'edge' } } }],
    ['mesh, name and tag', tags({ [S]: ['backend'] }, { Name: 'web-1' }), inbounds(BACKEND)],
  ])('holds %s', (_, identity, networking) => {
    expect(objection(identity, networking)).toBeUndefined();
  });

  it.each<[string, object, object, string]>([
    [
      'another mesh',
      { ...MESH, Mesh: 'payments' },
      inbounds(BACKEND),
      'the token is for mesh "payments", not for "default"',
    ],
    ['another name', { ...MESH, Name: 'web-2' }, inbounds(BACKEND), 'the token is for proxy "web-2", not for "web-1"'],
    [
      'another value',
      tags({ [S]: ['backend'] }),
      inbounds(ADMIN),
      `dataplane contains tag "${S}" with value "backend-admin", the token allows "backend"`,
    ],
    [
      'two inbounds, one of them with a value that is missing',
      tags({ [S]: ['backend'] }),
      inbounds(BACKEND, ADMIN),
      `dataplane contains tag "${S}" with value "backend-admin", the token allows "backend"`,
    ],
    [
      'no such tag',
      tags({ version: ['v1'] }),
      inbounds(BACKEND),
      'dataplane has no tag "version" required by the token',
    ],
    [
      'a second tag with another value',
      tags({ [S]: ['backend'], version: ['v1'] }),
      inbounds({ ...BACKEND, version: 'v2' }),
      'dataplane contains tag "version" with value "v2", the token allows "v1"',
    ],
    [
      'a gateway with another value',
      tags({ [S]: ['edge'] }),
      { gateway: { tags: { [S]: 'other' } } },
      `dataplane contains tag "${S}" with value "other", the token allows "edge"`,
    ],
    ['no inbounds at all', tags({ [S]: ['backend'] }), {}, `dataplane has no tag "${S}" required by the token`],
    [
      'the right tag and another name',
      tags({ [S]: ['backend'] }, { Name: 'web-2' }),
      inbounds(BACKEND),
      'the token is for proxy "web-2", not for "web-1"',
    ],
    [
      'a tag without a value',
      tags({ [S]: [] }),
      inbounds(BACKEND),
      `dataplane contains tag "${S}" with value "backend", the token allows `,
    ],
    [
      'a value in other letters',
      tags({ [S]: ['Backend'] }),
      inbounds(BACKEND),
      `dataplane contains tag "${S}" with value "backend", the token allows "Backend"`,
    ],
  ])('does not hold %s', (_, identity, networking, told) => {
    expect(objection(identity, networking)).toBe(told);
  });

  it.each<[Tags, string | undefined]>([
    [{ 'kuma.io/workload': 'shop' }, undefined],
    [
      { 'kuma.io/workload': 'bank' },
      'the token is for workload "shop", and the dataplane\'s label kuma.io/workload is "bank"',
    ],
    [{}, 'the token is for workload "shop", and the dataplane\'s label kuma.io/workload is none'],
  ])('is the workload that the label says: %j', (labels, told) => {
    expect(objection({ ...MESH, Workload: 'shop' }, inbounds(BACKEND), labels)).toBe(told);
  });

  it('lets a proxy that has a workload be when the token names none', () => {
    expect(objection(MESH, inbounds(BACKEND), { 'kuma.io/workload': 'shop' })).toBeUndefined();
  });
});

describe('the boundary of a token for zone proxies', () => {
  const all: [string, ProxyType, object, string | undefined][] = [
    ['its zone', 'ingress', { Zone: 'east' }, undefined],
    ['any zone, when it names none', 'ingress', { Zone: '' }, undefined],
    ['not another zone', 'ingress', { Zone: 'west' }, 'the token is for zone "west", not for "east"'],
    [
      'egresses never, when it is a zone-ingress token',
      'egress',
      { Zone: 'east' },
      'the token is for "ingress", not for an egress',
    ],
    ['its scope', 'egress', { Zone: 'east', Scope: ['egress'] }, undefined],
    ['both scopes', 'ingress', { Zone: 'east', Scope: ['ingress', 'egress'] }, undefined],
    [
      'not another scope',
      'ingress',
      { Zone: 'east', Scope: ['egress'] },
      'the token is for "egress", not for an ingress',
    ],
    [
      'no proxy, when it is a control plane’s',
      'ingress',
      { Zone: 'east', Scope: ['cp'] },
      'the token is for "cp", not for an ingress',
    ],
    ['nothing without a scope', 'egress', { Zone: 'east', Scope: [] }, 'the token is for nothing, not for an egress'],
    [
      'its scope in its zone alone',
      'egress',
      { Zone: 'west', Scope: ['egress'] },
      'the token is for zone "west", not for "east"',
    ],
  ];
  it.each(all)('is %s', (_, type, identity, told) => {
    expect(foreign(identity as Record<string, unknown>, proxyOf(type, '', 'p'), 'east')).toBe(told);
  });
});
