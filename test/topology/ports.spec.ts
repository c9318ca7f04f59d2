import { loadConfig } from '@koguma/core';
import { describe, expect, it } from 'vitest';

describe('a control plane that nobody told otherwise', () => {
  it.each(['global', 'zone'] as const)('serves its API on port 5681 and its health on 5680, as %s', (role) => {
    const { config, warnings } = loadConfig({ role, env: {} });
    expect([config.apiServer.http.port, config.diagnostics.serverPort]).toEqual([5681, 5680]);
    expect(warnings).toEqual([]);
  });

  it('takes zones on port 5685', () => {
    expect(loadConfig({ role: 'global', env: {} }).config.multizone.global.kds.grpcPort).toBe(5685);
  });
});
