import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, scratchFolder } from '../support/processes.js';
import { zoneReport } from '../topology/reports.js';
import { Composition } from './composition.js';
import { step } from './progress.js';

const INGRESS = { zone: 'east', validFor: '1h' };

describe('the smallest composition', () => {
  let folder: Awaited<ReturnType<typeof scratchFolder>>;
  let composition: Composition;
  beforeAll(async () => {
    folder = await scratchFolder();
    const project = `${process.env.KOGUMA_TEST_COMPOSE ?? ''}-smallest`;
    composition = await Composition.of('docker-compose.smallest.yml', project, folder.path);
  });
  afterAll(async () => {
    await composition.down();
    await folder.remove();
  }, 120_000);

  const up = () => step('docker-compose up', () => composition.compose('up', '-d'));
  const issue = async () => {
    await composition.configure();
    const synced = async () => (await zoneReport(composition.client('east'))).state === 'in-sync';
    await eventually(synced, 'east is in sync', 60_000);
    return composition.client('east').issue('zone-ingress', INGRESS);
  };
  const verdict = (token: string) => composition.client('east').verify(token, 'zone-ingress');

  it('has a zone that issues tokens, and keeps what it had', async () => {
    await up();
    const token = await issue();
    await composition.compose('down', '-t', '5');
    await up();
    await eventually(() => composition.client('east').serves(), 'east serves again', 60_000);
    expect(await verdict(token)).toMatchObject({ accepted: true });
  }, 240_000);

  it('begins anew without its volumes: with other keys, and nothing to do by hand', async () => {
    const token = await issue();
    await composition.down();
    await up();
    expect(await verdict(await issue())).toMatchObject({ accepted: true });
    expect(await verdict(token)).toMatchObject({ accepted: false, reason: 'bad_signature' });
  }, 240_000);
});
