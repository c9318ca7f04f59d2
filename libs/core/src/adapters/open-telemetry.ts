import type { Attributes } from '@opentelemetry/api';
import { ControlPlaneError } from '../errors.js';
import { type Facts, type Observer, UNOBSERVED } from '../observer.js';
import { VERSION } from '../version.js';
import { requestId } from './request-id.js';

type Env = Readonly<Record<string, string | undefined>>;

/** Spans for whoever asked for them, and nothing for everybody else. */
export interface Tracing {
  readonly observer: Observer;
  /** Sends what is still here; waits for a collector no longer than `FLUSH_MS`. */
  stop(): Promise<void>;
}

const OFF: Tracing = { observer: UNOBSERVED, stop: () => Promise.resolve() };
const FLUSH_MS = 300;

/**
 * Follows each step as an OpenTelemetry span, when the standard variables say where to send them (OpenTelemetry's
 * specification, "Environment Variable Specification"): `OTEL_EXPORTER_OTLP_ENDPOINT` or `…_TRACES_ENDPOINT`, and
 * `OTEL_TRACES_EXPORTER`, `OTEL_EXPORTER_OTLP_PROTOCOL`, `OTEL_SDK_DISABLED`; what the SDK reads by itself counts, too
 * (headers, timeouts, `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER`, `OTEL_BSP_*`). The SDK is
 * loaded only then.
 * @param service what spans are of where `OTEL_SERVICE_NAME` says nothing
 * @throws ControlPlaneError `invalid` for a variable that names something that is not there
 */
export async function openTelemetry(env: Env, service: string): Promise<Tracing> {
  const protocol = asked(env);
  if (protocol === undefined) return OFF;
  const { context, propagation, SpanStatusCode, trace } = await import('@opentelemetry/api');
  const { BatchSpanProcessor, NodeTracerProvider } = await import('@opentelemetry/sdk-trace-node');
  const { defaultResource, detectResources, envDetector, resourceFromAttributes } = await import(
    '@opentelemetry/resources'
  );
  const { OTLPTraceExporter } =
    protocol === 'http/json'
      ? await import('@opentelemetry/exporter-trace-otlp-http')
      : await import('@opentelemetry/exporter-trace-otlp-proto');
  const provider = new NodeTracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': service, 'service.version': VERSION }))
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
  });
  provider.register();
  const tracer = trace.getTracer('koguma', VERSION);

  const observer: Observer = {
    step: (step, facts, work) => {
      const { traceparent, ...rest } = facts;
      const parent =
        traceparent === undefined ? context.active() : propagation.extract(context.active(), { traceparent });
      return tracer.startActiveSpan(step, { attributes: attributes(rest) }, parent, (span) =>
        (async () => work((more) => span.setAttributes(attributes(more))))().then(
          (value) => {
            span.end();
            return value;
          },
          (error: unknown) => {
            span.setStatus({ code: SpanStatusCode.ERROR, message: ControlPlaneError.from(error).code });
            span.end();
            throw error;
          },
        ),
      );
    },
  };
  return { observer, stop: () => within(FLUSH_MS, provider.shutdown()) };
}

/** How spans are sent; undefined where nobody wants them. */
function asked(env: Env): 'http/protobuf' | 'http/json' | undefined {
  const { OTEL_TRACES_EXPORTER: exporter = '', OTEL_SDK_DISABLED: disabled = '' } = env;
  const endpoint = env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || env.OTEL_EXPORTER_OTLP_ENDPOINT || '';
  if (disabled.trim().toLowerCase() === 'true' || exporter === 'none') return undefined;
  if (exporter === '' && endpoint === '') return undefined;
  if (exporter !== '' && exporter !== 'otlp') throw wrong('OTEL_TRACES_EXPORTER', exporter, 'otlp, none, or nothing');
  const [name, protocol] = env.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL
    ? ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', env.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL]
    : ['OTEL_EXPORTER_OTLP_PROTOCOL', env.OTEL_EXPORTER_OTLP_PROTOCOL || 'http/protobuf'];
  if (protocol === 'http/protobuf' || protocol === 'http/json') return protocol;
  throw wrong(name as string, protocol as string, 'http/protobuf, http/json, or nothing');
}

function wrong(name: string, value: string, allowed: string): ControlPlaneError {
  return new ControlPlaneError('invalid', `${name}: got ${JSON.stringify(value)}, allowed: ${allowed}`);
}

function attributes(facts: Facts): Attributes {
  const request = requestId();
  const own = Object.entries(facts).map(([name, value]) => [`koguma.${name}`, value]);
  return {
    ...(Object.fromEntries(own) as Attributes),
    ...(request === undefined ? {} : { 'koguma.request': request }),
  };
}

/** A collector that is not there must not hold up the end. */
async function within(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work.catch(() => undefined), over]);
  clearTimeout(timer);
}
