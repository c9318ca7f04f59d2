import { describe, expect, it } from 'vitest';
import { Watched } from './watched.js';

function watching(content: () => string) {
  let stamp = 'first';
  let reads = 0;
  const told: string[] = [];
  const read = () => {
    reads++;
    return content();
  };
  const events = { changed: () => void told.push('changed'), refused: (why: string) => void told.push(why) };
  const watched = new Watched({ read, stamp: () => stamp }, events);
  const touch = () => {
    stamp += '+';
  };
  return { watched, told, touch, reads: () => reads };
}

describe('what was read from files', () => {
  it('is read again when reading failed, also when nothing shows that it changed since', () => {
    let text = 'old';
    let canRead = true;
    const { watched, touch, told } = watching(() => {
      if (!canRead) throw new Error('too many open files');
      return text;
    });
    [text, canRead] = ['new', false];
    touch();
    for (let look = 0; look < 3; look++) watched.look();
    canRead = true;
    watched.look();
    expect([watched.current, told]).toEqual(['new', ['too many open files', 'changed']]);
  });

  it('is not read again while nothing shows that it may have changed', () => {
    const { watched, reads, told } = watching(() => 'same');
    for (let look = 0; look < 10; look++) watched.look();
    expect([reads(), told]).toEqual([1, []]);
  });

  it('is read again when it may have, and told of when it has', () => {
    let text = 'old';
    const { watched, touch, reads, told } = watching(() => text);
    touch();
    watched.look();
    expect([reads(), told]).toEqual([2, []]);
    text = 'new';
    touch();
    watched.look();
    expect([watched.current, told]).toEqual(['new', ['changed']]);
  });

  it('stays when the change is of no use, which is told once, until it is mended', () => {
    let text = 'old';
    const { watched, touch, told } = watching(() => {
      if (text === 'bad') throw new Error('not a certificate');
      return text;
    });
    text = 'bad';
    for (let look = 0; look < 3; look++) {
      touch();
      watched.look();
    }
    expect([watched.current, told]).toEqual(['old', ['not a certificate']]);
    text = 'new';
    touch();
    watched.look();
    expect(watched.current).toBe('new');
  });
});
