/** Shapes of what must never be told: keys as PEM, plain or in base64, tokens, and stacks. */
const SHAPES = [
  /-----BEGIN/,
  /LS0tLS1CRUdJTi/,
  /eyJ[\w-]{10,}\.eyJ/,
  /\n\s+at [^\n]*:\d+:\d+/,
  /\\n\s+at .*:\d+:\d+/,
  /node:internal|node_modules/,
];
/** Enough characters to know something by, in one line whatever breaks lines around it. */
const LONG_ENOUGH = 40;

/** Secrets by pieces of them, so that they are found in whatever they are wrapped in. */
export class Secrets {
  readonly #pieces = new Set<string>();

  /** A token, a key, or anything else that is known to be secret; short texts are nobody's. */
  add(text: string): void {
    for (const form of [text, Buffer.from(text).toString('base64')]) {
      for (const line of form.split(/[\s.,]+/)) {
        const middle = Math.floor((line.length - LONG_ENOUGH) / 2);
        if (middle >= 0) this.#pieces.add(line.slice(middle, middle + LONG_ENOUGH));
      }
    }
  }

  /** What of them, or of their kind, is in a text. */
  in(text: string): string[] {
    const known = [...this.#pieces].filter((piece) => text.includes(piece));
    return [...known, ...SHAPES.filter((shape) => shape.test(text)).map(String)];
  }
}
