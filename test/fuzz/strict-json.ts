/** A JSON value as it is written: an object is a map, so that nothing of its names is lost. */
export type Json = null | boolean | number | string | Json[] | Map<string, Json>;

/**
 * Reads JSON (RFC 8259) by itself, without JSON.parse, so that what reads tokens can be held against it.
 * @throws SyntaxError for what is no JSON, and for objects with a name twice (I-JSON, RFC 7493) or named `__proto__`
 */
export function readJson(text: string): Json {
  let at = 0;
  const fail = (): never => {
    throw new SyntaxError(`not JSON at ${at}`);
  };
  const skip = () => {
    while (' \t\n\r'.includes(text[at] ?? 'x')) at++;
  };
  const take = (token: string) => {
    if (!text.startsWith(token, at)) fail();
    at += token.length;
  };
  const match = (pattern: RegExp): string => {
    pattern.lastIndex = at;
    const [found] = pattern.exec(text) ?? fail();
    at += found.length;
    return found;
  };
  const string = (): string => {
    const quoted = match(/"(?:[^"\\]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*"/y).slice(1, -1);
    if (Buffer.from(quoted).some((byte) => byte < 0x20)) fail();
    return quoted.replace(/\\(u[0-9a-fA-F]{4}|.)/g, (_, code: string) =>
      code.length > 1 ? String.fromCharCode(Number.parseInt(code.slice(1), 16)) : (ESCAPES[code] ?? code),
    );
  };
  const list = <T>(end: string, item: () => T): T[] => {
    const items: T[] = [];
    at++;
    skip();
    while (text[at] !== end) {
      if (items.length > 0) take(',');
      skip();
      items.push(item());
      skip();
      if (text[at] !== ',' && text[at] !== end) fail();
    }
    at++;
    return items;
  };
  const member = (): [string, Json] => {
    const name = string();
    skip();
    take(':');
    return [name, value()];
  };
  const value = (): Json => {
    skip();
    const first = text[at];
    if (first === '{') {
      const members = list('}', member);
      const map = new Map(members);
      if (map.size !== members.length || map.has('__proto__')) throw new SyntaxError('a name that readers disagree on');
      return map;
    }
    if (first === '[') return list(']', value);
    if (first === '"') return string();
    const word = WORDS.find(([written]) => text.startsWith(written, at));
    if (word) {
      take(word[0]);
      return word[1];
    }
    return Number(match(/-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y));
  };
  const whole = value();
  skip();
  return at === text.length ? whole : fail();
}

const ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };
const WORDS: readonly (readonly [string, Json])[] = [
  ['null', null],
  ['true', true],
  ['false', false],
];
