export { kogumactl } from './cli.js';
export type { Interrupts, Output, Terminal } from './terminal.js';
