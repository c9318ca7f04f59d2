import * as fs from 'node:fs';
import { networkInterfaces } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../config/config.js';
import type { Role } from '../config/table.js';
import type { Log, LogFields } from '../log.js';
import { VirtualClock } from '../virtual-clock.js';
import { issueCertificate, makeAuthority, newPrivateKey } from './adapters/issue.js';
import { Certificates, type TlsServer } from './certificates.js';
import { CertificateBox, greeted, greeter, sClient } from './tls-peers.contract.js';

let box: CertificateBox;
let clock: VirtualClock;
let logged: { message: string; fields: LogFields | undefined }[];
const ends: (() => unknown)[] = [];
beforeEach(() => {
  box = new CertificateBox();
  clock = new VirtualClock();
  logged = [];
});
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
  box[Symbol.dispose]();
});

const note = (message: string, fields?: LogFields) => void logged.push({ message, fields });
const log: Log = { info: note, warn: note, error: note, scope: () => log };

/** The certificates of a control plane that keeps its own in the box. */
function certificates(env: Record<string, string> = {}, role: Role = 'global'): Certificates {
  const { config } = loadConfig({ role, env: { KUMA_GENERAL_WORK_DIR: box.path('work'), ...env } });
  return new Certificates({ config, clock, log, hostname: 'My-Host' });
}

const identity = (env: Record<string, string> = {}, server: TlsServer = 'multizone.global.kds') =>
  certificates(env).identity(server);

/** A server of the control plane, and its port. */
async function served(env: Record<string, string> = {}): Promise<number> {
  const server = await greeter(await identity(env));
  ends.push(() => server.close());
  return server.port;
}

const ca = () => box.read('work/ca.crt');
const made = () => box.read('work/global.crt');

describe('a control plane that is given no certificate', () => {
  it('makes an authority and a certificate that whoever has ca.crt believes', async () => {
    const port = await served();
    const { certificate, protocol } = await greeted(port, { ca: ca() });
    expect(certificate.issuer.CN).toBe('Koguma CA');
    expect(protocol).toBe('TLSv1.3');
    await expect(greeted(port)).rejects.toMatchObject({ code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
  });

  it('is believed by OpenSSL too, under each of its names', async () => {
    const port = await served();
    const others = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
    const addresses = [
      '127.0.0.1',
      '::1',
      ...others.map(({ address }) => address).filter((one) => !one.startsWith('fe80')),
    ];
    for (const name of ['localhost', 'my-host']) {
      const { output } = await sClient(
        port,
        '-CAfile',
        box.path('work/ca.crt'),
        '-verify_return_error',
        '-verify_hostname',
        name,
      );
      expect(output).toContain('Verify return code: 0 (ok)');
    }
    for (const address of addresses) {
      const verified = box.openssl(
        'verify',
        '-CAfile',
        'work/ca.crt',
        '-purpose',
        'sslserver',
        '-verify_ip',
        address,
        'work/global.crt',
      );
      expect(verified).toBe('work/global.crt: OK\n');
    }
    await expect(greeted(port, { ca: ca(), servername: 'elsewhere' })).rejects.toMatchObject({
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
  });

  it('keeps private keys for itself', async () => {
    await identity();
    const modes = ['ca.key', 'global.key', 'ca.crt', 'global.crt'].map(
      (name) => fs.statSync(box.path(`work/${name}`)).mode & 0o777,
    );
    expect(modes).toEqual([0o600, 0o600, 0o644, 0o644]);
    expect(fs.statSync(box.path('work')).mode & 0o777).toBe(0o700);
    expect(fs.readdirSync(box.path('work')).sort()).toEqual(['ca.crt', 'ca.key', 'global.crt', 'global.key']);
  });

  it('shows the same at the next start, without a word', async () => {
    await identity();
    const [first, authority] = [made(), ca()];
    logged = [];
    expect((await identity()).context.cert.trim()).toBe(first.trim());
    expect([made(), ca(), logged]).toEqual([first, authority, []]);
  });

  it('shows one certificate on all of its servers', async () => {
    const all = certificates();
    const [kds, https] = [await all.identity('multizone.global.kds'), await all.identity('apiServer.https')];
    expect(kds.context.cert).toBe(https.context.cert);
  });

  it.each<[string, () => unknown, string]>([
    ['has expired', () => box.write('work/global.crt', expired()), 'expired on '],
    ['is damaged', () => box.write('work/global.crt', made().slice(0, 300)), 'has no certificate in PEM'],
    [
      'is full of rubbish',
      () => box.write('work/global.crt', made().replace(/^M.*$/m, 'AAAA')),
      'has a certificate that cannot be read',
    ],
    [
      'has another key',
      () => fs.copyFileSync(box.path('work/ca.key'), box.path('work/global.key')),
      'does not belong to the certificate',
    ],
    ['has a key that is none', () => box.write('work/global.key', 'secret'), 'is not a private key in PEM'],
    ['lost its key', () => fs.rmSync(box.path('work/global.key')), 'cannot be read (ENOENT)'],
    [
      'is of another authority',
      () =>
        fs.copyFileSync(box.selfSigned('other').cert, box.path('work/global.crt')) ??
        fs.copyFileSync(box.path('other.key'), box.path('work/global.key')),
      'is of another authority',
    ],
  ])('makes a new one, and says why, when the kept one %s', async (_, spoil, why) => {
    await identity();
    const before = made();
    spoil();
    logged = [];
    await identity();
    expect(logged).toEqual([
      {
        message: 'a new TLS certificate is made',
        fields: { file: box.path('work/global.crt'), why: expect.stringContaining(why) },
      },
    ]);
    expect(made()).not.toBe(before);
    expect(box.openssl('verify', '-CAfile', 'work/ca.crt', 'work/global.crt')).toBe('work/global.crt: OK\n');
  });

  it('makes a new one when the machine has got another name', async () => {
    await identity();
    const { config } = loadConfig({ role: 'global', env: { KUMA_GENERAL_WORK_DIR: box.path('work') } });
    logged = [];
    await new Certificates({ config, clock, log, hostname: 'moved' }).identity('multizone.global.kds');
    expect(logged[0]?.fields?.why).toBe('does not name moved');
  });

  it('says which folder it cannot use', async () => {
    box.write('file', '');
    await expect(
      identity({ KUMA_GENERAL_WORK_DIR: box.path('file/work'), KOGUMA_TLS_CA_DIR: box.path('ca') }),
    ).rejects.toMatchObject({
      code: 'invalid',
      message: `configuration is not valid: KUMA_GENERAL_WORK_DIR: got "${box.path('file/work')}", where certificates cannot be kept (ENOTDIR)`,
    });
  });
});

/** A certificate for the kept key that ran out yesterday. */
function expired(): string {
  box.openssl('req', '-new', '-key', 'work/global.key', '-subj', '/CN=koguma', '-out', 'old.csr');
  box.write(
    'ca.cnf',
    '[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\nrand_serial=yes\n[p]\ncommonName=supplied\n',
  );
  box.write('index.txt', '');
  const dates = ['-startdate', '20200101000000Z', '-enddate', '20200201000000Z'];
  const signer = ['-cert', 'work/ca.crt', '-keyfile', 'work/ca.key'];
  box.openssl('ca', '-batch', '-config', 'ca.cnf', '-in', 'old.csr', '-out', 'old.crt', '-notext', ...dates, ...signer);
  return box.read('old.crt');
}

describe('an authority that control planes share', () => {
  const shared = () => ({ KOGUMA_TLS_CA_DIR: box.path('shared') });

  it('is made by the first, and signs for all', async () => {
    const names = ['a', 'b', 'c'];
    const started = names.map((name) => identity({ ...shared(), KUMA_GENERAL_WORK_DIR: box.path(name) }));
    const identities = await Promise.all(started);
    expect(new Set(identities.map(({ context }) => context.cert)).size).toBe(3);
    for (const name of names)
      expect(box.openssl('verify', '-CAfile', 'shared/ca.crt', `${name}/global.crt`)).toBe(`${name}/global.crt: OK\n`);
    expect(fs.readdirSync(box.path('shared')).sort()).toEqual(['ca.crt', 'ca.key']);
    expect(fs.readdirSync(box.path('a')).sort()).toEqual(['global.crt', 'global.key']);
  });

  it('lets a global and a zone live in one folder', async () => {
    await certificates().identity('apiServer.https');
    await certificates({}, 'zone').identity('apiServer.https');
    expect(fs.readdirSync(box.path('work')).sort()).toEqual([
      'ca.crt',
      'ca.key',
      'global.crt',
      'global.key',
      'zone.crt',
      'zone.key',
    ]);
  });

  it.each([
    ['RSA', ['rsa:2048']],
    ['P-384', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384']],
  ])('can be one that OpenSSL made, with %s', async (_, [type = '', ...more]) => {
    fs.mkdirSync(box.path('shared'));
    const files = ['-keyout', 'shared/ca.key', '-out', 'shared/ca.crt'];
    box.openssl('req', '-x509', '-newkey', type, ...more, '-nodes', '-subj', '/C=DE/O=Bears, Inc./CN=Lab CA', ...files);
    const port = await served(shared());
    const { certificate } = await greeted(port, { ca: box.read('shared/ca.crt') });
    expect(certificate.issuer).toMatchObject({ O: 'Bears, Inc.', CN: 'Lab CA' });
  });

  it('whose certificate was lost goes on with its key', async () => {
    await identity(shared());
    const [old, leaf] = [box.read('shared/ca.crt'), made()];
    fs.rmSync(box.path('shared/ca.crt'));
    const port = await served(shared());
    expect(made()).toBe(leaf);
    await greeted(port, { ca: old });
    await greeted(port, { ca: box.read('shared/ca.crt') });
  });

  it.each<[string, () => void, string]>([
    ['has no key', () => fs.rmSync(box.path('shared/ca.key')), 'cannot be read (ENOENT)'],
    [
      'has another key',
      () => fs.copyFileSync(box.selfSigned('x').key, box.path('shared/ca.key')),
      'does not belong to the certificate',
    ],
    [
      'is no authority',
      () =>
        fs.copyFileSync(
          box.selfSigned('x', ['-addext', 'basicConstraints=critical,CA:FALSE']).cert,
          box.path('shared/ca.crt'),
        ),
      'is not the certificate of an authority (CA:TRUE)',
    ],
    [
      'has a key of another sort',
      () => {
        box.openssl('genpkey', '-algorithm', 'ed25519', '-out', 'shared/ca.key');
        fs.rmSync(box.path('shared/ca.crt'));
      },
      'the key is neither RSA nor ECDSA on P-256, P-384 or P-521',
    ],
  ])('stops the start when it %s', async (_, spoil, why) => {
    await identity(shared());
    spoil();
    await expect(identity(shared())).rejects.toMatchObject({
      code: 'invalid',
      message: `configuration is not valid: KOGUMA_TLS_CA_DIR: got "${box.path('shared')}", in which ca.crt or ca.key ${why}`,
    });
  });

  it('is known by its key alone', async () => {
    const key = await newPrivateKey('ecdsa');
    const [one, other] = [await makeAuthority(key), await makeAuthority(key)];
    const order = { commonName: 'x', names: ['localhost'], use: 'server', keyType: 'ecdsa' } as const;
    box.write('one.crt', one.cert);
    box.write('leaf.crt', (await issueCertificate(other, order)).cert);
    expect(box.openssl('verify', '-CAfile', 'one.crt', 'leaf.crt')).toBe('leaf.crt: OK\n');
  });
});

describe('a certificate from settings', () => {
  const OWN = 'KUMA_MULTIZONE_GLOBAL_KDS_TLS';
  const files = (prefix: string, { cert, key }: { cert: string; key: string }) => ({
    [`${prefix}_CERT_FILE`]: cert,
    [`${prefix}_KEY_FILE`]: key,
  });

  it('is shown instead, and nothing is made', async () => {
    const port = await served(files('KUMA_GENERAL_TLS', box.selfSigned('general')));
    expect((await greeted(port, { ca: box.read('general.crt') })).certificate.subject.CN).toBe('general');
    expect(fs.existsSync(box.path('work'))).toBe(false);
  });

  it('of the server itself goes before that for all', async () => {
    const env = { ...files('KUMA_GENERAL_TLS', box.selfSigned('general')), ...files(OWN, box.selfSigned('own')) };
    const all = certificates(env);
    expect((await all.identity('multizone.global.kds')).context.cert).toBe(box.read('own.crt'));
    expect((await all.identity('apiServer.https')).context.cert).toBe(box.read('general.crt'));
  });

  it('can have a chain', async () => {
    const authority = await makeAuthority(await newPrivateKey('ecdsa'));
    const order = { commonName: 'leaf', names: ['localhost'], use: 'server', keyType: 'rsa' } as const;
    const { cert, key } = await issueCertificate(authority, order);
    const chain = { cert: box.write('chain.crt', `${cert}\n${authority.cert}`), key: box.write('chain.key', key) };
    const port = await served(files(OWN, chain));
    expect((await sClient(port, '-showcerts')).output.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
  });

  it.each<[string, () => [cert: string, key: string], 'CERT' | 'KEY', string]>([
    ['is not there', () => [box.path('none.crt'), box.selfSigned('x').key], 'CERT', 'which cannot be read (ENOENT)'],
    [
      'has no key there',
      () => [box.selfSigned('x').cert, box.path('none.key')],
      'KEY',
      'which cannot be read (ENOENT)',
    ],
    ['is a folder', () => [box.dir, box.selfSigned('x').key], 'CERT', 'which cannot be read (EISDIR)'],
    ['is a key', () => [box.selfSigned('x').key, box.path('x.key')], 'CERT', 'which has no certificate in PEM'],
    [
      'has a certificate for a key',
      () => [box.selfSigned('x').cert, box.path('x.crt')],
      'KEY',
      'which is not a private key in PEM',
    ],
    [
      'has another key',
      () => [box.selfSigned('x').cert, box.selfSigned('y').key],
      'KEY',
      'which does not belong to the certificate',
    ],
    [
      'has a locked key',
      () => {
        const { cert } = box.selfSigned('x');
        box.openssl('pkey', '-in', 'x.key', '-aes256', '-passout', 'pass:hunter2', '-out', 'locked.key');
        return [cert, box.path('locked.key')];
      },
      'KEY',
      'which is locked with a passphrase',
    ],
    [
      'is too weak',
      () => {
        const { cert, key } = box.selfSigned('x', [], ['rsa:512']);
        return [cert, key];
      },
      'CERT',
      'which cannot be served (ERR_SSL_EE_KEY_TOO_SMALL)',
    ],
  ])('stops the start when it %s, naming the setting', async (_, make, which, why) => {
    const [cert, key] = make();
    const started = identity(files(OWN, { cert, key }));
    const name = `${OWN}_${which}_FILE`;
    await expect(started).rejects.toMatchObject({
      code: 'invalid',
      violations: [{ field: name, reason: `got "${which === 'CERT' ? cert : key}", ${why}` }],
    });
  });

  it('that has expired is shown, and complained of', async () => {
    await identity();
    const cert = box.write('old.pem', expired());
    logged = [];
    await identity(files(OWN, { cert, key: box.path('work/global.key') }));
    expect(logged[0]).toMatchObject({ message: 'the TLS certificate has expired', fields: { file: cert } });
  });
});

describe('versions and cipher suites', () => {
  it('begin with TLS 1.2, as OpenSSL finds', async () => {
    const port = await served();
    expect((await sClient(port, '-tls1_2')).greeted).toBe(true);
    expect((await sClient(port, '-tls1_3')).greeted).toBe(true);
    const old = await sClient(port, '-tls1_1', '-cipher', 'ALL:@SECLEVEL=0');
    expect(old).toMatchObject({ greeted: false, output: expect.stringContaining('alert protocol version') });
  });

  it.each([
    ['KUMA_GENERAL_TLS_MIN_VERSION', 'TLSv1_3', '-tls1_2'],
    ['KUMA_MULTIZONE_GLOBAL_KDS_TLS_MIN_VERSION', 'TLSv1_3', '-tls1_2'],
    ['KUMA_GENERAL_TLS_MAX_VERSION', 'TLSv1_2', '-tls1_3'],
    ['KUMA_MULTIZONE_GLOBAL_KDS_TLS_MAX_VERSION', 'TLSv1_2', '-tls1_3'],
  ])('are limited by %s=%s: no %s', async (name, value, refused) => {
    const port = await served({ [name]: value });
    expect((await sClient(port, refused)).greeted).toBe(false);
    expect((await sClient(port)).greeted).toBe(true);
  });

  it('of a server go before those for all', async () => {
    const port = await served({
      KUMA_GENERAL_TLS_MIN_VERSION: 'TLSv1_3',
      KUMA_MULTIZONE_GLOBAL_KDS_TLS_MIN_VERSION: 'TLSv1_2',
    });
    expect((await sClient(port, '-tls1_2')).greeted).toBe(true);
  });

  it('keep past traffic secret unless told otherwise: no RSA key exchange, no CBC', async () => {
    const port = await served();
    for (const cipher of ['AES128-GCM-SHA256', 'ECDHE-ECDSA-AES128-SHA', 'ECDHE-ECDSA-AES128-SHA256']) {
      expect((await sClient(port, '-tls1_2', '-cipher', cipher)).greeted).toBe(false);
    }
  });

  it('are those that are named, with TLS 1.3’s own', async () => {
    const suite = 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384';
    const port = await served({ KUMA_MULTIZONE_GLOBAL_KDS_TLS_CIPHER_SUITES: suite });
    expect((await greeted(port, { ca: ca(), maxVersion: 'TLSv1.2' })).cipher).toBe(suite);
    expect((await sClient(port, '-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-GCM-SHA256')).greeted).toBe(false);
    expect((await greeted(port, { ca: ca() })).protocol).toBe('TLSv1.3');
  });
});

describe('files that change while a control plane runs', () => {
  const LOOK_EVERY_MS = 10_000;
  const subject = async (port: number) => (await greeted(port, { rejectUnauthorized: false })).certificate.subject.CN;
  let port: number;

  beforeEach(async () => {
    const { cert, key } = box.selfSigned('first');
    const env = { KUMA_GENERAL_TLS_CERT_FILE: cert, KUMA_GENERAL_TLS_KEY_FILE: key };
    const all = certificates(env);
    const server = await greeter(await all.identity('multizone.global.kds'));
    port = server.port;
    const stopping = new AbortController();
    const running = all.run(stopping.signal);
    ends.push(async () => {
      stopping.abort();
      await running;
      await server.close();
      expect(clock.next()).toBe(undefined);
    });
    logged = [];
  });

  /** Ten seconds go by. */
  const pass = async () => {
    clock.step(clock.mono() + LOOK_EVERY_MS);
    await expect.poll(() => clock.next()).toBe(clock.mono() + LOOK_EVERY_MS);
  };
  const replace = (name: string, ...kinds: ('crt' | 'key')[]) => {
    box.selfSigned(name);
    for (const kind of kinds) fs.copyFileSync(box.path(`${name}.${kind}`), box.path(`first.${kind}`));
  };

  it('are shown to new connections within ten seconds, without a restart', async () => {
    replace('second', 'crt', 'key');
    expect(await subject(port)).toBe('first');
    await pass();
    expect(await subject(port)).toBe('second');
    expect(logged.map(({ message }) => message)).toEqual(['TLS files have changed: new connections see the new ones']);
  });

  it('are not touched when only their times changed', async () => {
    fs.utimesSync(box.path('first.crt'), new Date(), new Date());
    await pass();
    expect(logged).toEqual([]);
  });

  it('that are half replaced leave the old ones, which is told once; and are taken when the rest has come', async () => {
    replace('second', 'crt');
    await pass();
    await pass();
    expect(await subject(port)).toBe('first');
    expect(logged).toEqual([
      {
        message: 'changed TLS files are of no use: the old ones stay',
        fields: { server: 'multizone.global.kds', why: expect.stringContaining('KUMA_GENERAL_TLS_KEY_FILE') },
      },
    ]);
    fs.copyFileSync(box.path('second.key'), box.path('first.key'));
    await pass();
    expect(await subject(port)).toBe('second');
  });

  it('that are gone leave the old ones', async () => {
    fs.rmSync(box.path('first.crt'));
    await pass();
    expect(await subject(port)).toBe('first');
  });
});
