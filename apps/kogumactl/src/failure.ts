/** What a command ends with: 1 when it failed, 2 when it was called wrongly. */
export type FailureCode = 1 | 2;

/** A failure told in two parts: what happened, and what to do about it. */
export class Failure extends Error {
  readonly todo: string;
  readonly exitCode: FailureCode;

  constructor(what: string, todo: string, exitCode: FailureCode = 1) {
    super(what);
    this.name = 'Failure';
    this.todo = todo;
    this.exitCode = exitCode;
  }

  /** A command that was called wrongly. */
  static usage(what: string, todo: string): Failure {
    return new Failure(what, todo, 2);
  }

  /** Wraps whatever was thrown; a failure of ours passes through unchanged. */
  static from(thrown: unknown): Failure {
    if (thrown instanceof Failure) return thrown;
    const what = thrown instanceof Error ? thrown.message : String(thrown);
    return new Failure(
      what,
      'If this looks like a mistake of kogumactl, run it again with KOGUMA_DEBUG=1 and report it.',
    );
  }
}
