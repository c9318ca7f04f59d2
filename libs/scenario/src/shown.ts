/** Milliseconds as people read them. */
export function shown(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${(ms / 1_000).toFixed(1)} s`;
  if (ms < 7_200_000) return `${(ms / 60_000).toFixed(1)} min`;
  return ms < 172_800_000 ? `${(ms / 3_600_000).toFixed(1)} h` : `${Math.round(ms / 86_400_000)} days`;
}

/** Which of its runs it was. */
export function runOf({ seed }: { readonly seed: number | null }): string {
  return seed === null ? 'live' : `seed ${seed}`;
}
