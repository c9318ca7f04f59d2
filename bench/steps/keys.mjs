import { nodeCrypto } from '@koguma/auth';
import { row } from '../figures.mjs';
import { authAlone } from './auth-alone.mjs';
import { fullSpeed, slices } from './slices.mjs';

const meshOf = (count) => `keys-${count}`;
const PATIENCE_MS = 10_000;

/** What more and more signing keys of one mesh cost: of a token, and of the next rotation. */
export async function keys({ lab, counts, tokens, rotations, progress }) {
  const [spare, ...pems] = await Promise.all(Array.from({ length: Math.max(...counts) + 1 }, makeKey));
  const of = (count) => pems.slice(0, count);
  const { issuer, validator } = await authAlone(counts.map((count) => ({ mesh: meshOf(count), keys: of(count) })));
  const issue = (count) => {
    const mesh = meshOf(count);
    return issuer.issue('dataplane', { identity: { Name: 'web-1', Mesh: mesh }, mesh }, 3600);
  };
  const first = new Map();
  for (const count of counts) first.set(count, await issue(count));
  const results = await slices(counts, tokens, progress, async (count) => {
    const issuing = await fullSpeed(tokens.ms, () => issue(count));
    const checking = await fullSpeed(tokens.ms, () => validator.verify(first.get(count), 'dataplane', meshOf(count)));
    return { issued: issuing.times, issueCpu: issuing.cpu, checked: checking.times, checkCpu: checking.cpu };
  });

  const rows = [];
  for (const count of counts) {
    const turned = await rotate(lab, { mesh: meshOf(count), pems: of(count), spare, plan: rotations, progress });
    const at = { keys: count };
    const say = `${count} ${count === 1 ? 'key' : 'keys'}`;
    const inProcess = results.get(count);
    rows.push(
      row({
        name: `CPU for a token issued in process, ${say}`,
        of: 'CPU for a token issued in process',
        at,
        unit: 'µs',
        samples: inProcess.map(({ issued, issueCpu }) => issueCpu / issued),
      }),
      row({
        name: `CPU for a token checked in process, ${say}`,
        of: 'CPU for a token checked in process',
        at,
        unit: 'µs',
        samples: inProcess.map(({ checked, checkCpu }) => checkCpu / checked),
      }),
      row({
        name: `PUT of one more on global to a token by it in a zone, ${say}`,
        of: 'PUT of one more on global to a token by it in a zone',
        at,
        unit: 'ms',
        samples: turned.map(({ ms }) => ms),
      }),
      row({
        name: `CPU of the zone for one more and its end, ${say}`,
        of: 'CPU of the zone for one more and its end',
        at,
        unit: 'ms',
        samples: turned.map(({ cpu }) => cpu),
      }),
    );
  }
  return { title: 'Signing keys of one mesh', rows };
}

async function makeKey() {
  return (await nodeCrypto.makeKey()).pem;
}

/** Adds a key to those that are there, until a zone signs with it, and takes it away, again and again. */
async function rotate(lab, { mesh, pems, spare, plan, progress }) {
  const { api } = lab.global;
  const [zone] = lab.zones;
  const put = (serial, pem) => {
    const name = `dataplane-token-signing-key-${mesh}-${serial}`;
    const data = Buffer.from(pem).toString('base64');
    return api.call('PUT', `/meshes/${mesh}/secrets/${name}`, { type: 'Secret', mesh, name, data });
  };
  const remove = (serial) =>
    api.call('DELETE', `/meshes/${mesh}/secrets/dataplane-token-signing-key-${mesh}-${serial}`);
  const next = pems.length + 1;
  await api.call('PUT', `/meshes/${mesh}`, { type: 'Mesh', name: mesh });
  for (const [index, pem] of pems.entries()) await put(index + 1, pem);
  await lab.synced();
  const turned = [];
  for (const _ of progress.rounds(plan)) {
    const began = performance.now();
    await put(next, spare);
    await signsWith(lab, zone, mesh, next);
    const ms = performance.now() - began;
    await remove(next);
    await lab.synced();
    // Once more, and the zone is asked for nothing meanwhile.
    const before = zone.cpuSeconds();
    await put(next, spare);
    await lab.synced();
    await remove(next);
    await lab.synced();
    turned.push({ ms, cpu: 1000 * (zone.cpuSeconds() - before) });
  }
  return turned;
}

async function signsWith(lab, zone, mesh, serial) {
  for (const until = performance.now() + PATIENCE_MS; performance.now() < until; ) {
    const { token } = await lab.issue(zone, mesh);
    const { kid } = JSON.parse(Buffer.from(token.split('.')[0], 'base64url'));
    if (kid === String(serial)) return;
  }
  throw new Error(`${zone.name} did not sign with key ${serial} of ${mesh} after ${PATIENCE_MS / 1000} s`);
}
