import type { Cancel, Clock } from '@koguma/core';

interface Deadline {
  /** Milliseconds of `wall`. */
  readonly at: number;
  readonly run: () => void;
  /** Where it is in the heap; -1 once it is not. */
  place: number;
}

/** Many moments of the wall clock with one timer, set to the first of them. */
export class Deadlines {
  readonly #clock: Clock;
  /** A binary heap: no deadline is later than the two below it. */
  readonly #heap: Deadline[] = [];
  #armedFor: number | undefined;
  #disarm: Cancel = () => undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How many there are. */
  get size(): number {
    return this.#heap.length;
  }

  /** Runs once `wall` shows `at`, however it gets there. */
  add(at: number, run: () => void): Cancel {
    const deadline: Deadline = { at, run, place: this.#heap.length };
    this.#heap.push(deadline);
    this.#up(deadline);
    this.#arm();
    return () => {
      if (deadline.place === -1) return;
      this.#remove(deadline);
      this.#arm();
    };
  }

  #arm(): void {
    const next = this.#heap[0]?.at;
    if (next === this.#armedFor) return;
    this.#disarm();
    this.#armedFor = next;
    this.#disarm = next === undefined ? () => undefined : this.#clock.at(next, () => this.#due());
  }

  #due(): void {
    this.#armedFor = undefined;
    const now = this.#clock.wall();
    for (let first = this.#heap[0]; first && first.at <= now; first = this.#heap[0]) {
      this.#remove(first);
      first.run();
    }
    this.#arm();
  }

  #remove(deadline: Deadline): void {
    const last = this.#heap.pop() as Deadline;
    if (last !== deadline) {
      this.#put(last, deadline.place);
      this.#up(last);
      this.#down(last);
    }
    deadline.place = -1;
  }

  #up(deadline: Deadline): void {
    while (deadline.place > 0) {
      const above = this.#heap[(deadline.place - 1) >> 1] as Deadline;
      if (above.at <= deadline.at) return;
      this.#swap(above, deadline);
    }
  }

  #down(deadline: Deadline): void {
    for (;;) {
      const [left, right] = [this.#heap[2 * deadline.place + 1], this.#heap[2 * deadline.place + 2]];
      const lower = left && right && right.at < left.at ? right : left;
      if (!lower || lower.at >= deadline.at) return;
      this.#swap(deadline, lower);
    }
  }

  #swap(above: Deadline, below: Deadline): void {
    const { place } = above;
    this.#put(above, below.place);
    this.#put(below, place);
  }

  #put(deadline: Deadline, place: number): void {
    this.#heap[place] = deadline;
    deadline.place = place;
  }
}
