import type { Plugin } from '@memvid/core';
import { discoverPlugins } from '../discover.js';
import type { Kind } from '../kinds/adapters.js';
import type { Memvid } from '../memory.js';
import {
  type ApiKey,
  type CompatSettings,
  type CreateOptions,
  openMemory,
  type OpenOptions,
  type Use,
  useOf,
} from '../open.js';

/**
 * The calls that open a memory, as in the main entry; names of embedders that no plugin has are looked for in the
 * packages that are installed, as the reference finds its providers by itself.
 */

let found: Promise<readonly Plugin[]> | undefined;

/** Looked for once a process, and not before a name asks for it. */
function discover(): Promise<readonly Plugin[]> {
  found ??= discoverPlugins();
  return found;
}

/** The reference fuses ranks. */
const COMPAT: CompatSettings = { discover, fusion: 'rrf' };

/** Opens a memory with an adapter for a framework; `"basic"` is none. */
export const use: Use = /* @__PURE__ */ useOf(COMPAT);

/** Makes a new memory; an existing file at the path is emptied. */
export async function create(
  path: string,
  kindOrOptions?: Kind | CreateOptions,
  apiKeyOrOptions?: ApiKey | CreateOptions,
  options?: CreateOptions,
): Promise<Memvid> {
  return openMemory(path, kindOrOptions, apiKeyOrOptions, options, 'create', COMPAT);
}

/** Opens an existing memory. */
export async function open(
  path: string,
  kindOrOptions?: Kind | OpenOptions,
  apiKeyOrOptions?: ApiKey | OpenOptions,
  options?: OpenOptions,
): Promise<Memvid> {
  return openMemory(path, kindOrOptions, apiKeyOrOptions, options, undefined, COMPAT);
}
