import { describe, expect, it } from 'vitest';
import { refusal, unreachable } from './failures.js';

const TARGET = { name: 'prod', apiServer: { url: 'https://cp.example' }, mesh: undefined };
const told = (status: number, body: string | object) =>
  refusal(TARGET, { status, text: typeof body === 'string' ? body : JSON.stringify(body) }).message;

describe('a refusal', () => {
  it('is told as title, detail and fields', () => {
    const body = {
      title: 'Invalid request',
      detail: 'Resource is not valid',
      invalid_parameters: [
        { field: 'name', reason: 'cannot be empty' },
        { field: 'validFor', reason: 'is invalid' },
      ],
      details: 'Resource is not valid',
      causes: [{ field: 'name', message: 'old words' }],
    };
    expect(told(400, body)).toBe(
      'Invalid request (Resource is not valid)\n* name: cannot be empty\n* validFor: is invalid',
    );
  });

  it('of a Kuma before 2.8 is told just so', () => {
    const body = { title: 'Could not process', details: 'Not valid', causes: [{ field: 'mesh', message: 'is empty' }] };
    expect(told(400, body)).toBe('Could not process (Not valid)\n* mesh: is empty');
  });

  it.each([
    [405, 'On Kubernetes you cannot change the state\n', '(405): On Kubernetes you cannot change the state'],
    [400, '', '(400): an empty answer'],
    [502, '<html>', '(502): <html>'],
    [500, '{"title":""}', '(500): {"title":""}'],
    [500, 'null', '(500): null'],
    [302, 'x'.repeat(1_000), `(302): ${'x'.repeat(300)}`],
  ])('%d with %j, which no Kuma writes, is told as it is', (status, body, words) => {
    expect(told(status, body)).toBe(words);
  });

  it('says what to do', () => {
    const todo = (status: number) => refusal(TARGET, { status, text: '' }).todo;
    expect(todo(401)).toContain('context "prod"');
    expect(todo(403)).toContain('--context');
    expect(todo(404)).toContain('https://cp.example');
    expect(todo(405)).toContain('--context');
    expect(todo(400)).toContain('try again');
    expect(todo(503)).toContain('log of the control plane');
  });
});

describe('no answer', () => {
  const message = (code: string, words = '') =>
    unreachable(TARGET, Object.assign(new Error(words), { code }), 60_000).message;

  it.each([
    ['ECONNREFUSED', 'cannot be reached: nothing listens there'],
    ['ENOTFOUND', 'cannot be reached: there is no such host'],
    ['EPROTO', 'cannot be reached: it does not speak TLS'],
    ['EWHATEVER', 'cannot be reached: EWHATEVER'],
    ['ABORT_ERR', 'did not answer within 60 s'],
  ])('by %s is told in words', (code, words) => {
    expect(message(code)).toBe(`the control plane "prod" at https://cp.example ${words}`);
  });

  it('for a certificate that is not trusted says why', () => {
    expect(message('CERT_HAS_EXPIRED', 'certificate has expired')).toBe(
      'the certificate of the control plane "prod" at https://cp.example is not trusted: certificate has expired',
    );
  });
});
