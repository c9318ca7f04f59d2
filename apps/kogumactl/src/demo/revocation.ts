import type { Stage } from './stage.js';

const LIST = 'dataplane-token-revocations';

export async function revocation(stage: Stage): Promise<void> {
  const mesh = `demo-${process.pid}`;
  await stage.step('1. A token that every zone takes.');
  await stage.apply('lab-global', `{type: Mesh, name: ${mesh}}`);
  await stage.synced();
  const token = await stage.issue(
    'TOKEN',
    '--context',
    'lab-global',
    '--mesh',
    mesh,
    'generate',
    'dataplane-token',
    '--valid-for',
    '24h',
  );
  const check = (zone: string) => stage.verify(zone, 'dataplane', 'TOKEN', token, mesh);
  for (const zone of ['east', 'west']) await check(zone);

  await stage.step('2. West is cut off, and the token is revoked on global: its id goes on a list.');
  await stage.run('fault', 'cut', 'west', '--for', '2m');
  const { jti } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { jti: string };
  const list = { type: 'Secret', mesh, name: `${LIST}-${mesh}`, data: Buffer.from(jti).toString('base64') };
  await stage.apply('lab-global', JSON.stringify(list));
  await stage.run('--context', 'lab-global', 'sync', 'wait', 'east');

  await stage.step('3. East refuses it. West cannot know, and is shown as what it is.');
  await check('east');
  await check('west');
  await stage.until('global sees that west is gone', async () => (await stage.linkOf('west')) !== 'in-sync');
  await stage.run('--context', 'lab-global', 'sync', 'status');
  await stage.run('--context', 'lab-global', 'timeline', 'revocation', jti);

  await stage.step('4. The link heals, and the revocation arrives.');
  await stage.run('fault', 'reset');
  await stage.until('west has met global', async () => (await stage.linkOf('west')) === 'in-sync');
  await stage.synced();
  await check('west');
  await stage.run('--context', 'lab-global', 'timeline', 'revocation', jti);
}
