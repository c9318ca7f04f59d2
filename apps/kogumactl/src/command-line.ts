import { type Command, Option } from 'commander';
import { Failure } from './failure.js';

/** What can be given to every command that speaks to a control plane, before or after its words. */
export interface GlobalOptions {
  readonly configFile?: string;
  /** False with `--no-config`. */
  readonly config: boolean;
  readonly context?: string;
  readonly mesh?: string;
  /** A Go duration. */
  readonly apiTimeout: string;
}

/** Where resources are when nobody says otherwise. */
export const DEFAULT_MESH = 'default';

const FORMATS = ['table', 'json', 'yaml'] as const;

/** How a command prints what it was asked for. */
export type Format = (typeof FORMATS)[number];

export function outputOption(): Option {
  return new Option('-o, --output <format>', 'how to print it').choices([...FORMATS]).default('table');
}

/** Who is asked what would happen: nobody, or the control plane. */
export type DryRun = 'client' | 'server';

export function dryRunOption(description: string): Option {
  return new Option('--dry-run [where]', `change nothing: ${description}`)
    .choices(['client', 'server'])
    .preset('client');
}

/** The examples at the end of a command's help. */
export function examples(...lines: readonly string[]): string {
  return `\nExample:\n${lines.map((line) => `  ${line}`).join('\n')}`;
}

/** For options that may be repeated. */
export function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

/** Reads what was given to a repeatable `--option key=value`; the last one of a key counts. */
export function pairs(option: string, written: readonly string[] = []): Record<string, string> {
  const entries = written.map((text) => {
    const at = text.indexOf('=');
    // Not the text itself: it may be a token.
    if (at < 1) throw Failure.usage(`what ${option} was given is not key=value`, `Write it as ${option} key=value.`);
    return [text.slice(0, at), text.slice(at + 1)] as const;
  });
  return Object.fromEntries(entries);
}

/** What is asked besides, of a control plane that is to change nothing. */
export function dryRunQuery(dryRun: DryRun | undefined): (readonly [string, string])[] {
  return dryRun === undefined ? [] : [['dryRun', 'true']];
}

/** A group of commands under one verb, whose help shows the global options too. */
export function verb(program: Command, name: string): Command {
  return program.command(name).configureHelp({ showGlobalOptions: true });
}

/** After a wrong call, each command names its own help, which is asked for in one way only. */
export function sayWhereHelpIs(command: Command, written: string): void {
  command.helpCommand(false).showHelpAfterError(`See: ${written} --help`);
  for (const sub of command.commands) sayWhereHelpIs(sub, `${written} ${sub.name()}`);
}
