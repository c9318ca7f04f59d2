import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LabProcesses } from '../support/lab-processes.js';
import { eventually, ROOT, run } from '../support/processes.js';
import { Shell, settled } from '../support/shell.js';

const PAGE = `${ROOT}/docs/seeds-walkthrough.md`;
const OFFSET = 430;
/** From this heading on the page is about the lab, whose global has the ports that the zone had. */
const LAB = '\n## On the lab\n';
/** A block that is typed, and what the page shows under it. */
const TYPED = /^```sh\n(.*?)^```\n(?:\n```text\n.*?^```\n)?/gms;

/** Every command block of the four pages, in their order, by what is in it. */
const BLOCKS: Readonly<Record<string, readonly string[]>> = {
  '000': [
    '`kumactl get global-secrets`',
    '`curl -XPOST`',
    '`kumactl generate zone-ingress-token`',
    '`kuma-dp run`',
    'an example of a jti',
    'the revocation with `kubectl apply`',
    '`kubectl get secrets`',
    'a new signing key with `kubectl apply`',
    '`kubectl delete secret`',
  ],
  '001': [
    '`kumactl get global-secrets`',
    '`curl -XPOST`',
    '`kumactl generate zone-ingress-token`',
    '`kuma-dp run`',
    'an example of a jti',
  ],
  '002': [
    '`kumactl get secrets`',
    '`curl -XPOST`',
    '`kumactl generate dataplane-token`',
    '`kuma-dp run`',
    '`--tag kuma.io/service=backend,backend-admin`',
  ],
  '003': [
    '`kubectl get secret admin-user-token`',
    '`kumactl config control-planes add`',
    '`kumactl generate user-token`',
    '`curl localhost:5681/tokens/user`',
    '`kumactl generate user-token`, once more',
    '`kumactl generate user-token | jwt`',
    'the revocation with `kubectl apply`',
    '`kubectl get secrets`',
    'a new signing key with `kubectl apply`',
    '`kubectl delete secret user-token-signing-key-1`',
    '`kubectl delete secret admin-user-token`',
    '`kumactl generate signing-key --format=pem`',
    '`cat /tmp/key-private.pem /tmp/key-public.pem`',
    'the configuration with a public key',
    '`kumactl generate user-token` with a key',
    '`kumactl generate tls-certificate --type=client`',
    '`kubectl create secret generic api-server-client-certs`',
    '`kumactl install control-plane`',
    '`kumactl config control-planes add` with a certificate',
  ],
};

let page: string;
let lab: LabProcesses;
let shell: Shell;
let scratch: string;
/** What is elsewhere than the page says, in the first part: Kuma's ports may be taken, and `/tmp` is everybody's. */
let elsewhere: [said: string, is: string][];

beforeAll(async () => {
  page = await readFile(PAGE, 'utf8');
  lab = await LabProcesses.up(OFFSET);
  scratch = join(lab.home, 'tmp');
  await mkdir(scratch);
  // Those of a third zone of the lab: a port that the system gives would be given away while the zone is stopped.
  const [dp = 0, diagnostics = 0, api = 0, https = 0] = [8678, 8680, 8681, 8682].map((port) => port + OFFSET);
  elsewhere = [
    ['localhost:5681', `localhost:${api}`],
    ['localhost:5682', `localhost:${https}`],
    ['localhost:5680', `localhost:${diagnostics}`],
    ['127.0.0.1:5678', `127.0.0.1:${dp}`],
    ['/tmp/', `${scratch}/`],
  ];
  // What is only for the eyes of a person, curl shows when it writes to a pipe.
  await writeFile(join(lab.home, '.curlrc'), 'silent\n');
  const local = ['--name', 'local', '--address', `http://localhost:${api}`, '--overwrite', '--skip-check'];
  const kogumactl = `${ROOT}/apps/kogumactl/bin/kogumactl.js`;
  await run(process.execPath, [kogumactl, 'config', 'control-planes', 'add', ...local], { HOME: lab.home });
  shell = new Shell({
    HOME: lab.home,
    KOGUMA_DATA: lab.data,
    KUMA_API_SERVER_HTTP_PORT: `${api}`,
    KUMA_API_SERVER_HTTPS_PORT: `${https}`,
    KUMA_DIAGNOSTICS_SERVER_PORT: `${diagnostics}`,
    KUMA_DP_SERVER_PORT: `${dp}`,
  });
  await shell.type('exec 2>&1');
});
afterAll(async () => {
  shell.close();
  await lab.down();
  await rm(scratch, { recursive: true, force: true });
});

describe('the walkthrough of the four pages', () => {
  it('has every command block of every page, in its order', () => {
    const headings = [...page.matchAll(/^### Page (\d+), block (\d+): (.*)$/gm)];
    const blocks = Object.entries(BLOCKS).flatMap(([name, all]) => all.map((what, at) => [name, `${at + 1}`, what]));
    expect(headings.map(([, ...parts]) => parts)).toEqual(blocks);
  });

  it('runs each of them', () => {
    const sections = page.split(/^(?=### )/m).filter((section) => section.startsWith('### '));
    expect(sections.filter((section) => section.search(TYPED) < 0)).toEqual([]);
  });

  it('shows what a person sees who types it', { timeout: 300_000 }, async () => {
    const [alone = '', onLab = ''] = page.split(LAB);
    const seen = [await typed(alone, elsewhere), await typed(onLab, labPorts())].join(LAB);
    if (process.env.UPDATE) await writeFile(PAGE, seen);
    else expect(settled(seen)).toBe(settled(page));
  });
});

/** The same text with what is shown when its blocks are typed; what one block changed is everywhere before the next. */
async function typed(text: string, moves: readonly [string, string][]): Promise<string> {
  let whole = '';
  let end = 0;
  for (const { 0: block, 1: command = '', index } of text.matchAll(TYPED)) {
    const shown = moved(
      await shell.type(moved(command, moves)),
      moves.map(([said, is]) => [is, said]),
    );
    const below = shown === '' ? '' : `\n\`\`\`text\n${cutShort(shown)}\n\`\`\`\n`;
    whole += `${text.slice(end, index)}\`\`\`sh\n${command}\`\`\`\n${below}`;
    end = index + block.length;
    await eventually(() => lab.isSynced(), 'the zones have what global has');
  }
  return whole + text.slice(end);
}

function labPorts(): [string, string][] {
  return [5681, 6681, 7681].map((port) => [`${port}`, `${port + OFFSET}`]);
}

function moved(text: string, moves: readonly [string, string][]): string {
  return moves.reduce((sofar, [from, to]) => sofar.replaceAll(from, to), text);
}

/** Tokens and keys, by their beginnings. They are other ones each time, and no one's to keep. */
function cutShort(shown: string): string {
  return shown
    .replace(/eyJ[\w-]{17}[\w.-]{60,}/g, (token) => `${token.slice(0, 20)}…`)
    .replace(/(-----BEGIN [A-Z ]+-----\n)[^-]+(-----END)/g, '$1…\n$2');
}
