/** What a log line may carry beside its text. Never a token, a key or a secret's data. */
export type LogFields = Readonly<Record<string, unknown>>;

/** The log, injected. `scope` names the part that speaks: `kds`, `auth`, `api-server`. */
export interface Log {
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  scope(name: string): Log;
}

/** Says nothing; for tests and for tools that print their own lines. */
export const SILENT: Log = {
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  scope: () => SILENT,
};
