import { Auth, authSettings, nodeCrypto, secretSpec } from '@koguma/auth';
import { loadConfig, SILENT, systemClock, systemEntropy } from '@koguma/core';
import { MemoryStore, ResourceView } from '@koguma/resources';

/**
 * The token system of a zone on a memory store, in this process, with nothing around it.
 * @param meshes { mesh, ids, keys } each: what is revoked there, and its signing keys in PEM (or else one that is made)
 */
export async function authAlone(meshes) {
  const store = new MemoryStore(systemEntropy.uuid());
  const key = await nodeCrypto.makeKey();
  await store.transaction(async (tx) => {
    for (const { mesh, ids = [], keys = [key.pem] } of meshes) {
      const secret = (name, text) => ({
        type: 'Secret',
        mesh,
        name,
        spec: secretSpec(text),
        labels: {},
        creationTime: 0,
        modificationTime: 0,
      });
      for (const [index, pem] of keys.entries())
        await tx.create(secret(`dataplane-token-signing-key-${mesh}-${index + 1}`, pem));
      await tx.create(secret(`dataplane-token-revocations-${mesh}`, ids.join(',')));
    }
  });
  const view = new ResourceView({ store, clock: systemClock, log: SILENT });
  await view.load();
  const settings = authSettings(loadConfig({ role: 'zone', env: {} }).config, nodeCrypto.parseKey);
  const ports = { view, crypto: nodeCrypto, clock: systemClock, entropy: systemEntropy, log: SILENT };
  return new Auth({ ...ports, settings, federated: false });
}
