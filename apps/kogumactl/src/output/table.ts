import Table from 'cli-table3';

const NO_LINES = ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right']
  .concat(['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid'])
  .map((part) => [part, '']);
const BORDERS = { ...Object.fromEntries(NO_LINES), middle: '   ' };

/** Rows under headings, as Kuma's command line prints them: columns are three spaces apart. One text for each line. */
export function table(headings: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  const drawn = new Table({
    head: [...headings],
    chars: BORDERS,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
  });
  for (const row of rows) drawn.push([...row]);
  return drawn
    .toString()
    .split('\n')
    .map((line) => line.trimEnd());
}
