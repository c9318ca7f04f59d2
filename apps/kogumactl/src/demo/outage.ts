import type { Stage } from './stage.js';

export async function outage(stage: Stage): Promise<void> {
  const ask = (at: string, kind: string, ...more: string[]) =>
    stage.issue('TOKEN', '--context', `lab-${at}`, 'generate', kind, ...more, '--valid-for', '24h');
  await stage.step('1. Everything is up: east issues a token for a proxy, and west takes it.');
  await stage.run('lab', 'status');
  await stage.verify('west', 'dataplane', 'TOKEN', await ask('east', 'dataplane-token'), 'default');

  await stage.step('2. Global crashes. Zones notice, and say since when they are on their own.');
  await stage.run('fault', 'crash', 'global', '--for', '2m');
  await stage.until('east is cut off', async () => (await stage.linkOf('east')) === 'cut-off');
  await stage.run('--context', 'lab-east', 'sync', 'status');

  await stage.step('3. Deployments go on: east issues, west checks.');
  await stage.verify('west', 'dataplane', 'TOKEN', await ask('east', 'dataplane-token'), 'default');
  await stage.verify('east', 'zone-ingress', 'TOKEN', await ask('west', 'zone-ingress-token', '--zone', 'west'));

  await stage.step('4. What only global can do has to wait, and says so.');
  await stage.tryZoneToken('east');
  await stage.try('--context', 'lab-global', '--api-timeout', '5s', 'get', 'zones');

  await stage.step('5. Global comes back, and nobody has to do anything.');
  await stage.run('fault', 'reset');
  await stage.until('east has met global', async () => (await stage.linkOf('east')) === 'in-sync');
  await stage.until('west has met global', async () => (await stage.linkOf('west')) === 'in-sync');
  await stage.synced();
  await stage.run('lab', 'status');
}
