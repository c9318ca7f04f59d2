import { nodeCrypto } from '@koguma/auth';
import { runCommand } from '@koguma/core';
import { migrateStore, openStore, rotateStoreKey } from '@koguma/resources';
import { serveGlobal } from './serve.js';

await runCommand({
  program: 'global-cp',
  role: 'global',
  nameOf: () => 'global',
  migrate: (config, { log }) => migrateStore(config, { log }),
  rotateStoreKey,
  start: async (config, { clock, entropy, log, observer, hostname }) => {
    const store = await openStore(config, { entropy, log });
    const global = await serveGlobal(config, { store, clock, entropy, crypto: nodeCrypto, log, observer }, hostname);
    return { url: `http://${config.apiServer.http.interface}:${global.ports.api}`, stop: global.stop };
  },
});
