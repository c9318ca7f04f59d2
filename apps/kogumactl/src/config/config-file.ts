import { randomBytes } from 'node:crypto';
import * as fs from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { Failure } from '../failure.js';
import type { Terminal } from '../terminal.js';

const text = z.string('must be a string');
const name = text.min(1, 'cannot be empty');
const url = text.refine(isHttpUrl, 'must be a URL that begins with http:// or https://');

const apiServer = z.looseObject({
  url,
  /** PEM of the CA that the server's certificate is verified with; the machine's own when left out. */
  caCertFile: text.optional(),
  clientCertFile: text.optional(),
  clientKeyFile: text.optional(),
  headers: z.array(z.looseObject({ key: name, value: text })).optional(),
  authType: text.optional(),
  authConf: z.record(z.string(), text).optional(),
  skipVerify: z.boolean('must be true or false').optional(),
});
const controlPlane = z.looseObject({ name, coordinates: z.looseObject({ apiServer }) });
const context = z.looseObject({
  name,
  controlPlane: name,
  defaults: z.looseObject({ mesh: text.optional() }).optional(),
});
const configuration = z.looseObject({
  contexts: z.array(context).default([]),
  controlPlanes: z.array(controlPlane).default([]),
  currentContext: text.default(''),
});

/** Where an API server is, and how to speak to it. */
export type ApiServer = z.infer<typeof apiServer>;

/** The configuration file in Kuma's format (`kumactl.config.v1alpha1.Configuration`, as YAML); what else it says is kept. */
export type Configuration = z.infer<typeof configuration>;

/** What holds while there is no file: the same as kumactl's. */
export const FIRST: Configuration = {
  contexts: [{ name: 'local', controlPlane: 'local' }],
  controlPlanes: [{ name: 'local', coordinates: { apiServer: { url: 'http://localhost:5681' } } }],
  currentContext: 'local',
};

/** Where the configuration is kept, as an absolute path. A file of its own: a kumactl's is left alone. */
export function configPath(option: string | undefined, { env }: Pick<Terminal, 'env'>): string {
  return path.resolve(option || path.join(env.HOME || homedir(), '.kogumactl', 'config'));
}

/** @throws Failure when there is a file and it cannot be used: with the place in it, never with what stands there */
export function readConfig(file: string): Configuration {
  let written: string;
  try {
    written = fs.readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return FIRST;
    throw new Failure(`${file} cannot be read (${code})`, 'Choose another one with --config-file FILE.');
  }
  const { data, error } = configuration.safeParse(parsed(file, written) ?? {});
  if (data) return data;
  const [issue] = error.issues;
  throw unusable(file, `${issue?.path.join('.')} ${issue?.message}`);
}

/** Whole or not at all, and for its owner alone: the file holds tokens. */
export function writeConfig(file: string, config: Configuration): void {
  try {
    const target = fs.existsSync(file) ? fs.realpathSync(file) : file;
    fs.mkdirSync(path.dirname(target), { recursive: true, mode: 0o700 });
    const fresh = `${target}.${randomBytes(6).toString('hex')}`;
    try {
      fs.writeFileSync(fresh, stringify(config, { lineWidth: 0 }), { mode: 0o600, flag: 'wx', flush: true });
      fs.renameSync(fresh, target);
    } finally {
      fs.rmSync(fresh, { force: true });
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Failure(`${file} cannot be written (${code})`, 'Choose another one with --config-file FILE.');
  }
}

/** Whether a text is an address that an API server can have. */
export function isHttpUrl(text: string): boolean {
  return /^https?:\/\//i.test(text) && URL.canParse(text);
}

function parsed(file: string, written: string): unknown {
  try {
    return parse(written);
  } catch (error) {
    // The parser's message shows the line that it stumbled over, which may hold a token.
    const [place] = (error as { linePos?: { line: number }[] }).linePos ?? [];
    throw unusable(file, `it is not YAML${place ? `, line ${place.line}` : ''}`);
  }
}

function unusable(file: string, why: string): Failure {
  return new Failure(
    `${file} cannot be used: ${why}`,
    'Mend or remove it, or choose another one with --config-file FILE.',
  );
}
