import type { Embedder, Plugin } from '@memvid/core';

export interface AcmeOptions {
  /** Default: the environment variable `ACME_API_KEY`. */
  apiKey?: string;
  baseURL?: string;
  dimensions?: number;
  fetch?: typeof globalThis.fetch;
  timeoutMs?: number;
}
export declare function acme(model?: string, options?: AcmeOptions): Embedder;
export declare function acmePlugin(defaults?: AcmeOptions): Plugin;
