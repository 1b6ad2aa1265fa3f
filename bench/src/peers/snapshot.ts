import { closeSync, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs';

export function readText(path: string): string {
  return readFileSync(path, 'utf8');
}

/** Writes a whole file; it survives a power failure when this returns. */
export function writeSynced(path: string, text: string): void {
  const file = openSync(path, 'w');
  try {
    writeSync(file, text);
    fdatasyncSync(file);
  } finally {
    closeSync(file);
  }
}

/** What another program wrote survives a power failure when this returns. */
export function sync(path: string): void {
  const file = openSync(path, 'r+');
  try {
    fdatasyncSync(file);
  } finally {
    closeSync(file);
  }
}
