/** What the process that reads is asked. */
export interface Request {
  readonly data: Uint8Array;
  readonly layout: boolean;
  readonly maxPages: number;
  /** Where the addon may be; the first that loads is taken. */
  readonly addons: readonly string[];
  /** Bytes that the process may write to. */
  readonly memory: number;
}

/** A place of the addon that was tried in vain. */
export interface Attempt {
  readonly target: string;
  readonly reason: string;
  readonly missing: boolean;
}

/** What it answers: pages as JSON, one message each, then one of the others. */
export type Answer =
  | { readonly page: string }
  | { readonly summary: string }
  | { readonly refused: string }
  | { readonly notLoaded: readonly Attempt[] };
