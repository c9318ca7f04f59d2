import { ControlPlaneError, type Log } from '@koguma/core';
import { keyText, type ResourceKey, type ResourceType, type Spec } from '../resource.js';
import { type AesKey, followKeyFile, nameOfKey, newKey, readKeys, seal, unseal } from './adapters/key-file.js';
import type { Row, SqlDatabase, SqlSession } from './database.js';

const SETTING = 'KOGUMA_STORE_ENCRYPTION_KEY_FILE';
const DATA_KEY = 'SELECT wrapped FROM data_key';
const FOUND = 'INSERT INTO data_key (id, wrapped) VALUES (1, $1) ON CONFLICT DO NOTHING';
const REWRAP = 'UPDATE data_key SET wrapped = $1 WHERE wrapped = $2 RETURNING id';
const PLAIN = `SELECT type, mesh, name, spec FROM resource WHERE type IN ('Secret', 'GlobalSecret')`;
const CONCEAL = 'UPDATE resource SET spec = $1 WHERE type = $2 AND mesh = $3 AND name = $4';
const OTHERS = `SELECT id FROM instance WHERE expires_at > CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)`;

const SECRET_TYPES: readonly ResourceType[] = ['Secret', 'GlobalSecret'];
const MARK = 'sealed:1:';
const DATA_KEY_CONTEXT = 'data key';

/** How specs are written into the database, and read again. */
export interface Vault {
  write(key: ResourceKey, spec: Spec): string;
  /** @throws ControlPlaneError `unavailable` for a secret that was not written for this key, or not by this store */
  read(key: ResourceKey, text: string): Spec;
  close(): void;
}

/** Everything in the clear. */
export const OPEN: Vault = {
  write: (_, spec) => JSON.stringify(spec),
  read: (_, text) => JSON.parse(text) as Spec,
  close: () => undefined,
};

/**
 * How a database keeps its secrets. With a key file, data of secrets is sealed by the data key of the database (AES-256-GCM, bound to
 * the name of the secret), and that is wrapped by the first key of the file. When the file changes, it is wrapped anew; secrets are not
 * touched. What is there in the clear when a key file is first given is sealed at once, in one transaction.
 * @param keyFile empty for none
 * @throws ControlPlaneError `invalid` for a file that does not open the database, `unavailable` where the database is sealed and there is no file,
 *   or where other replicas run that know of no key; nothing is changed then
 */
export async function openVault(database: SqlDatabase, keyFile: string, log: Log): Promise<Vault> {
  const [row] = await database.query(DATA_KEY);
  if (keyFile === '') {
    if (row)
      throw new ControlPlaneError(
        'unavailable',
        `the secrets of this store are encrypted: ${SETTING} must name the file of its key`,
      );
    log.info('secrets are stored in the clear', {
      advice: `to encrypt them, make a key file and name it as ${SETTING}`,
    });
    return OPEN;
  }
  const [first] = readKeys(keyFile);
  if (!row) await begin(database, first, log);
  const wrapped = String((row ?? (await database.query(DATA_KEY))[0])?.wrapped);
  const dataKey = unwrap(wrapped, readKeys(keyFile));
  const tell = (key: AesKey) =>
    log.info('the data key is wrapped by the first key of the file: older ones can be taken out of it', {
      key: nameOfKey(key),
    });
  let refusal: string | undefined;
  const stop = followKeyFile(keyFile, async () => {
    try {
      const { key } = await rewrap(database, keyFile, dataKey);
      refusal = undefined;
      tell(key); // also when another replica was quicker: an operator waits for the word of each
      return true;
    } catch (error) {
      const { message } = ControlPlaneError.from(error);
      if (message !== refusal) log.error('the data key is not wrapped anew; trying again', { error: message });
      refusal = message;
      return false;
    }
  });
  try {
    const { key, isNew } = await rewrap(database, keyFile, dataKey);
    if (isNew) tell(key);
  } catch (error) {
    stop();
    throw error;
  }
  return sealed(dataKey, stop);
}

function sealed(dataKey: AesKey, close: () => void): Vault {
  return {
    write: (key, spec) => {
      const text = JSON.stringify(spec);
      return SECRET_TYPES.includes(key.type) ? MARK + seal(dataKey, keyText(key), Buffer.from(text)) : text;
    },
    read: (key, text) => {
      if (!SECRET_TYPES.includes(key.type)) return JSON.parse(text) as Spec;
      const clear = text.startsWith(MARK) ? unseal(dataKey, keyText(key), text.slice(MARK.length)) : undefined;
      if (clear) return JSON.parse(clear.toString()) as Spec;
      throw new ControlPlaneError(
        'unavailable',
        `${key.type} ${JSON.stringify(key.name)} was changed in the database by somebody who has not its key`,
      );
    },
    close,
  };
}

/** The first time: a data key is made, and all secrets that are there are sealed with it, or nothing of that happens. */
async function begin(database: SqlDatabase, key: AesKey, log: Log): Promise<void> {
  const dataKey = newKey();
  const count = await database.write(async (session) => {
    const [there] = await session.query(DATA_KEY);
    if (there) return undefined; // another replica was quicker
    await refuseOthers(database, session);
    await session.query(FOUND, [wrap(key, dataKey)]);
    const vault = sealed(dataKey, () => undefined);
    const rows = await session.query(PLAIN);
    for (const row of rows) await conceal(session, vault, row);
    return rows.length;
  }, true);
  if (count !== undefined) log.info('secrets are encrypted from now on', { encrypted: count, key: nameOfKey(key) });
}

async function conceal(session: SqlSession, vault: Vault, { type, mesh, name, spec }: Row): Promise<void> {
  const key = { type: type as ResourceType, mesh: String(mesh), name: String(name) };
  await session.query(CONCEAL, [vault.write(key, OPEN.read(key, String(spec))), type, mesh, name]);
}

/** A replica without the key could not read what is sealed, and would write secrets in the clear that nobody opens. */
async function refuseOthers({ shared }: SqlDatabase, session: SqlSession): Promise<void> {
  if (!shared || (await session.query(OTHERS)).length === 0) return;
  const told = `other replicas use this store and know of no key: stop them, wait 5 s, and start all with ${SETTING}`;
  throw new ControlPlaneError('unavailable', told);
}

/** Sees to it that the first key of the file wraps the data key. @returns that key, and whether it did not before */
async function rewrap(
  database: SqlDatabase,
  keyFile: string,
  dataKey: AesKey,
): Promise<{ readonly key: AesKey; readonly isNew: boolean }> {
  const [key] = readKeys(keyFile);
  const [row] = await database.query(DATA_KEY);
  const wrapped = String(row?.wrapped);
  if (wrapped.startsWith(`${nameOfKey(key)}:`)) return { key, isNew: false };
  const [done] = await database.write((session) => session.query(REWRAP, [wrap(key, dataKey), wrapped]), false);
  return done ? { key, isNew: true } : rewrap(database, keyFile, dataKey); // another replica was quicker, with which key?
}

function wrap(key: AesKey, dataKey: AesKey): string {
  return `${nameOfKey(key)}:${seal(key, DATA_KEY_CONTEXT, dataKey)}`;
}

function unwrap(wrapped: string, keys: readonly AesKey[]): AesKey {
  const [name, sealedKey = ''] = wrapped.split(':', 2);
  const key = keys.find((one) => nameOfKey(one) === name);
  const dataKey = key && unseal(key, DATA_KEY_CONTEXT, sealedKey);
  if (dataKey) return dataKey;
  throw new ControlPlaneError(
    'invalid',
    `${SETTING}: no key in this file opens the store, which needs the key ${name}; nothing was changed`,
  );
}
