import { setTimeout as sleep } from 'node:timers/promises';
import { nodeCrypto, tokenKind } from '@koguma/auth';
import { LABEL } from '@koguma/resources';
import type { Command } from 'commander';
import type { ApiClient } from '../api/client.js';
import { connect, milliseconds } from '../api/connect.js';
import { Failure } from '../failure.js';
import { itemPath } from '../resources/paths.js';
import type { Terminal } from '../terminal.js';
import { type Key, keysIn, type Ring, readInventory, ringOf, type SecretKey, titleOf } from './inventory.js';
import { judge, zonesWithout } from './preflight.js';

interface Options {
  readonly until: 'prepared' | 'active' | 'retired';
  readonly rollback?: boolean;
  readonly timeout: string;
}

/** How often the zones are looked at. */
const POLL_MS = 100;

/**
 * Walks a ring of keys to its next key. Where it stands is told by the keys alone, so whoever stopped it, or whatever
 * stopped itself, goes on from there; what is done by hand in between is fine.
 */
export async function rotateKey(kind: string, command: Command, terminal: Terminal): Promise<void> {
  const { until, rollback, timeout } = command.optsWithGlobals<Options>();
  const timeoutMs = await milliseconds(timeout, '--timeout');
  const { api, mesh } = await connect(command, terminal);
  const rotation = new Rotation(api, ringOf(kind, mesh), timeoutMs, (line) => terminal.out.write(`${line}\n`));
  if (rollback) return rotation.rollBack();
  await rotation.prepare();
  if (until === 'prepared') return;
  await rotation.activate();
  if (until === 'retired') await rotation.retire();
}

/** The keys of a ring by what they are in a rotation. */
interface Standing {
  readonly signer: SecretKey;
  /** Waits to sign. */
  readonly prepared: SecretKey | undefined;
  /** Signed before, and still verify. */
  readonly old: readonly SecretKey[];
}

class Rotation {
  readonly #api: ApiClient;
  readonly #ring: Ring;
  readonly #timeoutMs: number;
  readonly #say: (line: string) => void;

  constructor(api: ApiClient, ring: Ring, timeoutMs: number, say: (line: string) => void) {
    this.#api = api;
    this.#ring = ring;
    this.#timeoutMs = timeoutMs;
    this.#say = say;
  }

  /** Makes the next key, which verifies and does not sign; one that is there, or signs already, is left as it is. */
  async prepare(): Promise<void> {
    const { signer, prepared, old } = await this.#standing();
    this.#refusePlainKuma(signer, `key ${signer.kid} signs, and nothing was changed`);
    if (prepared) return this.#say(`prepared: key ${prepared.kid} is there already`);
    if (old.length > 0) return; // a rotation that has only to be ended
    const kid = String(signer.serial + 1);
    const { pem } = await nodeCrypto.makeKey();
    await this.#put(kid, pem, true);
    this.#say(`prepared: key ${kid} verifies and is on its way to the zones; key ${signer.kid} signs`);
  }

  /** Lets the prepared key sign, once every zone can verify what it signs. */
  async activate(): Promise<void> {
    const { prepared, signer } = await this.#standing();
    if (!prepared) return;
    const stands = `key ${prepared.kid} is not activated, key ${signer.kid} goes on signing, and nothing is refused`;
    await this.#reach(prepared.kid, stands);
    await this.#put(prepared.kid, await this.#pemOf(prepared), false);
    this.#say(`active: every zone has key ${prepared.kid}, and it signs now`);
    await this.#reach(prepared.kid, `key ${prepared.kid} signs on global`);
  }

  /** Deletes the keys that signed before, once nothing depends on them. */
  async retire(): Promise<void> {
    const { signer, old } = await this.#standing();
    await this.#reach(signer.kid, `key ${signer.kid} signs, and no key is deleted`);
    for (const { kid } of old) {
      const { problems } = judge(await readInventory(this.#api), this.#ring, kid);
      if (problems.length > 0) throw this.#stopped(`key ${kid} is kept, key ${signer.kid} signs`, problems);
      await this.#delete(kid);
      this.#say(`retired: key ${kid} is deleted`);
    }
  }

  /** Before activation the new key goes; after it the key before signs again, and the new one is prepared. */
  async rollBack(): Promise<void> {
    const { signer, prepared, old } = await this.#standing();
    const before = old.at(-1);
    if (!prepared && before) {
      await this.#reach(before.kid, `key ${signer.kid} goes on signing`);
      await this.#put(signer.kid, await this.#pemOf(signer), true);
      return this.#say(`rolled back: key ${before.kid} signs again, key ${signer.kid} verifies and does not sign`);
    }
    if (!prepared) throw new Failure(`no rotation of ${titleOf(this.#ring)} is under way`, 'There is nothing to do.');
    const { problems } = judge(await readInventory(this.#api), this.#ring, prepared.kid);
    if (problems.length > 0) throw this.#stopped(`key ${prepared.kid} is kept, key ${signer.kid} signs`, problems);
    await this.#delete(prepared.kid);
    this.#say(`rolled back: key ${prepared.kid} is deleted, key ${signer.kid} signs as before`);
  }

  async #standing(): Promise<Standing> {
    const keys = keysIn(await readInventory(this.#api), this.#ring);
    const signer = keys.find(({ signs }) => signs);
    if (!signer) {
      const todo = 'Ask the control plane that issues this kind of tokens, which is global for all that cross.';
      throw new Failure(`none of the ${titleOf(this.#ring)} signs here`, todo);
    }
    return {
      signer,
      prepared: keys.findLast(({ phase, serial }) => phase === 'prepared' && serial > signer.serial),
      old: keys.filter(({ phase, serial }) => phase === 'active' && serial < signer.serial),
    };
  }

  /** Waits until every zone has a key as it is now. @param stands how things stand when it stops here */
  async #reach(kid: string, stands: string): Promise<void> {
    const began = performance.now();
    for (;;) {
      const key = keysIn(await readInventory(this.#api), this.#ring).find((one) => one.kid === kid);
      if (!key) throw this.#stopped(stands, [`somebody deleted key ${kid}`]);
      this.#refusePlainKuma(key, stands);
      const lagging = zonesWithout(key);
      if (lagging.length === 0) return;
      if (performance.now() - began >= this.#timeoutMs) throw this.#stopped(stands, lagging);
      await sleep(POLL_MS);
    }
  }

  /** A Kuma knows no key that is prepared: it signs with the highest serial, at once. */
  #refusePlainKuma({ zones }: Key, stands: string): void {
    const plain = zones.filter(({ program }) => program === 'kuma').map(({ zone }) => zone);
    if (plain.length === 0) return;
    const todo = 'Rotate by hand, as in its documentation: a key with a higher serial, and wait before you use it.';
    throw new Failure(
      `the rotation stops: ${stands}\n* zone ${plain.join(', ')} is a plain Kuma, which signs with a prepared key at once`,
      todo,
    );
  }

  #stopped(stands: string, problems: readonly string[]): Failure {
    const mesh = this.#ring.mesh === '' ? '' : ` --mesh ${this.#ring.mesh}`;
    const todo = `Run the same again when that has changed, or: npx kogumactl keys rotate ${this.#ring.kind}${mesh} --rollback`;
    return new Failure(`the rotation stops: ${stands}\n* ${problems.join('\n* ')}`, todo);
  }

  async #pemOf({ kid }: Key): Promise<string> {
    const { data } = await this.#api.get<{ data: string }>(this.#path(kid));
    return Buffer.from(data, 'base64').toString();
  }

  async #put(kid: string, pem: string, prepared: boolean): Promise<void> {
    const { kind, mesh } = this.#ring;
    const { secretType: type } = tokenKind(kind);
    await this.#api.put(this.#path(kid), {
      type,
      ...(mesh === '' ? {} : { mesh }),
      name: this.#name(kid),
      data: Buffer.from(pem).toString('base64'),
      labels: prepared ? { [LABEL.phase]: 'prepared' } : {},
    });
  }

  async #delete(kid: string): Promise<void> {
    await this.#api.delete(this.#path(kid));
  }

  #path(kid: string): string {
    const { kind, mesh } = this.#ring;
    return itemPath(tokenKind(kind).secretType, mesh, this.#name(kid));
  }

  #name(kid: string): string {
    const { kind, mesh } = this.#ring;
    return `${tokenKind(kind).signingKeyPrefix(mesh)}-${kid}`;
  }
}
