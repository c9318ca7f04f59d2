import type { Clock, Facts, Observer, Step } from '@koguma/core';
import { Counter, collectDefaultMetrics, Gauge, Histogram, type Metric, Registry } from 'prom-client';

const SECONDS = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10];

/** What a control plane tells of itself whenever its metrics are read. */
export interface Vitals {
  readonly revision: number;
  readonly leads: boolean;
  /** Open streams, by protocol: `kds`, `ads`. */
  readonly streams: Readonly<Record<string, number>>;
  /** What `GET /koguma/sync` answers. */
  readonly sync: object;
}

/** The part of `GET /koguma/sync` that is counted: of global its zones, of a zone its link. */
interface Sync {
  readonly state?: string;
  readonly lagMs?: number | null;
  readonly types?: readonly Progress[];
  readonly zones?: readonly {
    readonly zone: string;
    readonly state: string;
    readonly lagMs: number | null;
    readonly types: readonly Progress[];
  }[];
}

interface Progress {
  readonly type: string;
  readonly written: number | null;
  readonly sent?: number;
  readonly applied: number | null;
  readonly lagMs: number;
}

const ZONE_STATES = ['Online', 'Stale', 'Offline'];
const LINK_STATES = ['never-met', 'connecting', 'in-sync', 'stale', 'cut-off', 'refused', 'stand-alone'];

type Recorder = (facts: Facts, seconds: number, failed: boolean) => void;

/**
 * Counts what a control plane does, for Prometheus; what `koguma_…` means is in docs/operations.md. Labels have few values:
 * zones, routes, types and keys that there are, and never what a caller made up.
 */
export class Metrics implements Observer {
  readonly registry = new Registry();
  readonly #clock: Clock;
  readonly #steps: Readonly<Record<Step, Recorder>>;

  constructor(clock: Clock) {
    this.#clock = clock;
    for (const metric of metricsOfProcess()) this.registry.registerMetric(metric);
    this.#steps = stepsOf(this.registry);
  }

  async step<T>(step: Step, facts: Facts, work: (tell: (more: Facts) => void) => Promise<T>): Promise<T> {
    const began = this.#clock.mono();
    let all = facts;
    const record = (failed: boolean) => this.#steps[step](all, (this.#clock.mono() - began) / 1_000, failed);
    try {
      const value = await work((more) => {
        all = { ...all, ...more };
      });
      record(false);
      return value;
    } catch (error) {
      record(true);
      throw error;
    }
  }

  /** Asks `vitals` each time that the metrics are read. */
  watch(info: Readonly<Record<'mode' | 'zone' | 'version', string>>, vitals: () => Vitals): void {
    const registers = [this.registry];
    const gauge = <L extends string>(name: string, help: string, labelNames: L[], collect: (gauge: Gauge<L>) => void) =>
      new Gauge({
        name,
        help,
        labelNames,
        registers,
        collect() {
          this.reset();
          collect(this);
        },
      });
    const sync = (): Sync => vitals().sync;
    gauge('koguma_info', 'what runs here: always 1', ['mode', 'zone', 'version'], (one) => one.set(info, 1));
    gauge('koguma_leader', 'whether this one of several replicas leads', [], (one) => one.set(vitals().leads ? 1 : 0));
    gauge('koguma_store_revision', 'the revision of the store that this process has', [], (one) =>
      one.set(vitals().revision),
    );
    gauge('koguma_streams_open', 'streams that are open here, by protocol', ['protocol'], (one) => {
      for (const [protocol, count] of Object.entries(vitals().streams)) one.set({ protocol }, count);
    });
    gauge('koguma_zone_state', 'on global: 1 for the state that a zone is in', ['zone', 'state'], (one) => {
      for (const { zone, state: now } of sync().zones ?? [])
        for (const state of ZONE_STATES) one.set({ zone, state }, state === now ? 1 : 0);
    });
    gauge('koguma_link_state', 'in a zone: 1 for the state that its link to global is in', ['state'], (one) => {
      if (sync().zones) return;
      for (const state of LINK_STATES) one.set({ state }, state === sync().state ? 1 : 0);
    });
    gauge('koguma_sync_lag_seconds', 'how old what the zone has may be', ['zone'], (one) => {
      for (const { zone, lagMs } of linksIn(sync(), info.zone)) if (lagMs !== null) one.set({ zone }, lagMs / 1_000);
    });
    gauge(
      'koguma_sync_revision',
      "the revision of global's store up to which a type was written, sent, applied",
      ['zone', 'type', 'stage'],
      (one) => {
        for (const { zone, types } of linksIn(sync(), info.zone))
          for (const { type, written, sent = null, applied } of types)
            for (const [stage, revision] of Object.entries({ written, sent, applied }))
              if (revision !== null) one.set({ zone, type, stage }, revision);
      },
    );
  }
}

/** Of global the links with its zones, of a zone its own. */
function linksIn({ zones, lagMs = null, types = [] }: Sync, zone: string) {
  return zones ?? [{ zone, lagMs, types }];
}

function stepsOf(registry: Registry): Record<Step, Recorder> {
  const registers = [registry];
  const counter = (name: string, help: string, labelNames: string[]) =>
    new Counter({ name, help, labelNames, registers });
  const histogram = (name: string, help: string, labelNames: string[]) =>
    new Histogram({ name, help, labelNames, registers, buckets: SECONDS });

  const issued = counter('koguma_tokens_issued_total', 'tokens that were issued, by the key that signed', [
    'kind',
    'kid',
  ]);
  const notIssued = counter('koguma_tokens_not_issued_total', 'requests for a token that could not be signed', [
    'kind',
  ]);
  const checked = counter(
    'koguma_tokens_validated_total',
    'tokens that were checked; the kid is unknown where no key of ours made the signature',
    ['kind', 'kid', 'result'],
  );
  const http = histogram('koguma_http_request_seconds', 'requests on the API server', ['method', 'route', 'status']);
  const store = histogram('koguma_store_seconds', 'reads and writes of the store', ['operation', 'outcome']);
  const sent = histogram(
    'koguma_kds_send_seconds',
    'responses of KDS, from their sending until they were acknowledged, rejected or lost',
    ['type', 'outcome'],
  );
  const applied = histogram('koguma_kds_apply_seconds', 'responses of KDS that were applied here', ['type', 'outcome']);
  const refused = counter('koguma_kds_refused_total', 'resources of a peer that were not taken', ['type']);

  const outcome = (failed: boolean) => (failed ? 'failed' : 'ok');
  const useOfStore: Recorder = ({ operation = '' }, seconds, failed) =>
    store.observe({ operation, outcome: outcome(failed) }, seconds);
  return {
    'token issue': ({ kind = '', kid = '' }, _, failed) =>
      failed ? notIssued.inc({ kind }) : issued.inc({ kind, kid }),
    'token check': ({ kind = '', kid = '', result = '' }) => checked.inc({ kind, kid, result }),
    'http request': ({ method = '', route = '', status = '' }, seconds) =>
      http.observe({ method, route, status }, seconds),
    'store read': useOfStore,
    'store write': useOfStore,
    'kds send': ({ type = '', outcome: told = '' }, seconds) => sent.observe({ type, outcome: told }, seconds),
    'kds apply': ({ type = '', refused: count = 0 }, seconds, failed) => {
      applied.observe({ type, outcome: outcome(failed) }, seconds);
      if (Number(count) > 0) refused.inc({ type }, Number(count));
    },
  };
}

let ofProcess: Registry | undefined;

/** What Node tells of the whole process. All control planes in it share this, since what collects it is never let go. */
function metricsOfProcess(): Metric[] {
  if (!ofProcess) {
    ofProcess = new Registry();
    collectDefaultMetrics({ register: ofProcess });
  }
  const registry = ofProcess;
  return registry.getMetricsAsArray().flatMap(({ name }) => registry.getSingleMetric(name) ?? []);
}
