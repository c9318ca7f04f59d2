import { tokenKind } from '@koguma/auth';
import type { Scenario, Step } from './format.js';

/** The mesh that scenarios are about. */
const MESH = 'default';
const IN_NAMES = new RegExp(`\\b(dataplane-token-(?:signing-key|revocations))-${MESH}\\b`, 'g');

/**
 * The same scenario on a lab that others use, too: in a mesh of its own, which stands for `default`, and with zone proxies that
 * have names of their own, since zone proxies are in no mesh.
 */
export function relocated(scenario: Scenario, own: string): Scenario {
  const zoneProxies = stepsIn(scenario).flatMap(({ proxy }) =>
    proxy && proxy.type !== undefined && proxy.type !== 'dataplane' ? [proxy.name] : [],
  );
  const named = (name: string) => (zoneProxies.includes(name) ? `${own}-${name}` : name);
  return { ...scenario, steps: scenario.steps.map((step) => inMesh(step, own, named)) };
}

/** Every step, also those that are repeated. */
function stepsIn({ steps }: Pick<Scenario, 'steps'>): Step[] {
  return steps.flatMap((step) => [step, ...(step.repeat?.steps ?? [])]);
}

function inMesh(step: Step, own: string, named: (name: string) => string): Step {
  const { repeat, stopProxy, proxy, expect, ...rest } = withNames(step, own);
  const moved: Step = { ...rest };
  for (const verb of ['issue', 'sign', 'rotate', 'activate', 'deleteKey'] as const) {
    const what = moved[verb];
    if (what) Object.assign(moved, { [verb]: { ...what, ...meshOf(what, own) } });
  }
  for (const verb of ['take', 'put'] as const) {
    const what = moved[verb];
    if (what?.mesh === MESH) Object.assign(moved, { [verb]: { ...what, mesh: own } });
  }
  if (stopProxy !== undefined) moved.stopProxy = named(stopProxy);
  if (proxy)
    moved.proxy = {
      ...proxy,
      name: named(proxy.name),
      ...(named(proxy.name) === proxy.name ? meshed(proxy, own) : {}),
    };
  if (expect) {
    const { proxy: seen, key, secret } = expect;
    moved.expect = {
      ...expect,
      ...(seen && { proxy: { ...seen, name: named(seen.name) } }),
      ...(key && { key: { ...key, ...meshOf(key, own), ...(key.usedBy && { usedBy: key.usedBy.map(named) }) } }),
      ...(secret?.mesh === MESH && { secret: { ...secret, mesh: own } }),
    };
  }
  if (repeat) moved.repeat = { ...repeat, steps: repeat.steps.map((one) => inMesh(one, own, named)) };
  return moved;
}

/** Names of secrets that have the mesh in them, wherever a step has them: also in the texts that it expects. */
function withNames(step: Step, own: string): Step {
  return JSON.parse(JSON.stringify(step).replace(IN_NAMES, `$1-${own}`)) as Step;
}

function meshOf({ kind, mesh }: { kind: Parameters<typeof tokenKind>[0]; mesh?: string | undefined }, own: string) {
  return tokenKind(kind).secretType === 'Secret' ? meshed({ mesh }, own) : {};
}

function meshed({ mesh = MESH }: { readonly mesh?: string | undefined }, own: string): { mesh: string } {
  return { mesh: mesh === MESH ? own : mesh };
}
