import { once } from 'node:events';
import { copyFileSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createServer, type TlsOptions } from 'node:tls';
import { startWiredLab, type WiredLab } from '@koguma/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scratchFolder } from '../support/processes.js';
import { certificateIn, opensslCertificate, shownBy } from '../support/tls.js';
import { zoneReport } from './reports.js';

const ROOT_CA = 'KUMA_MULTIZONE_ZONE_KDS_ROOT_CA_FILE';
const SKIP = 'KUMA_MULTIZONE_ZONE_KDS_TLS_SKIP_VERIFY';
const ADDRESS = 'KUMA_MULTIZONE_ZONE_GLOBAL_ADDRESS';
const CERT = 'KUMA_MULTIZONE_GLOBAL_KDS_TLS_CERT_FILE';
const KEY = 'KUMA_MULTIZONE_GLOBAL_KDS_TLS_KEY_FILE';
const ON = 'KUMA_MULTIZONE_GLOBAL_KDS_TLS_ENABLED';
const OLD: TlsOptions = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' };

let folder: Awaited<ReturnType<typeof scratchFolder>>;
let lab: WiredLab;
beforeAll(async () => {
  folder = await scratchFolder();
  const env = { [ON]: 'true', KUMA_GENERAL_WORK_DIR: folder.path, [ROOT_CA]: join(folder.path, 'ca.crt') };
  lab = await startWiredLab({ zones: ['east'], env });
});
afterAll(async () => {
  await lab.stop();
  await folder.remove();
});

/** Starts the zone anew with other settings of its own; the others are the lab's. */
const restartZone = async (env: Record<string, string> = {}) => {
  lab.configure('east', env);
  await lab.zone('east').restart();
};
const restartGlobal = async (env: Record<string, string> = {}) => {
  lab.configure('global', env);
  await lab.global.restart();
};
const saysWhy = async (reason: RegExp) => {
  await lab.until(
    async () => reason.test((await zoneReport(lab.zone('east'))).reason ?? ''),
    `the zone says ${reason}`,
  );
};
const port = () => lab.global.served.ports.kds;
const ca = () => join(folder.path, 'ca.crt');

describe('a zone that dials grpcs://', () => {
  it('syncs with a global whose certificate its root CA signed', async () => {
    await lab.global.createMesh('payments');
    await lab.synced();
    const token = await lab.zone('east').issue('dataplane', { mesh: 'payments' });
    expect(await lab.global.verify(token, 'dataplane', 'payments')).toMatchObject({ accepted: true });
    expect(await zoneReport(lab.zone('east'))).toMatchObject({ state: 'in-sync', reason: null });
    expect(await shownBy(port(), { ALPNProtocols: ['h2'] })).toEqual({ name: 'koguma', alpn: 'h2' });
  });

  it('refuses a global of an authority that it does not know, and says so', async () => {
    const stranger = await certificateIn(folder.path, 'stranger');
    await restartZone({ [ROOT_CA]: stranger.certFile });
    await saysWhy(
      /^global's certificate is of an authority that this zone does not know: put that authority into KUMA_MULTIZONE_ZONE_KDS_ROOT_CA_FILE/,
    );
    await restartZone({ [ROOT_CA]: '' });
    await saysWhy(/^global's certificate is of an authority that this zone does not know/);
    expect((await zoneReport(lab.zone('east'))).state).toBe('cut-off');
  });

  it('does not look, when it was told not to', async () => {
    const stranger = await certificateIn(folder.path, 'stranger');
    await restartZone({ [ROOT_CA]: stranger.certFile, [SKIP]: 'true' });
    await lab.synced();
  });

  it('reads its root CA at each dial, and says when it cannot', async () => {
    const later = join(folder.path, 'later.crt');
    await restartZone({ [ROOT_CA]: later });
    await saysWhy(/KUMA_MULTIZONE_ZONE_KDS_ROOT_CA_FILE: got ".*later\.crt", which cannot be read \(ENOENT\)/);
    copyFileSync(join(folder.path, 'ca.key'), later);
    await saysWhy(/KUMA_MULTIZONE_ZONE_KDS_ROOT_CA_FILE: got ".*later\.crt", which has no certificate in PEM/);
    copyFileSync(ca(), later);
    await lab.synced();
    rmSync(later);
  });

  it('refuses a certificate of another name, and says which name it dialled', async () => {
    const elsewhere = await certificateIn(folder.path, 'elsewhere', { names: ['elsewhere.example'] });
    await restartGlobal({ [CERT]: elsewhere.certFile, [KEY]: elsewhere.keyFile });
    await restartZone({ [ROOT_CA]: elsewhere.certFile });
    await saysWhy(/^global's certificate does not name localhost: dial global by a name that it has/);
    await restartGlobal();
  });

  it('says when global has no TLS', async () => {
    await restartGlobal({ [ON]: 'false' });
    await restartZone({ [ADDRESS]: `grpcs://localhost:${port()}` });
    await saysWhy(
      /^global has no TLS there: dial it with grpc:\/\/, or start it with KUMA_MULTIZONE_GLOBAL_KDS_TLS_ENABLED=true/,
    );
    await restartGlobal();
    await lab.synced();
  });

  it.each<[string, TlsOptions, RegExp]>([
    ['has expired', {}, /^global's certificate has expired: give it a new one/],
    ['is too old for it', OLD, /^global and this zone have no version of TLS in common/],
  ])('refuses a global that %s, and says so', async (_, options, why) => {
    const until = options.maxVersion ? '20991231235959Z' : '20200201000000Z';
    const { certFile, cert, key } = opensslCertificate(folder.path, 'old', { until });
    const server = createServer({ cert, key, ...options }).listen(0, 'localhost');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await restartZone({ [ADDRESS]: `grpcs://localhost:${port}`, [ROOT_CA]: certFile });
    await saysWhy(why);
    server.close();
  });
});

describe('a zone that dials grpc://', () => {
  it('says that a global with TLS hung up, and what to try', async () => {
    await restartZone({ [ADDRESS]: `grpc://127.0.0.1:${port()}` });
    await saysWhy(
      /^global hung up before it said anything, as a server with TLS does: if it has TLS, dial it with grpcs:\/\//,
    );
    await restartZone();
    await lab.synced();
  });
});

describe('a certificate of global that is exchanged', () => {
  it('is shown to zones that dial later, and cuts nobody off', async () => {
    const [first, second] = [await certificateIn(folder.path, 'first'), await certificateIn(folder.path, 'second')];
    const { certFile, keyFile } = await certificateIn(folder.path, 'served');
    const put = ({ certFile: cert, keyFile: key }: typeof first) => {
      copyFileSync(cert, certFile);
      copyFileSync(key, keyFile);
    };
    put(first);
    await restartGlobal({ [CERT]: certFile, [KEY]: keyFile });
    await restartZone({ [ROOT_CA]: certFile });
    await lab.synced();
    const { since } = await zoneReport(lab.zone('east'));
    put(second);
    lab.clock.hurry(10_000);
    expect(await shownBy(port())).toMatchObject({ name: 'second' });
    expect(await zoneReport(lab.zone('east'))).toMatchObject({ state: 'in-sync', since });
    await lab.zone('east').restart();
    await lab.synced();
  });
});
