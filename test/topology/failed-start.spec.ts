import { nodeCrypto } from '@koguma/auth';
import { ControlPlaneError, loadConfig, SILENT, systemEntropy, VirtualClock } from '@koguma/core';
import { composeGlobal } from '@koguma/global-cp';
import { MemoryStore } from '@koguma/resources';
import { composeZone } from '@koguma/zone-cp';
import { describe, expect, it } from 'vitest';

/** A store that can be read, and not be written to. */
class FullStore extends MemoryStore {
  followers = 0;

  override transaction(): Promise<never> {
    return Promise.reject(new ControlPlaneError('unavailable', 'the disk is full'));
  }

  override onCommit(wake: () => void): () => void {
    this.followers++;
    const end = super.onCommit(wake);
    return () => {
      this.followers--;
      end();
    };
  }
}

const nobody = () => {
  throw new TypeError('nothing is dialled');
};

describe('a control plane that cannot be put together', () => {
  it.each(['global', 'zone'] as const)('(a %s) says why, and nothing of it goes on', async (role) => {
    const store = new FullStore('an epoch');
    const clock = new VirtualClock();
    const ports = { store, clock, entropy: systemEntropy, crypto: nodeCrypto, log: SILENT, dial: nobody };
    const { config } = loadConfig({ role, env: {} });
    const composed = role === 'global' ? composeGlobal(config, ports) : composeZone(config, ports);
    await expect(composed).rejects.toThrow('the disk is full');
    expect(store.followers).toBe(0);
    expect(clock.next()).toBeUndefined();
  });
});
