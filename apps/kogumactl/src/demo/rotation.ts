import { nodeCrypto } from '@koguma/auth';
import type { Stage } from './stage.js';

export async function rotation(stage: Stage): Promise<void> {
  const [hand, phased] = [`hand-${process.pid}`, `phased-${process.pid}`];
  const at = (mesh: string, ...words: string[]) => ['--context', 'lab-global', '--mesh', mesh, ...words];
  const issue = (mesh: string) => stage.issue('TOKEN', ...at(mesh, 'generate', 'dataplane-token', '--valid-for', '1h'));
  const isMet = async () => (await stage.linkOf('west')) === 'in-sync';

  await stage.step('1. Two meshes, each with key 1; and a link to west on which nothing arrives.');
  for (const mesh of [hand, phased]) await stage.apply('lab-global', `{type: Mesh, name: ${mesh}}`);
  await stage.synced();
  await stage.run('fault', 'half-open', 'west', '--to', 'zone', '--for', '2m');

  await stage.step('2. By hand: a key with a higher serial signs as soon as it is there.');
  const { pem } = await nodeCrypto.makeKey();
  const secret = {
    type: 'Secret',
    mesh: hand,
    name: `dataplane-token-signing-key-${hand}-2`,
    data: Buffer.from(pem).toString('base64'),
  };
  await stage.apply('lab-global', JSON.stringify(secret), JSON.stringify({ ...secret, data: '…a new RSA key…' }));
  const early = await issue(hand);
  await stage.run('--context', 'lab-global', 'sync', 'wait', 'east');
  await stage.verify('east', 'dataplane', 'TOKEN', early, hand);
  await stage.verify('west', 'dataplane', 'TOKEN', early, hand);
  stage.say('That is the window in which good tokens are refused: until key 2 has reached west.');

  await stage.step('3. In phases: key 2 is prepared, and does not sign before every zone has it.');
  await stage.try(...at(phased, 'keys', 'rotate', 'dataplane', '--timeout', '3s'));
  const safe = await issue(phased);
  for (const zone of ['east', 'west']) await stage.verify(zone, 'dataplane', 'TOKEN', safe, phased);
  stage.say('It stopped by itself; key 1 goes on signing, and every zone takes what it signs.');

  await stage.step('4. The link heals, and the rotation goes on where it stopped.');
  await stage.run('fault', 'reset');
  await stage.until('west has met global', isMet);
  await stage.synced();
  await stage.run(...at(phased, 'keys', 'rotate', 'dataplane', '--until', 'active'));
  const later = await issue(phased);
  for (const zone of ['east', 'west']) await stage.verify(zone, 'dataplane', 'TOKEN', later, phased);

  await stage.step('5. Before key 1 goes: who still depends on it?');
  await stage.try(...at(phased, 'keys', 'preflight', 'dataplane', '1'));
  await stage.run(...at(phased, 'timeline', 'key', `dataplane-token-signing-key-${phased}-2`));
}
