import { type ApiServer, type Configuration, FIRST, readConfig, writeConfig } from '../config/config-file.js';
import { switchedTo, withControlPlane } from '../config/control-planes.js';
import type { Plan } from './topology.js';

const PREFIX = 'lab-';

/** The context of a control plane of a lab: `lab-global`, `lab-east`. */
export function contextOf(name: string): string {
  return `${PREFIX}${name}`;
}

/**
 * Writes a context for each control plane of a lab. One that is there with the same address stays as it is, with the
 * token that somebody may have given it. What was chosen stays chosen, unless nobody chose it or it is of a lab that was.
 * @throws Failure
 */
export function writeContexts(file: string, plans: readonly Pick<Plan, 'name' | 'api'>[]): void {
  const config = readConfig(file);
  const all = plans.reduce(
    (sofar, { name, api }) => withControlPlane(sofar, contextOf(name), apiServerOf(config, contextOf(name), api)),
    config,
  );
  const names = plans.map(({ name }) => contextOf(name));
  const [first] = names;
  const { currentContext: current } = config;
  const isOfOldLab = current.startsWith(PREFIX) && !names.includes(current);
  const nobodyChose = current === '' || JSON.stringify(config) === JSON.stringify(FIRST);
  writeConfig(file, first !== undefined && (isOfOldLab || nobodyChose) ? switchedTo(all, first) : all);
}

function apiServerOf({ controlPlanes }: Configuration, name: string, url: string): ApiServer {
  const before = controlPlanes.find((one) => one.name === name)?.coordinates.apiServer;
  return before?.url === url ? before : { url };
}
