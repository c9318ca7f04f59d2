import { readFileSync } from 'node:fs';
import { type ConnectionOptions, checkServerIdentity } from 'node:tls';
import { type Config, ControlPlaneError, expandHome } from '@koguma/core';
import type { ClientConfig } from 'pg';

/** Where the database is and who asks, as it is configured. */
export type PostgresSettings = Config['store']['postgres'];

/** How long a statement may wait for another writer's, and take at all, on the server. */
const LOCK_TIMEOUT_MS = 10_000;
const STATEMENT_TIMEOUT_MS = 30_000;
/** A process that stopped within a transaction holds up others for no longer. */
const IDLE_IN_TRANSACTION_MS = 15_000;
/** Beyond what the server allows: then it is not the statement, but the network or the server that is gone. */
const QUERY_TIMEOUT_MS = 40_000;
const KEEP_ALIVE_AFTER_MS = 10_000;

/** How errors and logs call the store: all that tells which one it is, and no password. */
export function nameOf({ host, port, user, dbName }: PostgresSettings): string {
  return `postgres://${user}@${host.includes(':') ? `[${host}]` : host}:${port}/${dbName}`;
}

/** What every connection is opened with. Nothing is left for the driver to find in `PG…` variables or a `.pgpass`. */
export function clientConfig(settings: PostgresSettings, applicationName: string): ClientConfig {
  const { host, port, user, password, dbName, connectionTimeout } = settings;
  return {
    host,
    port,
    user,
    password: () => password,
    database: dbName,
    ssl: tlsOf(settings) ?? false,
    application_name: applicationName,
    connectionTimeoutMillis: connectionTimeout * 1_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_AFTER_MS,
    lock_timeout: LOCK_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    query_timeout: QUERY_TIMEOUT_MS,
  };
}

function tlsOf({ host, tls: { mode, caPath, certPath, keyPath } }: PostgresSettings): ConnectionOptions | undefined {
  if (mode === 'disable') return undefined;
  return {
    rejectUnauthorized: mode !== 'verifyNone',
    // Said for each mode: the driver would compare an IP address with nothing, or with localhost.
    checkServerIdentity: (_, certificate) =>
      mode === 'verifyFull' ? checkServerIdentity(host, certificate) : undefined,
    ...(caPath === '' ? {} : { ca: contentOf(caPath) }),
    ...(certPath === '' ? {} : { cert: contentOf(certPath), key: contentOf(keyPath) }),
  };
}

function contentOf(file: string): string {
  try {
    return readFileSync(expandHome(file), 'utf8');
  } catch (error) {
    const message = `cannot read ${file}, which PostgreSQL's TLS is set up with: ${(error as Error).message}`;
    throw new ControlPlaneError('invalid', message, { cause: error });
  }
}
