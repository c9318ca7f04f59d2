/** What a person who waits is told, as it happens. */
export async function step<T>(text: string, work: () => Promise<T>): Promise<T> {
  const began = performance.now();
  process.stderr.write(`       ${text}…`);
  const result = await work();
  process.stderr.write(` ${((performance.now() - began) / 1000).toFixed(1)} s\n`);
  return result;
}

export function tell(text: string): void {
  process.stderr.write(`       ${text}\n`);
}
