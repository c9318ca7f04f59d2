/** `; did you mean X?` for the candidate that is a few letters away, fewer for a short word, else nothing. */
export function suggestion(word: string, candidates: Iterable<string>): string {
  const farthest = Math.min(3, word.length / 3);
  const near = [...candidates].map((candidate) => ({ candidate, apart: distance(word, candidate) }));
  const [best] = near.filter(({ apart }) => apart <= farthest).sort((a, b) => a.apart - b.apart);
  return best ? `; did you mean ${best.candidate}?` : '';
}

/** Levenshtein's edit distance, one row at a time. */
function distance(from: string, to: string): number {
  let above = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let line = 1; line <= from.length; line++) {
    const row = [line];
    for (let column = 1; column <= to.length; column++) {
      const replaced = (above[column - 1] ?? 0) + (from[line - 1] === to[column - 1] ? 0 : 1);
      row.push(Math.min(replaced, (above[column] ?? 0) + 1, (row[column - 1] ?? 0) + 1));
    }
    above = row;
  }
  return above[to.length] ?? 0;
}
