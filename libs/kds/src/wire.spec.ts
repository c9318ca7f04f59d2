import { LABEL, type Spec } from '@koguma/resources';
import { describe, expect, it } from 'vitest';
import { KumaResource } from './gen/kuma/mesh/v1alpha1/sync.js';
import { type Crossing, decodeResource, encodeResource, parseWireName, UnreadableResource, wireName } from './wire.js';

/** Bytes that another protobuf implementation wrote for a revocation list with the ids id-1 and id-2. */
const SAMPLE =
  '0a320a167a6f6e652d746f6b656e2d7265766f636174696f6e7332180a0e6b756d612e696f2f6f726967696e1206676c6f62616c12400a2f' +
  '747970652e676f6f676c65617069732e636f6d2f6b756d612e73797374656d2e7631616c706861312e536563726574120d0a0b0a0969642d312c69642d32';

const list: Crossing = {
  key: { type: 'GlobalSecret', mesh: '', name: 'zone-token-revocations' },
  spec: { data: Buffer.from('id-1,id-2').toString('base64') },
  labels: { [LABEL.origin]: 'global' },
};

describe('resources on the wire', () => {
  it('are the bytes that another implementation writes', () => {
    expect(Buffer.from(encodeResource(list).resource?.value ?? []).toString('hex')).toBe(SAMPLE);
  });

  it('are read from the bytes of another implementation', () => {
    const value = Buffer.from(SAMPLE, 'hex');
    const typeUrl = 'type.googleapis.com/kuma.mesh.v1alpha1.KumaResource';
    expect(
      decodeResource('GlobalSecret', { name: 'x.', version: '', aliases: [], resource: { typeUrl, value } }),
    ).toEqual(list);
  });

  it('end in a dot when they are in no mesh, and are split at the last dot', () => {
    expect(wireName({ name: 'zone-token-revocations', mesh: '' })).toBe('zone-token-revocations.');
    expect(parseWireName('Secret', 'a.b.default')).toEqual({ type: 'Secret', mesh: 'default', name: 'a.b' });
    expect(parseWireName('Mesh', 'default.')).toEqual({ type: 'Mesh', mesh: '', name: 'default' });
    expect(parseWireName('Mesh', 'default')).toEqual({ type: 'Mesh', mesh: '', name: 'default' });
  });

  it('have a version that is the SHA-256 of their bytes, whatever the order of labels', () => {
    const one = encodeResource({ ...list, labels: { a: '1', b: '2' } });
    const other = encodeResource({ ...list, labels: { b: '2', a: '1' } });
    expect(one.version).toMatch(/^[0-9a-f]{64}$/);
    expect(other.version).toBe(one.version);
    expect(encodeResource(list).version).not.toBe(one.version);
  });

  it.each<[string, Crossing['key'], Spec]>([
    ['a mesh with everything in it', { type: 'Mesh', mesh: '', name: 'm' }, mesh()],
    ['an empty mesh', { type: 'Mesh', mesh: '', name: 'm' }, {}],
    ['a secret of a mesh', { type: 'Secret', mesh: 'm', name: 's' }, { data: 'AAH/' }],
    ['an empty secret', { type: 'Secret', mesh: 'm', name: 's' }, {}],
    ['a config', { type: 'Config', mesh: '', name: 'kuma-cluster-id' }, { config: 'id' }],
  ])('come back as they went: %s', (_, key, spec) => {
    const crossing = { key, spec, labels: { [LABEL.origin]: 'global' } };
    expect(decodeResource(key.type, encodeResource(crossing))).toEqual(crossing);
  });

  it.each([
    [
      'another message than a KumaResource',
      { typeUrl: 'type.googleapis.com/kuma.system.v1alpha1.Secret', value: Buffer.of() },
    ],
    ['bytes that are no protobuf', kuma(Buffer.from('ffffffff', 'hex'))],
    ['no meta', kuma(KumaResource.encode({}).finish())],
    [
      'a spec of another type',
      kuma(
        encodeResource({ ...list, key: { type: 'Config', mesh: '', name: 'x' }, spec: { config: '' } }).resource?.value,
      ),
    ],
    [
      'a mesh where none belongs',
      kuma(encodeResource({ ...list, key: { type: 'Secret', mesh: 'm', name: 'x' } }).resource?.value),
    ],
  ])('that cannot be read are refused one by one: %s', (_, resource) => {
    expect(() => decodeResource('GlobalSecret', { name: 'x.', version: '', aliases: [], resource })).toThrow(
      UnreadableResource,
    );
  });
});

function kuma(value: Uint8Array = Buffer.of()) {
  return { typeUrl: 'type.googleapis.com/kuma.mesh.v1alpha1.KumaResource', value };
}

function mesh(): Spec {
  return {
    mtls: {
      enabledBackend: 'ca',
      backends: [{ name: 'ca', type: 'builtin', conf: { caCert: { expiration: '10y' } } }],
    },
    routing: { zoneEgress: true, localityAwareLoadBalancing: true },
    constraints: { dataplaneProxy: { requirements: [{ tags: { 'kuma.io/zone': 'east' } }] } },
    skipCreatingInitialPolicies: ['*'],
    meshServices: { mode: 'Exclusive' },
  };
}
