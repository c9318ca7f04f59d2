import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { ControlPlaneError, expandHome } from '@koguma/core';
import { replaceFile } from './durable.js';

const SETTING = 'KOGUMA_STORE_ENCRYPTION_KEY_FILE';
const ALGORITHM = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const LOOK_MS = 1_000;

/** A key of AES-256. */
export type AesKey = Buffer;

export function newKey(): AesKey {
  return randomBytes(KEY_BYTES);
}

/** A name that says nothing of the key. */
export function nameOfKey(key: AesKey): string {
  return createHash('sha256').update('koguma key ').update(key).digest('hex').slice(0, 16);
}

/** AES-256-GCM (NIST SP 800-38D) with a random nonce of 96 bits. @param context what it belongs to, and can be opened for alone */
export function seal(key: AesKey, context: string, text: Uint8Array): string {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(Buffer.from(context));
  const sealed = [cipher.update(text), cipher.final()];
  return Buffer.concat([nonce, cipher.getAuthTag(), ...sealed]).toString('base64');
}

/** @returns undefined for what was not sealed by this key for this context, or was changed */
export function unseal(key: AesKey, context: string, sealed: string): Buffer | undefined {
  const bytes = Buffer.from(sealed, 'base64');
  if (bytes.length < NONCE_BYTES + TAG_BYTES) return undefined;
  const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, NONCE_BYTES)).setAAD(Buffer.from(context));
  decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES)), decipher.final()]);
  } catch {
    return undefined;
  }
}

/**
 * The keys in a file, one a line, 32 bytes in base64 each: the first wraps from now on, all of them unwrap.
 * @throws ControlPlaneError `invalid` that names the setting
 */
export function readKeys(file: string): readonly [AesKey, ...AesKey[]] {
  const refuse = (clause: string) =>
    new ControlPlaneError(
      'invalid',
      `${SETTING}: got ${JSON.stringify(file)}, which ${clause}; allowed: a file with keys of 32 bytes in base64, one a line, as openssl rand -base64 32 makes them`,
    );
  let text: string;
  try {
    text = readFileSync(expandHome(file), 'utf8');
    if ((statSync(expandHome(file)).mode & 0o007) !== 0) throw refuse('everybody may read or write (chmod o= it)');
  } catch (error) {
    if (error instanceof ControlPlaneError) throw error;
    throw refuse(`cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`);
  }
  const lines = text.split('\n').map((line) => line.trim());
  const keys = lines.filter((line) => line !== '').map((line) => Buffer.from(line, 'base64'));
  const [first, ...others] = keys;
  if (!first) throw refuse('is empty');
  if (keys.some((key) => key.length !== KEY_BYTES)) throw refuse('holds something else than such keys');
  return [first, ...others];
}

/** Puts a new key before those of the file, or makes the file with one. @returns the name of the new key */
export function addKey(file: string): string {
  const path = expandHome(file);
  const before = existsSync(path) ? readKeys(file) : [];
  const key = newKey();
  const text = [key, ...before].map((one) => `${one.toString('base64')}\n`).join('');
  // What a control plane wraps its store's key by within a second must not be gone after a power cut.
  try {
    replaceFile(path, text, before.length > 0 ? statSync(path) : undefined);
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    const clause = `cannot be written (${code}): change it as the user that it belongs to`;
    throw new ControlPlaneError('invalid', `${SETTING}: got ${JSON.stringify(file)}, which ${clause}`);
  }
  return nameOfKey(key);
}

/**
 * Calls back, within a second, when the file holds something else than at this call, and again each second until that
 * resolves to true. It must not reject.
 * @returns what stops that
 */
export function followKeyFile(file: string, changed: () => Promise<boolean>): () => void {
  let before = textOf(expandHome(file));
  let isTaken = true;
  let isBusy = false;
  // Not which takes what it finds some time later for what was there at first.
  const look = setInterval(() => {
    const now = textOf(expandHome(file));
    if (isBusy || (isTaken && now === before)) return;
    before = now;
    isBusy = true;
    void changed().then((taken) => {
      isTaken = taken;
      isBusy = false;
    });
  }, LOOK_MS);
  look.unref();
  return () => clearInterval(look);
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
