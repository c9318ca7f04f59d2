import type { ResourceKey } from '@koguma/resources';

/** What a hashed name keeps of the name, so that 253 characters are not passed. */
const LONGEST_STEM = 236;
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const FNV_OFFSET = 0xcbf29ce484222325n;
const FNV_PRIME = 0x100000001b3n;

/**
 * The name under which a zone's resource is known on global, as Kuma makes it: resources of several zones and meshes
 * meet there, so a hash of mesh, name and zone keeps them apart.
 */
export function nameOnGlobal({ mesh, name }: Pick<ResourceKey, 'mesh' | 'name'>, zone: string): string {
  return `${name.slice(0, LONGEST_STEM)}-${hashOf(mesh, name, zone)}`;
}

/** FNV-1a (64 bit) over the plain concatenation, its hex digits spelled in letters that make no words. */
export function hashOf(...parts: readonly string[]): string {
  let hash = FNV_OFFSET;
  for (const byte of Buffer.from(parts.join(''), 'utf8')) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * FNV_PRIME);
  const digits = hash.toString(16).padStart(16, '0');
  return digits.replace(/./g, (digit) => ALPHABET.charAt(digit.charCodeAt(0) % ALPHABET.length));
}
