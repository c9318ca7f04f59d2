/** What a refusal of input looks like that names exactly these fields and reasons. */
export function refusal(...violations: [field: string, reason: unknown][]): object {
  return {
    code: 'invalid',
    violations: violations.map(([field, reason]) => ({ field, reason })),
  };
}
