/** What somebody wrote: its content, or undefined once it is deleted. */
export type Content = string | undefined;

/**
 * What a control plane has acknowledged, by name. A write that was never answered may have happened or not: until the
 * next one, both are right.
 */
export class Ledger {
  readonly #possible = new Map<string, readonly Content[]>();
  /** How many writes were acknowledged. */
  acknowledged = 0;

  /** Runs one write; a rejection means that nobody answered. Writes of one name come one after another. */
  async write(name: string, content: Content, send: () => Promise<unknown>): Promise<void> {
    this.#possible.set(name, [...this.#of(name), content]);
    await send();
    this.#possible.set(name, [content]);
    this.acknowledged++;
  }

  /** What is not as it was acknowledged. Ask while nobody writes: from then on, what is there is what counts. */
  lost(actual: ReadonlyMap<string, string>): string[] {
    const lost: string[] = [];
    for (const [name, possible] of this.#possible) {
      const content = actual.get(name);
      if (!possible.includes(content))
        lost.push(`${name} is ${content}, and was acknowledged as ${possible.join(' or ')}`);
      this.#possible.set(name, [content]);
    }
    return lost;
  }

  /** All that must be there now. */
  get contents(): ReadonlyMap<string, string> {
    const known = [...this.#possible].map(([name, [content]]) => [name, content] as const);
    return new Map(known.filter((entry): entry is readonly [string, string] => entry[1] !== undefined));
  }

  #of(name: string): readonly Content[] {
    return this.#possible.get(name) ?? [undefined];
  }
}
