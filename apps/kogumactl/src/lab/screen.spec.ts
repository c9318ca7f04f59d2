import { describe, expect, it } from 'vitest';
import { Screen, uptime } from './screen.js';
import type { ChildStatus } from './supervisor.js';

function output(more: object = {}) {
  const out = { text: '', write: (text: string) => (out.text += text), ...more };
  return out;
}

const status = (name: string, more: Partial<ChildStatus> = {}): ChildStatus => ({
  name,
  role: name === 'global' ? 'global' : 'zone',
  state: 'running',
  sync: name === 'global' ? null : 'in-sync',
  pid: 12,
  uptimeSeconds: 75,
  api: `http://localhost/${name}`,
  log: `/data/${name}/log.jsonl`,
  ...more,
});

describe('progress', () => {
  const steps = [
    [status('global', { state: 'starting' }), status('east', { state: 'waiting', sync: null })],
    [status('global'), status('east', { state: 'waiting', sync: null })],
    [status('global'), status('east')],
  ];

  it('is a line for each change where nothing can be redrawn', () => {
    for (const [more, env] of [[{}, {}] as const, [{ isTTY: true }, { TERM: 'dumb' }] as const]) {
      const out = output(more);
      const screen = new Screen({ out, env }, 2);
      for (const step of steps) screen.progress(step);
      expect(out.text.split('\n')).toEqual([
        '  global  starting',
        '  global  running',
        '  east    running, in-sync',
        '',
      ]);
    }
  });

  it('is redrawn in place on a terminal, in colour unless that is not wanted', () => {
    const out = output({ isTTY: true, rows: 24 });
    const screen = new Screen({ out, env: { NO_COLOR: '1' } }, 2);
    for (const step of steps.slice(1)) screen.progress(step);
    expect(out.text).toBe(
      '\x1b[2K  global  running\n\x1b[2K  east    waiting\n\x1b[2A\x1b[2K  global  running\n\x1b[2K  east    running, in-sync\n',
    );
    const coloured = output({ isTTY: true });
    new Screen({ out: coloured, env: {} }, 2).progress(steps[2] ?? []);
    expect(coloured.text).toContain('\x1b[32mrunning');
  });

  it('starts anew below a line that was printed in between', () => {
    const out = output({ isTTY: true });
    const screen = new Screen({ out, env: { NO_COLOR: '1' } }, 2);
    screen.progress(steps[0] ?? []);
    screen.line('Stopping the lab.');
    screen.progress(steps[0] ?? []);
    expect(out.text).not.toContain('\x1b[2A');
  });

  it('is not redrawn beyond the window', () => {
    const out = output({ isTTY: true, rows: 2 });
    const screen = new Screen({ out, env: { NO_COLOR: '1' } }, 2);
    for (const step of steps) screen.progress(step);
    expect(out.text).not.toContain('\x1b[');
  });
});

it('shows a table that can be cut into columns', () => {
  const out = output();
  const dead = status('west', { state: 'killed', sync: null, pid: null, uptimeSeconds: null });
  new Screen({ out, env: {} }).table([status('global'), status('east', { sync: 'cut-off' }), dead]);
  expect(out.text.split('\n').map((line) => line.split(/ {3,}/))).toEqual([
    ['NAME', 'STATE', 'SYNC', 'PID', 'UPTIME', 'API', 'LOG'],
    ['global', 'running', '-', '12', '1m15s', 'http://localhost/global', '/data/global/log.jsonl'],
    ['east', 'running', 'cut-off', '12', '1m15s', 'http://localhost/east', '/data/east/log.jsonl'],
    ['west', 'killed', '-', '-', '-', 'http://localhost/west', '/data/west/log.jsonl'],
    [''],
  ]);
});

it('shows how long in two units', () => {
  expect([null, 0, 59, 60, 3_599, 3_600, 100_000].map(uptime)).toEqual([
    '-',
    '0s',
    '59s',
    '1m0s',
    '59m59s',
    '1h0m',
    '27h46m',
  ]);
});
