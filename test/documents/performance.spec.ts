import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const docs = fileURLToPath(new URL('../../docs/', import.meta.url));
const page = readFileSync(`${docs}performance.md`, 'utf8');
const readme = readFileSync(`${docs}../README.md`, 'utf8');
const placesIn = (text: string) => [...text.matchAll(/<!-- bench:(\S+) -->\n(.*?)<!-- \/bench:\1 -->/gs)];

describe('what is said of performance', () => {
  it('has figures in each place for them', () => {
    for (const text of [page, readme]) {
      const places = placesIn(text);
      expect(places.length).toBe(text.match(/<!-- bench:/g)?.length);
      expect(places.filter(([, , figures]) => !/\d/.test(figures ?? '')).map(([, name]) => name)).toEqual([]);
    }
  });

  it('is of a whole run', () => {
    for (const text of [page, readme]) expect(text).not.toContain('--quick`');
  });

  it('shows each plot that there is, each on white', () => {
    const shown = [...page.matchAll(/\]\(plots\/(\S+)\)/g)].map(([, file]) => file);
    expect(new Set(shown)).toEqual(new Set(readdirSync(`${docs}plots`)));
    for (const file of shown)
      expect(readFileSync(`${docs}plots/${file}`, 'utf8')).toMatch(/^<svg [^>]*><rect [^>]*fill="white"/);
  });

  it('is found from the README', () => {
    expect(readme).toContain('(docs/performance.md)');
    expect(existsSync(`${docs}performance.md`)).toBe(true);
  });
});
