import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readToken } from './token.js';

const TOKEN = `${Buffer.from('{"alg":"RS256","kid":"1"}').toString('base64url')}.e30.c2ln`;
const folder = mkdtempSync(path.join(tmpdir(), 'koguma-dp-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(text: string): string {
  const where = path.join(folder, `token-${Math.random()}`);
  writeFileSync(where, text);
  return where;
}

describe('a token', () => {
  it.each([
    ['as it is', TOKEN],
    ['with a line end', `${TOKEN}\n`],
    ['with a line end of Windows', `${TOKEN}\r\n`],
    ['with blanks around it', `  ${TOKEN}\t`],
  ])('may be in a file, or given, %s', (_, text) => {
    expect(readToken({ path: file(text) })).toBe(TOKEN);
    expect(readToken({ inline: text })).toBe(TOKEN);
  });

  it('that is given counts before one in a file', () => {
    expect(readToken({ inline: TOKEN, path: '/nowhere' })).toBe(TOKEN);
  });

  it('need not be there', () => {
    expect(readToken({})).toBe('');
  });

  it.each([
    ['empty', '', 'is empty'],
    ['only a line end', '\n', 'is empty'],
    ['broken over lines', `${TOKEN.slice(0, 10)}\n${TOKEN.slice(10)}`, 'is broken over lines'],
    ['two of them', `${TOKEN}\n${TOKEN}\n`, 'is broken over lines'],
    ['with a scheme in front', `Bearer ${TOKEN}`, 'is broken over lines, or has blanks in it'],
    ['something else', 'secret', 'is not a token'],
    ['a JWT without an algorithm', 'e30.e30.c2ln', 'is not a token'],
    ['a JWT in two parts', 'e30.e30', 'is not a token'],
  ])('that is %s is told before anybody is asked', (_, text, told) => {
    const where = file(text);
    expect(() => readToken({ path: where })).toThrow(told);
    expect(() => readToken({ path: where })).toThrow(where);
    expect(() => readToken({ inline: text })).toThrow(`the token ${told}`);
    if (text.trim() !== '') expect(() => readToken({ path: where })).not.toThrow(text);
  });

  it('in a file that is not there is told with the file', () => {
    expect(() => readToken({ path: '/nowhere/token' })).toThrow('the token file /nowhere/token is not there');
  });
});
