import type { GlobalSync } from '../sync/report.js';
import { lag } from '../sync/status.js';
import type { Output } from '../terminal.js';

const WIDTH = 20;

/** A bar for each zone, which grows in its place while changes travel. Where that is no terminal there are none. */
export class LagBars {
  readonly #out: Output;
  #drawn = 0;

  constructor(out: Output) {
    this.#out = out;
  }

  /** Over what was drawn before. */
  draw(sync: GlobalSync): void {
    if (this.#out.isTTY !== true) return;
    const lines = sync.zones.map((zone) => barOf(zone, sync));
    const up = this.#drawn > 0 ? `\x1b[${this.#drawn}A` : '';
    this.#out.write(`${up}${lines.map((line) => `\x1b[2K    ${line}\n`).join('')}`);
    this.#drawn = lines.length;
  }
}

/** `east  ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▁▁▁▁  4 of 5 types, 1.2s behind`. */
function barOf({ zone, types, lagMs, state }: GlobalSync['zones'][number], { written }: GlobalSync): string {
  const all = Object.entries(written);
  const done = all.filter(([type, revision]) => (types.find((one) => one.type === type)?.applied ?? -1) >= revision);
  const full = Math.round((WIDTH * done.length) / Math.max(1, all.length));
  const behind = done.length === all.length ? 'in sync' : `${state}, ${lag(lagMs ?? 0)} behind`;
  return `${zone.padEnd(8)} ${'▇'.repeat(full)}${'▁'.repeat(WIDTH - full)}  ${done.length} of ${all.length} types, ${behind}`;
}
