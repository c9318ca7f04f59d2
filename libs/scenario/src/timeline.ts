/** Something that happened in a run. */
export interface TimelineEvent {
  /** Time of the lab since the scenario began, in ms: what was slept through is counted. */
  readonly at: number;
  /** The control plane that it happened to; `scenario` for what the scenario itself does. */
  readonly node: string;
  readonly kind: 'step' | 'expected' | 'failed' | 'fault' | 'link' | 'proxy' | 'broken';
  readonly text: string;
}

/** What happened, in order. */
export class Timeline {
  readonly events: TimelineEvent[] = [];
  readonly #now: () => number;
  readonly #told: (event: TimelineEvent) => void;

  constructor(now: () => number, told: (event: TimelineEvent) => void) {
    this.#now = now;
    this.#told = told;
  }

  add(node: string, kind: TimelineEvent['kind'], text: string, at = this.#now()): void {
    const event = { at: Math.round(at), node, kind, text };
    this.events.push(event);
    this.#told(event);
  }
}
