/**
 * Walks text that is known to be JSON and finds what readers take in different ways: a member named twice in one
 * object (JSON.parse keeps the last), or named like JavaScript's own `__proto__` (lost on the way).
 * @returns `twice` or `named __proto__`; undefined when there is no such member
 */
export function oddMember(json: string): 'twice' | 'named __proto__' | undefined {
  /** The names of each object that is open here; undefined for a list. */
  const open: (Set<string> | undefined)[] = [];
  let expectsName = false;
  for (let at = 0; at < json.length; at++) {
    const char = json[at];
    if (char === '{' || char === '[') {
      open.push(char === '{' ? new Set() : undefined);
      expectsName = char === '{';
    } else if (char === '}' || char === ']') {
      open.pop();
      expectsName = false;
    } else if (char === ',') {
      expectsName = open.at(-1) !== undefined;
    } else if (char === '"') {
      const end = endOfString(json, at);
      const names = expectsName ? open.at(-1) : undefined;
      const name = names && (JSON.parse(json.slice(at, end + 1)) as string);
      if (name !== undefined && names?.has(name)) return 'twice';
      if (name === '__proto__') return 'named __proto__';
      if (name !== undefined) names?.add(name);
      expectsName = false;
      at = end;
    }
  }
  return undefined;
}

/** Where the string that begins at `start` has its last quote. */
function endOfString(json: string, start: number): number {
  for (let at = json.indexOf('"', start + 1); at !== -1; at = json.indexOf('"', at + 1)) {
    let backslashes = 0;
    while (json[at - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return at;
  }
  return json.length;
}
