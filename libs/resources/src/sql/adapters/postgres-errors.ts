import { ControlPlaneError } from '@koguma/core';
import { Overtaken } from '../database.js';

/** The server ended the connection, or is about to: SQLSTATE class 08, shutdowns, and sessions idle for too long. */
const CONNECTION_ENDED = /^(08...|57P0[1-5]|25P03)$/;

/** What a failure means, after the name of the store, and what to do. By code, or by text for what the driver says. */
const SENTENCES: Readonly<Record<string, (text: string) => string>> = {
  ECONNREFUSED: () => 'is not running: start it, or correct KUMA_STORE_POSTGRES_HOST and KUMA_STORE_POSTGRES_PORT',
  ENOENT: () => 'has no such socket: start it, or correct KUMA_STORE_POSTGRES_HOST and KUMA_STORE_POSTGRES_PORT',
  ENOTFOUND: () => 'is on a host that nobody knows: correct KUMA_STORE_POSTGRES_HOST',
  '28P01': (text) => `does not let us in (${text}): correct KUMA_STORE_POSTGRES_USER and KUMA_STORE_POSTGRES_PASSWORD`,
  '28000': (text) => `does not let us in: ${text}`,
  '3D000': () => 'is on a server that has no such database: create it, or correct KUMA_STORE_POSTGRES_DB_NAME',
  '53300': (text) => `has no connection left (${text}): lower KUMA_STORE_POSTGRES_MAX_OPEN_CONNECTIONS`,
  '57P03': (text) => `is not ready: ${text}`,
  '55P03': () => 'was held by another writer for too long: try again',
  'timeout exceeded when trying to connect': () => 'gives no connection: it does not answer, or all are busy',
  'Connection terminated due to connection timeout': () => 'does not answer',
  'Query read timeout': () => 'does not answer',
  '25006': (text) => `cannot be written to, as on a standby: ${text}`,
};

/** True when nothing more can be asked on the connection that failed so. */
export function endsConnection(error: unknown): boolean {
  const code = sqlStateOf(error);
  return code === undefined || CONNECTION_ENDED.test(code);
}

/** The error as callers know it: it names the store, and holds nothing of what was to be stored. */
export function storeError(store: string, thrown: unknown): ControlPlaneError {
  if (thrown instanceof ControlPlaneError) return thrown;
  const { code = '', message = '' } = thrown as { code?: string; message?: string };
  const text = message || code; // a host with several addresses fails without a text of its own
  // Server errors carry rows and parameters beside their text, and those may be private keys.
  const details = { cause: Object.assign(new Error(text), { code }) };
  if (code === '40001' || code === '40P01')
    return new Overtaken(`store ${store} gave way to another writer: try again`);
  const sentence = SENTENCES[code || message]?.(text);
  if (sentence !== undefined) return new ControlPlaneError('unavailable', `store ${store} ${sentence}`, details);
  // Class 22: the data itself, such as a name with a character that the database does not have.
  if (code.startsWith('22'))
    return new ControlPlaneError('invalid', `store ${store} cannot hold this: ${text}`, details);
  return new ControlPlaneError('unavailable', `store ${store} cannot be used: ${text}`, details);
}

/** Five characters; errors of the driver and of sockets have none. */
function sqlStateOf(error: unknown): string | undefined {
  const { code, severity } = error as { code?: unknown; severity?: unknown };
  return typeof code === 'string' && severity !== undefined ? code : undefined;
}
