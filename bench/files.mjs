import { fileURLToPath } from 'node:url';

const pathOf = (name) => fileURLToPath(new URL(name, import.meta.url));

/** What the benchmark, and the soak, measured last. */
export const RESULTS = pathOf('./results.json');
export const SOAK = pathOf('./soak.json');
/** Documents with places for that, and the folder of plots. */
export const PAGES = [pathOf('../docs/performance.md'), pathOf('../README.md')];
export const PLOTS = pathOf('../docs/plots/');
