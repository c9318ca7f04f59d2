import { loadConfig } from '@koguma/core';
import { describe, expect, it } from 'vitest';

describe('a control plane that nobody told otherwise', () => {
  it.each(['global', 'zone'] as const)('serves its API on port 5681 and its health on 5680, as %s', (role) => {
    const { config, warnings } = loadConfig({ role, env: {} });
    expect([config.apiServer.http.port, config.diagnostics.serverPort]).toEqual([5681, 5680]);
    expect(warnings).toEqual([]);
  });

  it.each(['global', 'zone'] as const)('serves its API with TLS on port 5682, as %s', (role) => {
    const { enabled, port } = loadConfig({ role, env: {} }).config.apiServer.https;
    expect([enabled, port]).toEqual([true, 5682]);
  });

  it('takes zones on port 5685, with TLS', () => {
    const { grpcPort, tlsEnabled } = loadConfig({ role: 'global', env: {} }).config.multizone.global.kds;
    expect([grpcPort, tlsEnabled]).toEqual([5685, true]);
  });
});
