import type { Stage } from './stage.js';

export async function timeTravel(stage: Stage): Promise<void> {
  await stage.step('1. A token for thirty days.');
  const issue = () =>
    stage.issue(
      'TOKEN',
      '--context',
      'lab-west',
      'generate',
      'zone-ingress-token',
      '--zone',
      'west',
      '--valid-for',
      '720h',
    );
  const token = await issue();
  const check = (zone: string, one = token) => stage.verify(zone, 'zone-ingress', 'TOKEN', one);
  await check('east');

  await stage.step('2. East lives thirty days later: there it has expired.');
  await stage.run('clock', 'set', 'east', '--offset', '720h', '--for', '2m');
  await check('east');
  await check('west');

  await stage.step('3. East is ten minutes behind: what west issues is not valid yet, five minutes are forgiven.');
  await stage.run('clock', 'set', 'east', '--offset', '-4m', '--for', '2m');
  await check('east', await issue());
  await stage.run('clock', 'set', 'east', '--offset', '-10m', '--for', '2m');
  await check('east', await issue());

  await stage.step('4. A minute in a second: east catches up with a token of a minute in less than two.');
  await stage.run('clock', 'reset', 'east');
  const short = await stage.issue(
    'TOKEN',
    '--context',
    'lab-west',
    'generate',
    'zone-ingress-token',
    '--zone',
    'west',
    '--valid-for',
    '1m',
  );
  await stage.run('clock', 'set', 'east', '--speed', '60', '--for', '2m');
  await stage.until('a minute has passed in east', async () => {
    const answer = await fetch(`${stage.urlOf('east')}/koguma/tokens/verify`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ kind: 'zone-ingress', token: short }),
    });
    return !((await answer.json()) as { accepted: boolean }).accepted;
  });
  await check('east', short);
  await check('west', short);

  await stage.step('5. The time of a lab that runs cannot stand still, and can be set right.');
  await stage.try('clock', 'freeze');
  await stage.run('clock', 'reset');
}
