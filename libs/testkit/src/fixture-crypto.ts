import { nodeCrypto, parseRsaKey, type RsaKey, type TokenCrypto } from '@koguma/auth';
import { FIXTURE_KEYS } from './fixture-keys.js';

/** Hands out each fixture key once, so that no two keys of one lab are the same. */
export class FixtureKeys {
  #used = 0;

  /** When all are used up, keys are really made. */
  async take(): Promise<RsaKey> {
    const der = FIXTURE_KEYS[this.#used++];
    return der === undefined ? nodeCrypto.makeKey() : parseRsaKey(Buffer.from(der, 'base64'));
  }
}

/** Real signing and checking; only the making of keys is replaced, since it takes a tenth of a second and more. */
export function fixtureCrypto(keys: FixtureKeys): TokenCrypto {
  return { ...nodeCrypto, makeKey: () => keys.take() };
}
