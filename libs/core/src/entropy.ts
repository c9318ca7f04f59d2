/** Chance, injected: one seed gives one run. */
export interface Entropy {
  /** A version 4 UUID (RFC 9562) in lower case. */
  uuid(): string;
  /** A number in [0, 1). Never used for secrets. */
  random(): number;
}

/** Chance that repeats: the same seed gives the same numbers (SplitMix32). For tests and simulations only. */
export class SeededEntropy implements Entropy {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  random(): number {
    return this.#next() / 2 ** 32;
  }

  uuid(): string {
    const bytes = Array.from({ length: 16 }, () => this.#next() >>> 24);
    bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
    bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
    const hex = bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }

  #next(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  }
}

/** A delay of `ms` spread by ±20 %, so that peers that failed together do not come back together. */
export function jittered(ms: number, entropy: Entropy): number {
  return ms * (0.8 + 0.4 * entropy.random());
}
