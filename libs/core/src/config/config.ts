import { ControlPlaneError } from '../errors.js';
import { masked } from './mask.js';
import { type ConfigSources, Reading } from './read.js';
import { RULES } from './rules.js';
import { type Config, SETTINGS } from './settings.js';

/**
 * Reads the configuration of one control plane: defaults, then YAML, then the environment. Warnings are sentences to
 * log at start.
 * @throws ControlPlaneError `invalid`, naming in one line everything that is wrong, with one violation each
 * @example loadConfig({ role: 'zone', env: { KUMA_MULTIZONE_ZONE_NAME: 'east' } }).config.multizone.zone.name
 */
export function loadConfig(sources: ConfigSources): { config: Config; warnings: string[] } {
  const reading = new Reading(SETTINGS, sources);
  for (const rule of RULES) rule(reading.config, sources.role, reading);
  const { config, violations, warnings } = reading;
  if (violations.length === 0) return { config, warnings };
  const told = violations.map(({ field, reason }) => `${field}: ${reason}`).join('; ');
  throw new ControlPlaneError('invalid', `configuration is not valid: ${told}`, { violations });
}

/** The configuration as it may be shown to people and peers: plain JSON without secrets. */
export function maskConfig(config: Config): Record<string, unknown> {
  return masked(SETTINGS, config);
}
