import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { PAGES, PLOTS, RESULTS, SOAK } from './files.mjs';
import { plotOfSoak, plotsOf } from './publish/plots.mjs';
import { readmeTablesOf } from './publish/readme.mjs';
import { tablesOfSoak } from './publish/soak-tables.mjs';
import { tablesOf } from './publish/tables.mjs';

/**
 * Writes what was measured last into the documents: tables between `<!-- bench:NAME -->` and `<!-- /bench:NAME -->`, and plots.
 * @returns the names of what was written
 */
export async function publish() {
  const [results, soak] = [RESULTS, SOAK].map(read);
  const tables = {
    ...(results && { ...tablesOf(results), ...readmeTablesOf(results) }),
    ...(soak && tablesOfSoak(soak)),
  };
  const plots = { ...(results && (await plotsOf(results))), ...(soak && { 'soak.svg': await plotOfSoak(soak) }) };
  for (const page of PAGES) writeFileSync(page, filled(readFileSync(page, 'utf8'), tables));
  mkdirSync(PLOTS, { recursive: true });
  for (const [name, svg] of Object.entries(plots)) writeFileSync(PLOTS + name, svg);
  return [...Object.keys(tables), ...Object.keys(plots)];
}

function read(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

function filled(page, tables) {
  return page.replaceAll(/(<!-- bench:(\S+) -->\n).*?(<!-- \/bench:\2 -->)/gs, (all, begin, name, end) =>
    name in tables ? `${begin}\n${tables[name]}\n\n${end}` : all,
  );
}
