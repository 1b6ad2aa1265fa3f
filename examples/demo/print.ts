const color = process.stdout.isTTY === true && process.env.NO_COLOR === undefined;

/** Text in bold where the terminal can. */
export function bold(text: string): string {
  return color ? `\u001B[1m${text}\u001B[0m` : text;
}

/** Text that matters less. */
export function dim(text: string): string {
  return color ? `\u001B[2m${text}\u001B[0m` : text;
}

/** A count with separators: 12,345. */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** Bytes for people. */
export function size(bytes: number): string {
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(2)} MB`;
}

/** Milliseconds for people. */
export function time(milliseconds: number): string {
  if (milliseconds < 10) return `${milliseconds.toFixed(2)} ms`;
  return milliseconds < 1000 ? `${milliseconds.toFixed(0)} ms` : `${(milliseconds / 1000).toFixed(2)} s`;
}

/** One line of at most `width` characters, whatever `text` holds. */
export function oneLine(text: string, width = 110): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length <= width ? line : `${line.slice(0, width - 1)}…`;
}

/** What `run` gives, and the milliseconds it took. */
export async function timed<T>(run: () => Promise<T>): Promise<[T, number]> {
  const start = performance.now();
  const value = await run();
  return [value, performance.now() - start];
}

/** A heading with what was called and how long it took. */
export function section(call: string, milliseconds: number, note = ''): void {
  console.log(`\n${bold(call)}  ${dim(`${time(milliseconds)}${note && ` · ${note}`}`)}`);
}
