import type { Stage } from './stage.js';

const USER_KEY = 'user-token-signing-key-1';

export async function keySync(stage: Stage): Promise<void> {
  const mesh = `demo-${process.pid}`;
  await stage.step('1. A new mesh has a signing key of its own, and both zones get it.');
  await stage.apply('lab-global', `{type: Mesh, name: ${mesh}}`);
  await stage.synced();
  for (const zone of ['east', 'west']) await stage.run('--context', `lab-${zone}`, '--mesh', mesh, 'get', 'secrets');
  const token = await stage.issue(
    'TOKEN',
    '--context',
    'lab-east',
    '--mesh',
    mesh,
    'generate',
    'dataplane-token',
    '--valid-for',
    '1h',
  );
  await stage.verify('west', 'dataplane', 'TOKEN', token, mesh);
  stage.say('East signed it with the private key that global had sent; west has the same one.');

  await stage.step('2. The keys of zone tokens stay on global: zones get the public halves.');
  await stage.run('--context', 'lab-global', 'get', 'global-secrets');
  await stage.run('--context', 'lab-east', 'get', 'global-secrets');
  await stage.tryZoneToken('east');
  stage.say('East checks zone tokens with zone-token-signing-public-key-1, and cannot make any.');

  await stage.step('3. The key of user tokens never crosses. A user of global is nobody in east.');
  const user = await stage.issue(
    'USER',
    '--context',
    'lab-global',
    'generate',
    'user-token',
    '--name',
    'ann',
    '--group',
    'team-a',
    '--valid-for',
    '1h',
  );
  const status = await stage.whoAmI('east', 'USER', user);
  stage.say(
    status === 401
      ? 'Both have a user-token-signing-key-1, and they are two keys.'
      : 'This lab has had the key copied before.',
  );

  await stage.step('4. Copied by hand, it is the same key, and the user is known.');
  await stage.copy('global-secret', USER_KEY, 'lab-global', 'lab-east');
  await stage.whoAmI('east', 'USER', user);
}
