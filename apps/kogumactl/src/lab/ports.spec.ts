import { type AddressInfo, createServer } from 'node:net';
import { expect, it } from 'vitest';
import { checkPorts } from './ports.js';
import { planLab } from './topology.js';

const [, zone] = planLab({ data: '/d', zones: ['east'], memory: true, portOffset: 0, configs: new Map(), env: [] });

async function listening(host: string, run: (port: number) => Promise<void>): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  try {
    await run((server.address() as AddressInfo).port);
  } finally {
    server.close();
  }
}

it.each(['127.0.0.1', '0.0.0.0'])('names each port in use on %s, who needs it and what to do', async (host) => {
  await listening(host, (first) =>
    listening(host, async (second) => {
      const ports = [
        { number: first, purpose: 'diagnostics' },
        { number: second, purpose: 'its API' },
      ];
      await expect(checkPorts([{ ...zone!, ports }])).rejects.toMatchObject({
        message: [
          `port ${first} is in use, and zone east needs it for diagnostics`,
          `port ${second} is in use, and zone east needs it for its API`,
        ].join('\n'),
        todo: `Stop what uses it (lsof -i :${first} -i :${second} shows it), or move this lab with --port-offset 100.`,
        exitCode: 1,
      });
    }),
  );
});

it('leaves free ports free', async () => {
  let free = 0;
  await listening('127.0.0.1', async (port) => {
    free = port;
  });
  const plans = [{ ...zone!, ports: [{ number: free, purpose: 'its API' }] }];
  await checkPorts(plans);
  await expect(checkPorts(plans)).resolves.toBeUndefined();
});
