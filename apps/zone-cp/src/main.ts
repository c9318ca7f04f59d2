import { nodeCrypto } from '@koguma/auth';
import { runCommand } from '@koguma/core';
import { grpcDial } from '@koguma/kds';
import { migrateStore, openStore, rotateStoreKey } from '@koguma/resources';
import { serveZone } from './serve.js';

await runCommand({
  program: 'zone-cp',
  role: 'zone',
  nameOf: (config) => config.multizone.zone.name,
  migrate: (config, { log }) => migrateStore(config, { log }),
  rotateStoreKey,
  start: async (config, { clock, entropy, log, observer, hostname }) => {
    const { globalAddress, kds } = config.multizone.zone;
    const { tokenFile } = config.koguma.multizone.zone.kds;
    const store = await openStore(config, { entropy, log });
    const tls = { rootCaFile: kds.rootCaFile, skipVerify: kds.tlsSkipVerify };
    const dial = grpcDial(globalAddress, { maxMessageSize: kds.maxMsgSize, tls, tokenFile });
    const zone = await serveZone(config, { store, clock, entropy, crypto: nodeCrypto, log, observer, dial }, hostname);
    return {
      url: `http://${config.apiServer.http.interface}:${zone.ports.api}`,
      watch: (tell) => zone.link?.watch(tell),
      stop: zone.stop,
    };
  },
});
