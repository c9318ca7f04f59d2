import { describe, expect, it } from 'vitest';
import { type Caller, isLocal } from './local-caller.js';

const CURL: Caller = {
  remoteAddress: '127.0.0.1',
  authorization: undefined,
  host: 'localhost:5681',
  origin: undefined,
  secFetchSite: undefined,
  forwarded: false,
  scheme: 'http',
};

const ours = (origin: string, host = 'localhost:5681'): Partial<Caller> => ({ origin, host });

describe('a caller on this machine', () => {
  it.each<[string, Partial<Caller>]>([
    ['curl', {}],
    ['curl over IPv6', { remoteAddress: '::1', host: '[::1]:5681' }],
    ['curl over IPv4 on a socket of IPv6', { remoteAddress: '::ffff:127.0.0.1' }],
    ['another loopback address', { remoteAddress: '127.1.2.3', host: '127.1.2.3:5681' }],
    ['a host with no port', { host: 'localhost' }],
    ['a host that is an address', { host: '127.0.0.1:5681' }],
    ['a host that is an address with no port', { host: '[::1]' }],
    ['a host in capitals', { host: 'LOCALHOST:5681' }],
    ['another name of the same machine than that dialled', { remoteAddress: '::1', host: '127.0.0.1:5681' }],
    ['a browser that came by itself', { secFetchSite: 'none' }],
    ['a page of ours', { secFetchSite: 'same-origin', ...ours('http://localhost:5681') }],
    ['a page of ours by address', ours('http://127.0.0.1:5681', '127.0.0.1:5681')],
    ['a page of ours by an address of IPv6', ours('http://[::1]:5681', '[::1]:5681')],
    ['a page of ours in other letters', ours('http://LocalHost:5681', 'LOCALHOST:5681')],
    ['a page of ours on the usual port, said', ours('http://localhost:80', 'localhost')],
    ['a page of ours on the usual port, not said', ours('http://localhost', 'localhost:80')],
    ['a page of ours over TLS', { ...ours('https://localhost', 'localhost:443'), scheme: 'https' }],
  ])('is local: %s', (_, caller) => {
    expect(isLocal({ ...CURL, ...caller })).toBe(true);
  });
});

describe('a caller who may be elsewhere', () => {
  it.each<[string, Partial<Caller>]>([
    ['another machine', { remoteAddress: '203.0.113.7' }],
    ['another machine that names this one', { remoteAddress: '10.0.0.1', host: 'localhost:5681' }],
    ['another machine over IPv6', { remoteAddress: '2001:db8::1', host: '[::1]:5681' }],
    ['another machine on a socket of IPv6', { remoteAddress: '::ffff:10.0.0.1' }],
    ['nobody knows who', { remoteAddress: undefined }],
    ['an address that begins like ours', { remoteAddress: '127.0.0.1.evil.example' }],
    ['an empty address', { remoteAddress: '' }],
    ['a proxy that says so', { forwarded: true }],
    ['no host', { host: undefined }],
    ['an empty host', { host: '' }],
    ['a public name of this machine', { host: 'cp.example:5681' }],
    ['a name that an attacker made to point here', { host: 'localhost.evil.example:5681' }],
    ['a name that begins like an address', { host: '127.0.0.1.nip.io:5681' }],
    ['a name that ends like ours', { host: 'evil-localhost' }],
    ['a host with a port that is none', { host: 'localhost:99999' }],
    ['a host with a port of letters', { host: 'localhost:http' }],
    ['a host with an empty port', { host: 'localhost:' }],
    ['a host with two ports', { host: 'localhost:80:80' }],
    ['a host with a user', { host: 'localhost@evil.example' }],
    ['a host with a path', { host: 'localhost/evil' }],
    ['a host with a blank', { host: 'localhost :5681' }],
    ['two hosts', { host: 'localhost, evil.example' }],
    ['any address', { host: '0.0.0.0:5681' }],
    ['a page of another site', { secFetchSite: 'cross-site' }],
    ['a page of another port of this site', { secFetchSite: 'same-site' }],
    ['a page of a site of a new sort', { secFetchSite: 'Same-Origin' }],
    ['an empty site', { secFetchSite: '' }],
    ['a page of evil.example', ours('https://evil.example')],
    ['a page of evil.example over HTTP', ours('http://evil.example:5681')],
    ['a page of another local server', ours('http://localhost:3000')],
    ['a page by another name of this machine', ours('http://127.0.0.1:5681')],
    ['a page by another scheme', ours('https://localhost:5681')],
    ['a page over HTTP of a server over TLS', { ...ours('http://localhost', 'localhost'), scheme: 'https' }],
    ['a page of nowhere', ours('null')],
    ['an empty origin', ours('')],
    ['an origin that is none', ours('localhost:5681')],
    ['an origin with a path', ours('http://localhost:5681/')],
    ['an origin with a query', ours('http://localhost:5681?a')],
    ['an origin with a fragment', ours('http://localhost:5681#a')],
    ['an origin with a user', ours('http://localhost@localhost:5681')],
    ['an origin of another sort', ours('chrome-extension://localhost:5681')],
    ['an origin with a scheme in capitals', ours('HTTP://localhost:5681')],
    ['two origins', ours('http://localhost:5681 http://evil.example')],
    ['an origin that begins like ours', ours('http://localhost:5681.evil.example')],
    ['an origin with a bad port', ours('http://localhost:568100')],
  ])('is not local: %s', (_, caller) => {
    expect(isLocal({ ...CURL, ...caller })).toBe(false);
  });
});
