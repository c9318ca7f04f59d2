import { Failure } from '../failure.js';
import type { Terminal } from '../terminal.js';
import { keySync } from './key-sync.js';
import type { DemoName } from './names.js';
import { outage } from './outage.js';
import { rentLab } from './own-lab.js';
import { revocation } from './revocation.js';
import { rotation } from './rotation.js';
import { type Kogumactl, Stage } from './stage.js';
import { timeTravel } from './time-travel.js';

const STORIES: Readonly<Record<DemoName, (stage: Stage) => Promise<void>>> = {
  'key-sync': keySync,
  outage,
  revocation,
  rotation,
  'time-travel': timeTravel,
};

/** Plays a demo on the lab that runs, or on one of its own, and leaves the lab with nothing wrong on purpose. */
export async function runDemo(
  name: DemoName,
  { auto = false, data }: { readonly auto?: boolean; readonly data?: string },
  terminal: Terminal,
  kogumactl: Kogumactl,
): Promise<void> {
  const { stop } = terminal.interrupts();
  const interrupted = new Promise<never>((_, reject) => {
    const end = () => reject(new Failure('the demo was interrupted', `Begin again with: npx kogumactl demo ${name}`));
    stop.addEventListener('abort', end, { once: true });
  });
  interrupted.catch(() => undefined); // it may come before anybody waits for it
  terminal.out.write('Looking for a lab, or starting one …\n');
  const began = performance.now();
  const seconds = () => ((performance.now() - began) / 1000).toFixed(1);
  const lab = await rentLab(data, stop, terminal).catch((error: unknown) => {
    if (stop.aborted) return interrupted;
    throw error;
  });
  try {
    terminal.out.write(`${lab.isOwn ? 'A lab for this demo' : 'The lab that runs'} is ready after ${seconds()} s.\n`);
    const stage = new Stage(lab, kogumactl, auto);
    const story = STORIES[name](stage);
    await Promise.race([story, interrupted]).finally(() => stage.close());
    terminal.out.write(`\nThat was ${name}, in ${seconds()} s.\n`);
  } finally {
    const quiet = { write: () => undefined };
    if (!lab.isOwn) await kogumactl(['fault', 'reset'], { ...lab.terminal, out: quiet, err: quiet });
    await lab.leave();
  }
}
