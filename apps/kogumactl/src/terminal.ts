import type { Environment } from './lab/topology.js';

/** Somewhere to write text to, and what it can show. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

/** Something to read from. */
export interface Input extends AsyncIterable<Uint8Array> {
  /** Reads no more, and lets go of whoever waits for more: who waits at a terminal would wait for ever. */
  destroy?(): unknown;
}

/** How a user ends a command that runs until then. */
export interface Interrupts {
  /** Ends when the command is to end. */
  readonly stop: AbortSignal;
  /** Ends when the user does not want to wait for that any longer. */
  readonly atOnce: AbortSignal;
}

/** All that a command gets from outside, so that it can be called as a function. */
export interface Terminal {
  readonly out: Output;
  readonly err: Output;
  readonly env: Environment;
  /** What is piped into the command, in UTF-8; looked at only by commands that read it. */
  stdin(): Input;
  /** From this call on, Ctrl-C and the like no longer end the process by themselves. */
  interrupts(): Interrupts;
}
