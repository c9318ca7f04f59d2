import { generateKeyPair } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { get } from 'node:http';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Fleet, FOR_ALL } from '../fleet.mjs';
import { folder } from '../processes.mjs';
import { until } from './load.mjs';
import {
  base64,
  claimsOf,
  DATAPLANES_BY_HAND,
  isGone,
  meshSecret,
  READ,
  REFUSED,
  ROTATED,
  verify,
} from './requests.mjs';

const LISTED = 100;
const STAYING = 20;
const VISITORS = 10;
const VISIT_MS = 5_000;

/**
 * All that happens in the soak. Each deed looks whether what it did had the effect that it should, in the control plane
 * where it should, and takes away what it made: what is there at the end is what was there at the start.
 */
export class Deeds {
  #lab;
  #staying = [];
  #tokenFile = path.join(folder, 'staying.token');
  #revoked = [];
  #serials = new Map(ROTATED.map(({ kind }) => [kind, 1]));

  constructor(lab) {
    this.#lab = lab;
  }

  /** Proxies that stay as long as the load does, some in each zone; their token is in a file, which they read again. */
  async start() {
    await this.#renewStaying();
    this.#staying = this.#lab.zones.map(
      (zone) => new Fleet(zone, { tokenFile: this.#tokenFile, size: STAYING, name: `staying-${zone.name}` }),
    );
    await Promise.all(this.#staying.map((fleet) => fleet.all('connected')));
    return this.#staying.map(({ pid }, index) => ({ name: `koguma-dp ${this.#lab.zones[index].name}`, pid }));
  }

  /** Takes away what stayed. */
  async end() {
    await Promise.all(this.#staying.map((fleet) => fleet.end()));
    const { api } = this.#lab.global;
    await api.call('DELETE', meshSecret('default', 'dataplane-token-revocations-default')[0]);
    for (const each of this.#lab.all) each.api.close();
  }

  list() {
    const deed = (name, everyMs, work) => ({ name, everyMs, work });
    return [
      deed('tokens issued, and checked where they should be good', 80, (nth) => this.#issueAndCheck(nth)),
      deed('tokens revoked, and refused in both zones', 2_000, () => this.#revoke()),
      deed('keys added, or the last one deleted', 15_000, (nth) => this.#rotate(nth)),
      deed('meshes made and deleted, with a token between', 7_000, (nth) => this.#mesh(nth)),
      deed('secrets made, changed and deleted', 3_000, (nth) => this.#secret(nth)),
      deed('dataplanes made and deleted by hand', 3_000, (nth) => this.#dataplane(nth)),
      deed('fleets of proxies that came and went', 10_000, (nth, signal) => this.#visit(nth, signal)),
      deed('fleets of proxies that lost their token', 40_000, (nth) => this.#lost(nth)),
      deed('bad requests, each refused as it should be', 300, (nth) => this.#refused(nth)),
      deed('lists and overviews read', 1_000, (nth) => this.#read(nth)),
      deed('listeners of events that came and went', 5_000, (nth) => this.#listen(nth)),
    ];
  }

  async #issueAndCheck(nth) {
    const { global } = this.#lab;
    const [issuer, other] = this.#zones(nth);
    const [kind, from, body, where] = [
      ['dataplane', issuer, { name: `web-${nth}`, mesh: 'default', tags: { 'kuma.io/service': ['web'] } }, other],
      ['zone-ingress', issuer, { zone: issuer.name }, other],
      ['zone', global, { zone: issuer.name, scope: ['ingress', 'egress'] }, issuer],
      ['user', global, { name: `user-${nth}`, groups: ['team'] }, global],
      ['dataplane', issuer, { name: `web-${nth}`, mesh: 'default' }, global],
    ][nth % 5];
    const token = await from.api.call('POST', `/tokens/${kind}`, { ...body, validFor: '1h' });
    const mesh = kind === 'dataplane' ? 'default' : undefined;
    const { accepted, reason } = await verify(where, { token, kind, mesh });
    if (!accepted) throw new Error(`a good ${kind} token of ${from.name} was refused by ${where.name}: ${reason}`);
  }

  async #revoke() {
    const { token } = await this.#lab.issue(this.#lab.zones[0]);
    await this.#revokeId(claimsOf(token).jti);
    await Promise.all(
      this.#lab.zones.map((zone) =>
        until(`refused by ${zone.name}`, async () => {
          const { reason } = await verify(zone, { token, kind: 'dataplane', mesh: 'default' });
          return reason === 'revoked';
        }),
      ),
    );
  }

  #revokeId(id) {
    this.#revoked = [...this.#revoked, id].slice(-LISTED);
    return this.#lab.revoke(this.#revoked);
  }

  /** One kind after another: a new key that signs, then, at the next turn, the end of the old one. */
  async #rotate(nth) {
    const { kind, secret } = ROTATED[Math.floor((nth - 1) / 2) % ROTATED.length];
    const { api } = this.#lab.global;
    const serial = this.#serials.get(kind);
    if (nth % 2 === 0) {
      await api.call('DELETE', secret(serial - 1)[0]);
      return;
    }
    const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
    const pem = privateKey.export({ type: 'pkcs1', format: 'pem' });
    const [at, head] = secret(serial + 1);
    await api.call('PUT', at, { ...head, data: base64(pem) });
    this.#serials.set(kind, serial + 1);
    await this.#lab.synced();
    if (kind === 'dataplane') await this.#renewStaying();
  }

  async #renewStaying() {
    const { token } = await this.#lab.issue(this.#lab.zones[0], 'default', FOR_ALL);
    writeFileSync(this.#tokenFile, token);
  }

  async #mesh(nth) {
    const mesh = `mesh-${nth}`;
    const [zone, other] = this.#zones(nth);
    const { api } = this.#lab.global;
    await api.call('PUT', `/meshes/${mesh}`, { type: 'Mesh', name: mesh });
    await this.#lab.synced();
    const { token } = await this.#lab.issue(zone, mesh);
    const { accepted } = await verify(other, { token, kind: 'dataplane', mesh });
    if (!accepted) throw new Error(`a good token of ${mesh} was refused`);
    await api.call('DELETE', `/meshes/${mesh}`);
    await until(`${mesh} gone from ${zone.name}`, () => isGone(zone, `/meshes/${mesh}`));
  }

  async #secret(nth) {
    const [at, head] = meshSecret('default', `soak-${nth}`);
    const { api } = this.#lab.global;
    for (const data of ['one', 'another']) {
      await api.call('PUT', at, { ...head, data: base64(`${data} of ${nth}`) });
      await this.#lab.synced();
    }
    await api.call('DELETE', at);
    await this.#lab.synced();
  }

  async #dataplane(nth) {
    const [zone] = this.#zones(nth);
    const name = `hand-${nth}`;
    const inbound = [{ port: 8080, tags: { 'kuma.io/service': 'hand' } }];
    const body = { type: 'Dataplane', mesh: 'default', name, networking: { address: '127.0.0.1', inbound } };
    const seen = async () => (await this.#lab.global.api.call('GET', DATAPLANES_BY_HAND)).includes(`${name}"`);
    await zone.api.call('PUT', `/meshes/default/dataplanes/${name}`, body);
    await zone.api.call('DELETE', `/meshes/default/dataplanes/${name}`);
    await until(`${name} gone from global`, async () => !(await seen()));
  }

  async #visit(nth, signal) {
    const [zone] = this.#zones(nth);
    const { token } = await this.#lab.issue(zone, 'default', FOR_ALL);
    const fleet = new Fleet(zone, { token, size: VISITORS, name: `visitor-${nth}` });
    try {
      await fleet.all('connected');
      await sleep(VISIT_MS, undefined, { signal }).catch(() => undefined);
    } finally {
      await fleet.end(nth % 4 < 2 ? 'SIGTERM' : 'SIGKILL');
    }
  }

  async #lost(nth) {
    const [zone] = this.#zones(nth);
    const { token, id } = await this.#lab.issue(zone, 'default', FOR_ALL);
    const fleet = new Fleet(zone, { token, size: VISITORS, name: `lost-${nth}` });
    try {
      await fleet.all('connected');
      await this.#revokeId(id);
      await fleet.all('refused');
    } finally {
      await fleet.end();
    }
  }

  async #refused(nth) {
    const [zone] = this.#zones(nth);
    const { status, method, at, body } = REFUSED[nth % REFUSED.length];
    try {
      await zone.api.send(method, at, body);
    } catch (error) {
      if (error.status === status) return;
      throw error;
    }
    throw new Error(`${method} ${at} with ${body} was not refused`);
  }

  async #read(nth) {
    const controlPlane = this.#lab.all[nth % 3];
    const at = READ[nth % READ.length].replace('{id}', this.#revoked.at(-1) ?? 'none');
    await controlPlane.api.call('GET', at);
  }

  /** Hears the first word of a stream of events, and hangs up. */
  #listen(nth) {
    const { api } = this.#lab.all[nth % 3];
    return new Promise((resolve, reject) => {
      const asked = get(`${api.url}/koguma/events`, { headers: { accept: 'text/event-stream' } }, (answer) => {
        answer.once('data', () => {
          asked.destroy();
          resolve();
        });
        answer.on('error', () => undefined);
      });
      asked.once('error', reject);
    });
  }

  /** Both zones, one of them first in every other turn. */
  #zones(nth) {
    const [one, other] = this.#lab.zones;
    return nth % 2 === 0 ? [one, other] : [other, one];
  }
}
