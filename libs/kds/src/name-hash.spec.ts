import { describe, expect, it } from 'vitest';
import { hashOf, nameOnGlobal } from './name-hash.js';

describe('names on global', () => {
  it.each([
    [['', 'foo'], 'zxw6c95d42zfz9cc'],
    [['', 'foo', 'zone-1', 'custom-ns'], '696vzv497z4cv4f4'],
    [['default', 'redis-zone-2', 'zone-2'], 'ff29vc4685c6f594'],
    [['default', 'default-timeout-global'], '54dbd4c66zwbcf9c'],
  ])('have the hash that Kuma makes of %j', (parts, hash) => {
    expect(hashOf(...parts)).toBe(hash);
  });

  it('keep the name that people know, and stay within what a name may have', () => {
    expect(nameOnGlobal({ mesh: 'default', name: 'redis-zone-2' }, 'zone-2')).toBe('redis-zone-2-ff29vc4685c6f594');
    expect(nameOnGlobal({ mesh: 'default', name: 'x'.repeat(253) }, 'zone-2')).toHaveLength(253);
  });
});
