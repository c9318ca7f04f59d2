/** A failure told in two parts: what happened, and what to do about it. Nothing is tried again. */
export class Failure extends Error {
  constructor(
    what: string,
    readonly todo: string,
    /** 1: it failed; 2: it was called wrongly. */
    readonly exitCode: 1 | 2 = 1,
  ) {
    super(what);
    this.name = 'Failure';
  }
}
