import { checkBoolean, checkInteger, checkObject, checkOneOf, checkOptional } from '@memvid/core';

export interface TablesOptions {
  /** Which tables are looked for: by lines that meet (`lattice`), by gaps (`stream`), or both. Default: both. */
  mode?: 'both' | 'lattice' | 'stream' | undefined;
  /** Join a table that goes on on the next page. Default `true`. */
  mergePages?: boolean | undefined;
  /** Look at no more pages than this; a call may ask for fewer. Default: all. */
  maxPages?: number | undefined;
  /** Longest time for reading a document, in milliseconds. Default 60,000. */
  timeoutMs?: number | undefined;
}

export interface TablesSettings {
  readonly mode: 'both' | 'lattice' | 'stream';
  readonly mergePages: boolean;
  readonly maxPages: number | undefined;
  readonly timeoutMs: number | undefined;
}

export function settingsOf(options: TablesOptions): TablesSettings {
  checkObject('options', options);
  const whole = (argument: string, value: unknown): number =>
    checkInteger(argument, value, { min: 1, max: 2 ** 31 - 1 });
  return {
    mode:
      checkOptional('mode', options.mode, (argument, value) =>
        checkOneOf(argument, value, ['both', 'lattice', 'stream']),
      ) ?? 'both',
    mergePages: checkOptional('mergePages', options.mergePages, checkBoolean) ?? true,
    maxPages: checkOptional('maxPages', options.maxPages, whole),
    timeoutMs: checkOptional('timeoutMs', options.timeoutMs, whole),
  };
}
