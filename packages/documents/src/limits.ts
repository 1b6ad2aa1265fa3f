import { checkNumber, checkString, invalidInput } from '@memvid/core';
import { labelOf } from './encoding-label.js';

/** How much of a document is read. What is larger is an error (MV018), and nothing of it is given. */
export interface Limits {
  /** Most bytes of a file. Default 512 MiB. */
  maxBytes?: number | undefined;
  /** Most bytes that the parts of a file that are read unpack into. Default 1 GiB. */
  maxUnpackedBytes?: number | undefined;
  /** Most characters (UTF-16 units) of text. Default 100 million. */
  maxCharacters?: number | undefined;
  /** How deep elements may be nested. Default 1024. */
  maxDepth?: number | undefined;
  /** Most cells of all tables; the tables behind them are left out of `tables`, not out of the text. Default 1 million. */
  maxCells?: number | undefined;
}

type AllLimits = { readonly [Name in keyof Limits]-?: number };

const DEFAULTS: AllLimits = {
  maxBytes: 512 * 1024 * 1024,
  maxUnpackedBytes: 1024 * 1024 * 1024,
  maxCharacters: 100_000_000,
  maxDepth: 1024,
  maxCells: 1_000_000,
};

/** Limits with every default filled in. MV019 for what is no whole number from 1. */
function limitsOf(given: Limits): AllLimits {
  const limits: Record<string, number> = { ...DEFAULTS };
  for (const name of Object.keys(DEFAULTS) as (keyof Limits)[]) {
    const value = given[name] ?? undefined;
    if (value !== undefined) limits[name] = checkNumber(name, value, { min: 1, integer: true });
  }
  return limits as AllLimits;
}

/** How documents are read. */
export interface DocumentsOptions extends Limits {
  /**
   * The encoding of text files that are not in Unicode and do not say theirs: `windows-1250`, `shift_jis`. Default: the one
   * that their bytes look like.
   */
  encoding?: string | undefined;
}

export interface Settings extends AllLimits {
  readonly encoding: string | undefined;
}

/** Options with every default filled in. MV019 for what does not fit. */
export function settingsOf(options: DocumentsOptions): Settings {
  const given = options.encoding ?? undefined;
  const encoding = given === undefined ? undefined : labelOf(checkString('encoding', given));
  if (given !== undefined && encoding === undefined) {
    throw invalidInput('encoding', given, 'the name of an encoding, such as "windows-1250"');
  }
  return { ...limitsOf(options), encoding };
}
