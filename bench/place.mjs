import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ControlPlane, freePorts, orderOf } from './lab.mjs';
import { folder, Zones } from './processes.mjs';

const MESH = 'default';
const LIST = `dataplane-token-revocations-${MESH}`;
const QUIET_MS = 1_000;
let places = 0;

/** Milliseconds of the machine's monotonic clock, which all processes share. */
const now = () => Number(process.hrtime.bigint()) / 1e6;

/** A global control plane, over all the processes that it is in turn, and very many zones in a few. */
export class Place {
  zones = new Zones();
  #home = path.join(folder, `place-${++places}`);
  #ports;
  #env;
  #address;

  /** A place whose global serves, and has no zones yet. */
  static async open() {
    const place = new Place();
    const [api, https, diagnostics, dp, kds] = await freePorts(5);
    place.#ports = { api, https, diagnostics, dp };
    place.#env = { KUMA_MULTIZONE_GLOBAL_KDS_GRPC_PORT: String(kds), KOGUMA_TLS_CA_DIR: place.#home };
    place.#address = `grpcs://localhost:${kds}`;
    await place.#start();
    return place;
  }

  async #start() {
    this.global = new ControlPlane('global', 'global', this.#home, this.#ports, this.#env);
    await this.global.serving;
  }

  /** Starts that many zones. @returns seconds until all are in sync */
  async gather(count) {
    const names = Array.from({ length: count }, (_, index) => `zone-${index + 1}`);
    const rootCa = path.join(this.#home, 'ca.crt');
    await this.zones.open(count);
    const began = now();
    return ((await this.zones.start(names, { address: this.#address, rootCa })) - began) / 1000;
  }

  /** A token of global's, and its id. */
  async issue() {
    const token = await this.global.api.send('POST', '/tokens/dataplane', orderOf(MESH));
    return { token, id: JSON.parse(Buffer.from(token.split('.')[1], 'base64url')).jti };
  }

  /**
   * Writes a revocation list, with this token on it.
   * @returns milliseconds from sending it to global until that answered, until each zone has it, and until the last refuses
   */
  async revoke({ ids, token }) {
    const { over } = await this.zones.watch({ mesh: MESH, name: LIST, token });
    const data = Buffer.from(ids.join(',')).toString('base64');
    const began = now();
    await this.global.api.call('PUT', `/meshes/${MESH}/secrets/${LIST}`, {
      type: 'Secret',
      mesh: MESH,
      name: LIST,
      data,
    });
    const put = now() - began;
    const { applied, refused } = await over;
    return { put, all: applied.map((time) => time - began), refused: refused - began };
  }

  /** A crash of global, which is started at once, and what it takes from there until all zones are in sync again. */
  async reconnect(resumes) {
    await this.zones.resume(resumes);
    const [began, before] = [now(), this.zones.readBytes];
    await this.global.kill();
    await this.#start();
    const at = await this.zones.gather();
    await sleep(QUIET_MS);
    return { seconds: (at - began) / 1000, bytes: this.zones.readBytes - before };
  }

  /**
   * What has been used by then: seconds of CPU and bytes of memory by global, bytes that the zones got.
   * @param afterMs usually so long that what went on is over
   */
  async used(afterMs = QUIET_MS) {
    await sleep(afterMs);
    const { global } = this;
    return { at: now(), cpu: global.cpuSeconds(), rss: global.rssBytes(), read: this.zones.readBytes };
  }

  async close() {
    await this.zones.end();
    await this.global.stop();
  }
}
