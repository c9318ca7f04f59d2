import { Failure } from '../failure.js';
import type { ApiServer, Configuration } from './config-file.js';

/** The control plane that a command speaks to. */
export interface Target {
  /** Of its context. */
  readonly name: string;
  readonly apiServer: ApiServer;
  /** The mesh that its context says; undefined when it says none. */
  readonly mesh: string | undefined;
}

/** A configuration with one control plane more, or other than before, under a context of the same name. */
export function withControlPlane(config: Configuration, name: string, apiServer: ApiServer): Configuration {
  const context = config.contexts.find((one) => one.name === name);
  return {
    ...config,
    contexts: replaced(config.contexts, { ...context, name, controlPlane: name }),
    controlPlanes: replaced(config.controlPlanes, { name, coordinates: { apiServer } }),
  };
}

/** Without a control plane and its contexts. When the current one was among them, the first that is left is current. */
export function withoutControlPlane(config: Configuration, name: string): Configuration {
  mustHave(config, name);
  const contexts = config.contexts.filter((context) => context.controlPlane !== name);
  const isLeft = contexts.some((context) => context.name === config.currentContext);
  return {
    ...config,
    contexts,
    controlPlanes: config.controlPlanes.filter((one) => one.name !== name),
    currentContext: isLeft ? config.currentContext : (contexts[0]?.name ?? ''),
  };
}

/** With another control plane as the one that is spoken to when nobody says which. */
export function switchedTo(config: Configuration, name: string): Configuration {
  mustHave(config, name);
  const context = config.contexts.find((one) => one.controlPlane === name);
  if (context) return { ...config, currentContext: context.name };
  return { ...config, contexts: [...config.contexts, { name, controlPlane: name }], currentContext: name };
}

/** Finds what `--context` names (a context, else a control plane), or what is current. */
export function targetOf(config: Configuration, wanted: string | undefined): Target {
  const name = wanted ?? config.currentContext;
  if (name === '') {
    throw new Failure('no control plane is chosen', 'Add one: npx kogumactl config control-planes add --help');
  }
  const context = config.contexts.find((one) => one.name === name);
  const controlPlane = config.controlPlanes.find((one) => one.name === (context?.controlPlane ?? name));
  if (controlPlane) return { name, apiServer: controlPlane.coordinates.apiServer, mesh: context?.defaults?.mesh };
  const names = config.contexts.map((one) => one.name).join(', ') || 'none';
  throw new Failure(`there is no context ${JSON.stringify(name)}`, `Choose one of those that there are (${names}).`);
}

function mustHave({ controlPlanes }: Configuration, name: string): void {
  if (controlPlanes.some((one) => one.name === name)) return;
  const names = controlPlanes.map((one) => one.name).join(', ') || 'none';
  throw new Failure(`there is no Control Plane with name ${JSON.stringify(name)}`, `Those that there are: ${names}.`);
}

function replaced<N extends { readonly name: string }>(all: readonly N[], one: N): N[] {
  const at = all.findIndex(({ name }) => name === one.name);
  return at < 0 ? [...all, one] : all.with(at, one);
}
