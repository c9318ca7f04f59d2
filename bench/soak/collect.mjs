// Loaded into the control planes of a soak: tells what is alive, which a leak cannot hide from. When garbage is collected
// by itself is up to V8, and differs by more than what is looked for.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

process.on('message', ({ type }) => {
  if (type !== 'collect') return;
  collect();
  // Finalizers let go of more.
  setImmediate(() => {
    collect();
    process.send({ type: 'alive', bytes: process.memoryUsage().heapUsed });
  });
});
