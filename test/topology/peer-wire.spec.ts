import { describe, expect, it } from 'vitest';
import { encodeKumaResource, fromWire, globalSecret, parseWireName, textOf, toWire } from '../peer/items.js';
import { GLOBAL_TO_ZONE, hashedName, isKnownTo28, ZONE_TO_GLOBAL } from '../peer/kuma-types.js';

/** Bytes that are known of a real one: the list zone-token-revocations with id-1 and id-2 on it. */
const SAMPLE =
  '0a320a167a6f6e652d746f6b656e2d7265766f636174696f6e7332180a0e6b756d612e696f2f6f726967696e1206676c6f62616c12400a2f' +
  '747970652e676f6f676c65617069732e636f6d2f6b756d612e73797374656d2e7631616c706861312e536563726574120d0a0b0a0969642d312c69642d32';
const KUMA_RESOURCE = 'type.googleapis.com/kuma.mesh.v1alpha1.KumaResource';
const list = globalSecret('zone-token-revocations', 'id-1,id-2', { 'kuma.io/origin': 'global' });

describe('the scripted Kuma peer', () => {
  it('writes the known bytes of a KumaResource', () => {
    expect(encodeKumaResource(list).toString('hex')).toBe(SAMPLE);
  });

  it('reads them', () => {
    const { version } = toWire(list);
    const resource = { typeUrl: KUMA_RESOURCE, value: Buffer.from(SAMPLE, 'hex') };
    const item = fromWire('GlobalSecret', { name: 'zone-token-revocations.', version, resource });
    expect({ ...item, spec: textOf(item) }).toEqual({ ...list, spec: 'id-1,id-2' });
  });

  it.each([
    ['foo-zxw6c95d42zfz9cc', { mesh: '', name: 'foo' }],
    [
      'foo-696vzv497z4cv4f4',
      { mesh: '', name: 'foo', labels: { 'kuma.io/zone': 'zone-1', 'k8s.kuma.io/namespace': 'custom-ns' } },
    ],
    ['redis-zone-2-ff29vc4685c6f594', { mesh: 'default', name: 'redis-zone-2', labels: { 'kuma.io/zone': 'zone-2' } }],
    ['default-timeout-global-54dbd4c66zwbcf9c', { mesh: 'default', name: 'default-timeout-global' }],
  ])('hashes a name to %s', (hashed, item) => {
    expect(hashedName(item)).toBe(hashed);
  });

  it('hashes the name that is shown, and cuts it to what fits', () => {
    const shown = { 'kuma.io/display-name': 'foo' };
    expect(hashedName({ mesh: '', name: 'anything', labels: shown })).toBe('foo-zxw6c95d42zfz9cc');
    expect(hashedName({ mesh: '', name: 'n'.repeat(300) })).toHaveLength(253);
  });

  it('knows the types of 2.14.3 and of 2.8.8', () => {
    expect([GLOBAL_TO_ZONE.length, ZONE_TO_GLOBAL.length, GLOBAL_TO_ZONE.filter(isKnownTo28).length]).toEqual([
      45, 31, 39,
    ]);
    expect(new Set(GLOBAL_TO_ZONE).size).toBe(45);
  });

  it('splits names at the last dot, and ends those of no mesh in one', () => {
    expect(toWire(list).name).toBe('zone-token-revocations.');
    expect(parseWireName('Secret', 'a.b.default')).toEqual({ type: 'Secret', mesh: 'default', name: 'a.b' });
    expect(parseWireName('Mesh', 'default.')).toEqual({ type: 'Mesh', mesh: '', name: 'default' });
  });

  it.each([
    ['another message', { typeUrl: 'type.googleapis.com/kuma.system.v1alpha1.Secret' }, /is a type.*Secret$/],
    ['an undefined field', { value: Buffer.concat([Buffer.from(SAMPLE, 'hex'), Buffer.of(0x7a, 0)]) }, /hold more/],
    ['another name', { value: encodeKumaResource({ ...list, name: 'other' }) }, /holds other\.$/],
    ['another spec', { value: encodeKumaResource({ ...list, type: 'Config' }) }, /the spec of .* is a .*Config$/],
    ['a mesh', { value: encodeKumaResource({ ...list, mesh: 'default' }) }, /holds .*\.default$/],
    ['other labels than its version', { value: encodeKumaResource({ ...list, labels: {} }) }, /not the SHA-256/],
  ])('takes no resource with %s', (_, part, message) => {
    const resource = { typeUrl: KUMA_RESOURCE, value: Buffer.from(SAMPLE, 'hex'), ...part };
    const { name, version } = toWire(list);
    expect(() => fromWire('GlobalSecret', { name, version, resource })).toThrow(message);
  });
});
