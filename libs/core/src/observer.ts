/** What a step was about: few different values for each name, and never a token, a key or a secret's data. */
export type Facts = Readonly<Record<string, string | number>>;

/** The steps of a control plane's work that somebody may watch. */
export type Step =
  | 'http request'
  | 'token issue'
  | 'token check'
  | 'store read'
  | 'store write'
  | 'kds send'
  | 'kds apply';

/** Who watches a control plane at work: counts it, follows it, or does neither. It never changes what happens. */
export interface Observer {
  /** Runs one step; what it returns or throws passes on. `tell` adds what is only known meanwhile. */
  step<T>(step: Step, facts: Facts, work: (tell: (more: Facts) => void) => Promise<T>): Promise<T>;
}

/** Watches nothing, and costs nothing. */
export const UNOBSERVED: Observer = { step: (_step, _facts, work) => work(() => undefined) };

/** Both at once. */
export function bothObserve(one: Observer, other: Observer): Observer {
  if (one === UNOBSERVED) return other;
  if (other === UNOBSERVED) return one;
  return {
    step: (step, facts, work) =>
      one.step(step, facts, (tellOne) =>
        other.step(step, facts, (tellOther) =>
          work((more) => {
            tellOne(more);
            tellOther(more);
          }),
        ),
      ),
  };
}
