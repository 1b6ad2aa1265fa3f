import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What stands on the command line; `pnpm bench -- --n 1000` hands the two dashes on. */
export function commandLine(): string[] {
  return process.argv.slice(2).filter((word) => word !== '--');
}

/** A folder for what a program works with; it goes when the program ends. */
export function makeWorkspace(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `memvid-${name}-`));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Whether there is no reason to leave something out; a reason is told. */
export function isReady(name: string, reason: string | undefined): boolean {
  if (reason !== undefined) console.error(`skipped: ${name}: ${reason}`);
  return reason === undefined;
}

/** Tells what failed and goes on; the program ends with 1. */
export function tellFailure(what: string, reason: string): void {
  console.error(`failed: ${what}: ${reason}`);
  process.exitCode = 1;
}

/** Tells a person who looks on what is done now. */
export function progress(text: string): void {
  if (process.stderr.isTTY) console.error(`… ${text}`);
}
