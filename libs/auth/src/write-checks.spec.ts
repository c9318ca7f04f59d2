import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { LABEL, type ResourceKey } from '@koguma/resources';
import { beforeEach, describe, expect, it } from 'vitest';
import { type ControlPlane, controlPlane, decoded, globalSecret, keyName, listName } from './control-plane.contract.js';
import { KEY, OTHER_KEY, THIRD_KEY } from './keys.contract.js';
import { refusal } from './refusal.contract.js';

const UUID = '11111111-1111-4111-8111-111111111111';
const PREPARED = { [LABEL.phase]: 'prepared' };
const PUBLIC = globalSecret('zone-token-signing-public-key-1');
const NOT_A_KEY = 'is not an RSA key: give PEM (PKCS#1, PKCS#8 or SPKI) or PKCS#1 DER';
const NO_SIGNER = 'no key is left that signs: none can be issued until there is a new one';
const base64 = (data: string | Uint8Array) => ({ data: Buffer.from(data).toString('base64') });
const refused = (serial: number, kind = 'user') => `${kind} tokens with kid ${serial} are refused from now on`;
const replaces = (serial: number) =>
  `this replaces another key with serial ${serial}: tokens that it signed are refused from now on`;
const goesOn = (serial: number) => `serial ${serial} is higher and goes on signing: a new key needs a higher serial`;
const twin = (serial: number) => `this is the same key as serial ${serial}: nothing is rotated by it`;
const older = (serial: number) => `serial ${serial}, an older key, signs from now on`;

let cp: ControlPlane;
beforeEach(async () => {
  cp = await controlPlane();
  await cp.manager.put({ type: 'Mesh', mesh: '', name: 'default' }, {});
});

describe('a secret with the name of a signing key', () => {
  const { privateKey: ec } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { privateKey: small } = generateKeyPairSync('rsa', { modulusLength: 1_024 });
  const { privateKey: tiny } = generateKeyPairSync('rsa', { modulusLength: 512 });
  const pkcs1 = { type: 'pkcs1', format: 'pem' } as const;
  const encrypted = { cipher: 'aes-128-cbc', passphrase: 'lab' };
  const tooSmall = (bits: number) => `is an RSA key of ${bits} bits: at least 2048 are needed`;

  it.each<[string, string, string | Uint8Array]>([
    ['no data', NOT_A_KEY, ''],
    ['a text', NOT_A_KEY, 'not a key'],
    ['an EC key', NOT_A_KEY, ec.export({ type: 'pkcs8', format: 'pem' })],
    ['an encrypted PEM', NOT_A_KEY, KEY.key.export({ ...pkcs1, ...encrypted })],
    ['1024 bits', tooSmall(1_024), small.export(pkcs1)],
    ['512 bits', tooSmall(512), tiny.export(pkcs1)],
    ['a public key', 'is a public key: a signing key needs the private one', KEY.publicPem],
    ['base64 in base64', NOT_A_KEY, Buffer.from(KEY.pem).toString('base64')],
  ])('is refused with %s: %s; nothing is stored', async (_, reason, data) => {
    const before = cp.view.revision.n;
    for (const key of [keyName('user'), keyName('zone-ingress'), keyName('dataplane', 2)]) {
      await expect(cp.manager.put(key, base64(data))).rejects.toMatchObject(refusal(['data', reason]));
      expect(await cp.store.get(key)).toBeUndefined();
    }
    expect(cp.view.revision.n).toBe(before);
  });

  it('is refused without data, which is not what a key was before', async () => {
    await cp.put(keyName('user'), KEY.pem);
    await expect(cp.manager.put(keyName('user'), {})).rejects.toMatchObject(refusal(['data', NOT_A_KEY]));
    expect(cp.textOf(keyName('user'))).toBe(KEY.pem);
  });

  it.each(['0', '01', '0002', '-1', 'foo', '1e3', '1.0', '9007199254740992'])(
    'is refused with the serial %s: a new name breaks the rule, and so does an old one',
    async (serial) => {
      const reason = 'must be user-token-signing-key-{serial number}, the number from 1 on without leading zeros';
      await expect(cp.put(keyName('user', serial), KEY.pem)).rejects.toMatchObject(refusal(['name', reason]));
      await cp.arrive(keyName('user', serial), KEY.pem);
      await expect(cp.put(keyName('user', serial), KEY.pem)).rejects.toMatchObject(refusal(['name', reason]));
    },
  );

  it('is refused without a serial, by the name of its mesh', async () => {
    const key: ResourceKey = { type: 'Secret', mesh: 'default', name: 'dataplane-token-signing-key-default' };
    const reason =
      'must be dataplane-token-signing-key-default-{serial number}, the number from 1 on without leading zeros';
    await expect(cp.put(key, KEY.pem)).rejects.toMatchObject(refusal(['name', reason]));
  });

  it('is told of all that is wrong at once', async () => {
    await expect(cp.put(keyName('zone', '007'), 'x')).rejects.toMatchObject(
      refusal(['name', expect.stringContaining('{serial number}')], ['data', NOT_A_KEY]),
    );
  });

  it.each<[string, string | Uint8Array]>([
    ['PKCS#1 PEM', KEY.pem],
    ['PKCS#8 PEM', KEY.key.export({ type: 'pkcs8', format: 'pem' })],
    ['PKCS#1 DER', KEY.key.export({ type: 'pkcs1', format: 'der' })],
  ])('is stored as PKCS#1 PEM when it comes as %s, and signs', async (_, data) => {
    await cp.manager.put(keyName('user'), base64(data));
    expect(cp.textOf(keyName('user'))).toBe(KEY.pem);
    expect(await cp.verify(await cp.issue('user'), 'user')).toMatchObject({ accepted: true });
  });

  it('may be deleted whatever it is called, since only writes bring harm', async () => {
    await cp.arrive(keyName('user', '0002'), 'not a key');
    expect((await cp.manager.delete(keyName('user', '0002'))).warnings).toEqual([]);
  });

  it('is checked and not stored in a dry run, with the same warnings', async () => {
    const dryRun = { dryRun: true };
    await cp.put(keyName('user'), KEY.pem);
    const { warnings } = await cp.manager.put(keyName('user'), base64(OTHER_KEY.pem), {}, dryRun);
    expect(warnings).toEqual([replaces(1)]);
    expect((await cp.manager.delete(keyName('user'), dryRun)).warnings).toEqual([refused(1), NO_SIGNER]);
    await expect(cp.manager.put(keyName('user'), base64('x'), {}, dryRun)).rejects.toMatchObject({ code: 'invalid' });
    expect(cp.textOf(keyName('user'))).toBe(KEY.pem);
  });
});

describe('a secret with the name of a public key', () => {
  const spki = createPublicKey(KEY.key).export({ type: 'spki', format: 'pem' });

  it.each<[string, string | Uint8Array]>([
    ['PKCS#1 PEM', KEY.publicPem],
    ['SPKI PEM', spki],
    ['PKCS#1 DER', createPublicKey(KEY.key).export({ type: 'pkcs1', format: 'der' })],
    ['the private key, of which the half is kept', KEY.pem],
  ])('is stored as PKCS#1 PEM when it comes as %s', async (_, data) => {
    await cp.manager.put(PUBLIC, base64(data));
    expect(cp.textOf(PUBLIC)).toBe(KEY.publicPem);
  });

  it('is refused with a bad serial or no key', async () => {
    await expect(cp.put({ ...PUBLIC, name: `${PUBLIC.name}x` }, 'x')).rejects.toMatchObject(
      refusal(['name', expect.stringContaining('zone-token-signing-public-key-{serial number}')], ['data', NOT_A_KEY]),
    );
  });

  it('makes no difference where the private half is, so nothing is warned of', async () => {
    await cp.put(keyName('zone'), KEY.pem);
    const written = await cp.put(PUBLIC, OTHER_KEY.publicPem);
    const replaced = await cp.put(PUBLIC, KEY.publicPem);
    const deleted = await cp.manager.delete(PUBLIC);
    expect([written, replaced, deleted].map(({ warnings }) => warnings)).toEqual([[], [], []]);
    expect(await cp.verify(await cp.issue('zone'), 'zone')).toMatchObject({ accepted: true });
  });
});

describe('who writes a signing key', () => {
  const write = async (serial: number, key = KEY, labels = {}) =>
    (await cp.put(keyName('user', serial), key.pem, labels)).warnings;

  it('is told nothing when all is well: a first key, a higher one, the same again', async () => {
    expect(await write(1)).toEqual([]);
    expect(await write(2, OTHER_KEY)).toEqual([]);
    expect(await write(2, OTHER_KEY)).toEqual([]);
  });

  it('is told that it replaces another key', async () => {
    await write(1);
    expect(await write(1, OTHER_KEY)).toEqual([replaces(1)]);
  });

  it('is told that a lower serial will not sign', async () => {
    await write(10);
    expect(await write(9, OTHER_KEY)).toEqual([goesOn(10)]);
    expect(decoded(await cp.issue('user')).header).toContain('"kid":"10"');
  });

  it('is not told so of a lower serial that is prepared, nor by a higher one that is', async () => {
    await write(3, KEY, PREPARED);
    expect(await write(2, OTHER_KEY)).toEqual([]);
    expect(decoded(await cp.issue('user')).header).toContain('"kid":"2"');
    expect(await write(1, THIRD_KEY, PREPARED)).toEqual([]);
  });

  it('is told that the same key is there already', async () => {
    await write(1);
    expect(await write(2)).toEqual([twin(1)]);
    expect(await write(1, OTHER_KEY)).toEqual([replaces(1)]);
    expect(await write(3, OTHER_KEY, PREPARED)).toEqual([twin(1)]);
  });

  it('is told who signs when the key that signed becomes a prepared one', async () => {
    await write(1);
    await write(2, OTHER_KEY);
    expect(await write(2, OTHER_KEY, PREPARED)).toEqual([older(1)]);
    expect(await write(1, KEY, PREPARED)).toEqual([NO_SIGNER]);
    expect(await write(2, OTHER_KEY)).toEqual([]);
  });

  it('of another mesh or kind is told nothing of this one', async () => {
    await cp.manager.put({ type: 'Mesh', mesh: '', name: 'payments' }, {});
    await write(5);
    expect((await cp.put(keyName('zone'), KEY.pem)).warnings).toEqual([]);
    expect((await cp.put(keyName('dataplane', 2, 'payments'), KEY.pem)).warnings).toEqual([]);
  });
});

describe('who deletes a signing key', () => {
  const remove = async (serial: number) => (await cp.manager.delete(keyName('user', serial))).warnings;
  beforeEach(async () => {
    await cp.put(keyName('user', 1), KEY.pem);
    await cp.put(keyName('user', 2), OTHER_KEY.pem);
  });

  it('is told which tokens that ends', async () => {
    expect(await remove(1)).toEqual([refused(1)]);
  });

  it('is told that an older key signs, when it was the highest', async () => {
    expect(await remove(2)).toEqual([refused(2), older(1)]);
    expect(decoded(await cp.issue('user')).header).toContain('"kid":"1"');
  });

  it('is told that none can be issued, when it was the last', async () => {
    await remove(1);
    expect(await remove(2)).toEqual([refused(2), NO_SIGNER]);
    await expect(cp.issue('user')).rejects.toMatchObject({ code: 'signing_key_not_found' });
  });

  it('is told the same when only a prepared one is left', async () => {
    await cp.put(keyName('user', 3), THIRD_KEY.pem, PREPARED);
    await remove(1);
    expect(await remove(2)).toEqual([refused(2), NO_SIGNER]);
  });

  it('is told of no change of signer when it was a prepared one', async () => {
    await cp.put(keyName('user', 3), THIRD_KEY.pem, PREPARED);
    expect(await remove(3)).toEqual([refused(3)]);
  });

  it('of a mesh is told by the name of its kind', async () => {
    const { warnings } = await cp.manager.delete(keyName('dataplane'));
    expect(warnings).toEqual([refused(1, 'dataplane'), NO_SIGNER]);
  });
});

describe('who writes a revocation list', () => {
  it.each<[string, string]>([
    ['nothing', ''],
    ['one id', UUID],
    ['ids in every way', `${UUID},\r\n${UUID.toUpperCase()}\n`],
  ])('with %s is told nothing', async (_, text) => {
    expect((await cp.put(listName('user'), text)).warnings).toEqual([]);
  });

  it('is told of entries that no token can have, of three by name, and the list is stored as it came', async () => {
    const text = `${UUID};${UUID} # leaked\nticket-7 ${'x'.repeat(60)}`;
    const { warnings } = await cp.put(listName('zone'), text);
    expect(warnings).toEqual([
      `5 of the entries cannot be the id (jti, a UUID) of a token: "${UUID};111", "#", "leaked"`,
    ]);
    expect(cp.textOf(listName('zone'))).toBe(text);
  });

  it('of proxies is told in the mesh and outside', async () => {
    for (const key of [listName('dataplane'), globalSecret('dataplane-token-revocations-default')]) {
      expect((await cp.put(key, 'a')).warnings).toEqual([expect.stringMatching(/^1 of the entries cannot be/)]);
    }
  });

  it('and deletes it is told nothing', async () => {
    await cp.put(listName('user'), 'a');
    expect((await cp.manager.delete(listName('user'))).warnings).toEqual([]);
  });
});

describe('any other secret', () => {
  it.each([globalSecret('my-ca'), globalSecret('zone-token-signing-keys'), globalSecret('admin-user-token')])(
    'may hold anything: $name',
    async (key) => {
      expect((await cp.put(key, 'anything')).warnings).toEqual([]);
      expect(cp.textOf(key)).toBe('anything');
    },
  );

  it('of a mesh may have the name of a key of another mesh', async () => {
    const key: ResourceKey = { type: 'Secret', mesh: 'default', name: 'dataplane-token-signing-key-payments-1' };
    expect((await cp.put(key, 'anything')).warnings).toEqual([]);
  });
});
