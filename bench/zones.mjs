// Very many zones in a process of their own, which tells when each of them has what changed on global. Takes, one after
// another: { start: { names, address, rootCa } }, { watch: { mesh, name, token } }, { resume: boolean }, { gather: true }.
// Times are milliseconds of the machine's monotonic clock, which all processes share.
import { nodeCrypto } from '@koguma/auth';
import { loadConfig, SILENT, systemClock, systemEntropy } from '@koguma/core';
import { grpcDial } from '@koguma/kds';
import { MemoryStore } from '@koguma/resources';
import { serveSleepingZone } from '@koguma/zone-cp';

const now = () => Number(process.hrtime.bigint()) / 1e6;
const zones = [];
let resumes = true;

async function start({ names, address, rootCa }) {
  const env = {
    KUMA_STORE_TYPE: 'memory',
    KUMA_API_SERVER_HTTP_PORT: '0',
    KUMA_API_SERVER_AUTHN_TOKENS_ENABLE_ISSUER: 'false',
    KUMA_API_SERVER_AUTHN_TOKENS_VALIDATOR_USE_SECRETS: 'false',
    KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS: address,
  };
  for (const name of names) {
    const { config } = loadConfig({ role: 'zone', env: { ...env, KUMA_MULTIZONE_ZONE_NAME: name } });
    const tls = { rootCaFile: rootCa, skipVerify: false };
    const real = grpcDial(address, { maxMessageSize: config.multizone.zone.kds.maxMsgSize, tls });
    const store = new MemoryStore(systemEntropy.uuid());
    const machine = { clock: systemClock, entropy: systemEntropy, crypto: nodeCrypto, log: SILENT };
    const dial = (hello) => (resumes ? real : forgetful(real))(hello);
    zones.push(await serveSleepingZone(config, { store, ...machine, dial }, 'localhost'));
  }
  return { at: await gathered() };
}

/** A link on which global never says that it can resume, as a plain Kuma does not: everything is sent anew. */
function forgetful(dial) {
  return (hello) => {
    const link = dial(hello);
    const deaf = (receive) => ({
      message: (message) => receive.message(message),
      closed: (reason) => receive.closed(reason),
    });
    return { ...link, globalToZone: (receive) => link.globalToZone(deaf(receive)) };
  };
}

/** Resolves when all are in sync. @returns when that was */
function gathered() {
  return new Promise((resolve) => {
    const missing = new Set(zones.map((_, index) => index));
    for (const [index, { link }] of zones.entries()) {
      link.watch((state) => {
        if (state !== 'in-sync') return void missing.add(index);
        missing.delete(index);
        if (missing.size === 0) resolve(now());
      });
    }
  });
}

/** Resolves when each zone has had a change of this secret, and refuses the token. */
function watch({ mesh, name, token }) {
  return new Promise((resolve) => {
    const applied = [];
    let refused = 0;
    const done = () => applied.length === zones.length && refused > 0 && resolve({ applied, refused });
    for (const zone of zones) {
      const forget = zone.view.onChange(async ({ entries }) => {
        if (!entries.some(({ key }) => key.name === name && key.mesh === mesh)) return;
        forget();
        applied.push(now());
        if (applied.length === zones.length) {
          const { accepted } = await zone.auth.validator.verify(token, 'dataplane', mesh);
          if (accepted) throw new Error('a zone that has the list accepts what is on it');
          refused = now();
        }
        done();
      });
    }
    process.send({ watching: true });
  });
}

/** Whether links that are dialled from now on take up where the last one ended. */
async function resume(wanted) {
  resumes = wanted;
  return true;
}

const orders = { start, watch, resume, gather: async () => ({ at: await gathered() }) };

async function obey([order, about]) {
  process.send({ [order]: await orders[order](about) });
}

process.on('message', (message) => void obey(Object.entries(message)[0]));
process.once('disconnect', () => process.exit());
process.send({ ready: true });
