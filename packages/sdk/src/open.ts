import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import {
  checkOneOf,
  createError,
  invalidInput,
  loadNative,
  type NativeMemory,
  type NativeOpenOptions,
  type Plugin,
} from '@memvid/core';
import {
  pathOf,
  isRecord,
  optionalBoolean,
  optionalNumber,
  optionalOneOf,
  optionalString,
  optionsOf,
  optionMeant,
  refuseMisspelt,
  recordOf,
  type Options,
} from './check.js';
import { checkMemvidKey, pluginsOf } from './configure.js';
import { doctorMemvid } from './doctor.js';
import { lockTimeoutOf } from './lock-info.js';
import { reading } from './border.js';
import { embedderInput, type EmbedderInput } from './embedding/embedder-input.js';
import { Embedders, type EmbedderSources } from './embedding/embedders.js';
import { providerOfName } from './embedding/models.js';
import { failureOn, missing } from './failures.js';
import { Handle } from './handle.js';
import { adapterOf, checkKind, type Kind } from './kinds/adapters.js';
import { Memvid } from './memory.js';
import { imageEmbedderInput, type ImageEmbedderInput } from './image.js';
import type { Fusion } from './search-options.js';
import { verifyMemvid } from './verify.js';

/** A key for a provider: as it is, with the provider's name, or several by name. */
export type ApiKey = string | { provider: string; key: string } | Record<string, string>;

export interface OpenOptions {
  /** `"open"` (default): the file must exist. `"create"`: an existing file is emptied. `"auto"`: open it, or make it. */
  mode?: 'open' | 'create' | 'auto' | undefined;
  /** Keep an index of words. Default `true`. */
  enableLex?: boolean | undefined;
  /** Take and search vectors. Default `true`. */
  enableVec?: boolean | undefined;
  /** Keep vectors of 384 numbers product-quantised, or whole (see `setVectorCompression`). Default: as the file is set. */
  vectorCompression?: boolean | undefined;
  /** Refuse every change. Default `false`. */
  readOnly?: boolean | undefined;
  /** How long a change waits for another writer, in milliseconds; 0 does not wait. Default 10 000. */
  lockTimeoutMs?: number | undefined;
  /** Take over a lock whose owner is gone; never a live one. */
  force?: 'stale_only' | undefined;
  /** Open for writing although a stale lock remains. Default `false`. */
  forceWritable?: boolean | undefined;
  /** A cap on the file in bytes. Default: none. */
  capacityBytes?: number | undefined;
  /**
   * Read what is left of a damaged file, however damaged it is: `stats()` then has `salvage`, which says what is lost.
   * Implies `readOnly`. Default `false`.
   */
  salvage?: boolean | undefined;
  /** Accepted for code written for the reference; there is no control plane here. */
  memvidApiKey?: string | undefined;
  memoryId?: string | undefined;
  /** What the names of embedders are looked up in, before the plugins of `configure`. */
  plugins?: readonly Plugin[] | undefined;
  /** Makes the vectors of documents and questions that bring none: an object, or a name that a plugin has. */
  embedder?: EmbedderInput | undefined;
  /** Makes the vectors of pictures, and of texts that look for them: an object, or a name that a plugin has. */
  imageEmbedder?: ImageEmbedderInput | undefined;
}

/** `create` always empties the file, so that it takes no other mode. */
export type CreateOptions = Omit<OpenOptions, 'mode'> & { mode?: 'create' | undefined };

/** The name the reference uses. */
export type UseOptions = OpenOptions;

const OPTION_NAMES = [
  'mode',
  'enableLex',
  'enableVec',
  'vectorCompression',
  'readOnly',
  'lockTimeoutMs',
  'force',
  'forceWritable',
  'capacityBytes',
  'memvidApiKey',
  'memoryId',
  'salvage',
  'plugins',
  'embedder',
  'imageEmbedder',
];
/** Whose a key is that came without a provider's name, where the embedder has no name that tells. */
const DEFAULT_KEY_PROVIDER = 'openai';
type Argument = ApiKey | OpenOptions | undefined;

/** `use`, with what belongs to it. */
export interface Use {
  (kind: Kind, path: string, apiKeyOrOptions?: ApiKey | OpenOptions, options?: OpenOptions): Promise<Memvid>;
  /** Checks a file that need not be open. */
  verify: typeof verifyMemvid;
  /** Repairs a file that need not be open. */
  doctor: typeof doctorMemvid;
}

/** `use` of an entry. */
export function useOf(compat?: CompatSettings): Use {
  const useKind = async (
    kind: Kind,
    path: string,
    apiKeyOrOptions?: Argument,
    options?: OpenOptions,
  ): Promise<Memvid> => openMemory(path, checkKind(kind), apiKeyOrOptions, options, undefined, compat);
  return Object.assign(useKind, { verify: verifyMemvid, doctor: doctorMemvid });
}

/** Opens a memory with an adapter for a framework; `"basic"` is none. */
export const use: Use = /* @__PURE__ */ useOf();

/** Makes a new memory; an existing file at the path is emptied. To keep one: `open(path, { mode: 'auto' })`. */
export async function create(
  path: string,
  kindOrOptions?: Kind | CreateOptions,
  apiKeyOrOptions?: ApiKey | CreateOptions,
  options?: CreateOptions,
): Promise<Memvid> {
  return openMemory(path, kindOrOptions, apiKeyOrOptions, options, 'create');
}

/** Opens an existing memory. */
export async function open(
  path: string,
  kindOrOptions?: Kind | OpenOptions,
  apiKeyOrOptions?: ApiKey | OpenOptions,
  options?: OpenOptions,
): Promise<Memvid> {
  return openMemory(path, kindOrOptions, apiKeyOrOptions, options, undefined);
}

/** The kind of a memory, and what stands in the slot behind it. */
function slots(
  kindOrOptions: Kind | OpenOptions | undefined,
  argument: Argument,
): { kind: Kind; argument: Argument } {
  if (reading('options', () => isRecord(kindOrOptions))) {
    return { kind: 'basic', argument: kindOrOptions as OpenOptions };
  }
  return { kind: checkKind(kindOrOptions ?? 'basic'), argument };
}

/** What the compat entry does in another way. */
export interface CompatSettings {
  /** Finds more plugins. */
  readonly discover?: EmbedderSources['discover'];
  readonly fusion?: Fusion;
}

/** Opens a memory. */
export async function openMemory(
  path: string,
  kindOrOptions: Kind | OpenOptions | undefined,
  apiKeyOrOptions: Argument,
  last: OpenOptions | undefined,
  mode: 'create' | undefined,
  compat: CompatSettings = {},
): Promise<Memvid> {
  const { kind, argument } = slots(kindOrOptions, apiKeyOrOptions);
  const file = pathOf(path, 'path');
  const { keys, bareKey, options } = settingsOf(argument, last);
  const native = nativeOptions(file, options, mode);
  // Before the file is touched: what is missing must not leave a new, empty memory behind.
  const adapter = adapterOf(kind);
  const embedder = embedderInput(options['embedder'], 'embedder');
  if (embedder !== undefined && !native.enableVec) {
    throw invalidInput('embedder', embedder, 'left out when enableVec is false');
  }
  const imageEmbedder = imageEmbedderInput(options['imageEmbedder'], 'imageEmbedder');
  // It goes to the provider the caller means and to no other: a file names one too, and must not choose who gets a key.
  if (bareKey !== undefined) {
    keys.set(typeof embedder === 'string' ? providerOfName(embedder) : DEFAULT_KEY_PROVIDER, bareKey);
  }
  const sources = { plugins: pluginsOf(options['plugins']), discover: compat.discover };
  const embedders = new Embedders({ ...sources, apiKeys: keys });
  if (typeof embedder === 'string') {
    await embedders.named(embedder, native.mode === 'create' ? 'create' : 'open');
  }
  const memory = await openNative(native);
  const settings = {
    readOnly: native.readOnly,
    salvage: native.salvage === true,
    enableVec: native.enableVec,
    lockTimeoutMs: native.lockTimeoutMs,
    fusion: compat.fusion ?? 'weighted',
    embedder,
    imageEmbedder,
    apiKeys: keys,
  };
  return new Memvid(new Handle(file, memory, settings, embedders), adapter);
}

async function openNative(options: NativeOpenOptions): Promise<NativeMemory> {
  try {
    const native = loadNative();
    return native.openMemoryAtOnce(options) ?? (await native.openMemory(options));
  } catch (error) {
    const failure = failureOn(options.path, error);
    if (failure.code !== 'MV013') throw failure;
    if (existsSync(dirname(options.path))) {
      if (!options.readOnly) throw failure;
      throw createError('MV013', failure.message, {
        details: { ...failure.details },
        suggestion:
          'Correct the path, or leave `readOnly` out: with it no memory is made, whatever the `mode`.',
        cause: failure,
      });
    }
    // Making the memory is no help while its folder is missing.
    throw missing(failure, 'parent');
  }
}

/** Tells keys from options in the slot that takes either. */
function settingsOf(
  argument: Argument,
  last: OpenOptions | undefined,
): { keys: Map<string, string>; bareKey?: string; options: Options } {
  const behind = optionsOf(last);
  const keys = new Map<string, string>();
  if (argument === undefined || argument === null) return { keys, options: behind };
  if (typeof argument === 'string') {
    return { keys, bareKey: argument, options: behind };
  }
  const given = recordOf(argument, 'options', 'an object with options, or a key');
  if (typeof given['provider'] === 'string' && typeof given['key'] === 'string') {
    keys.set(given['provider'].toLowerCase(), given['key']);
    return { keys, options: behind };
  }
  const names = Object.keys(given);
  const isKeys =
    names.length > 0 &&
    names.every((name) => typeof given[name] === 'string' && optionMeant(name, OPTION_NAMES) === undefined);
  if (!isKeys) return { keys, options: { ...given, ...behind } };
  for (const name of names) keys.set(name.toLowerCase(), String(given[name]));
  return { keys, options: behind };
}

function nativeOptions(path: string, options: Options, forced: 'create' | undefined): NativeOpenOptions {
  // `readonly: true` must not open a memory for writing.
  refuseMisspelt(options, OPTION_NAMES);
  const given = optionalOneOf(options['mode'], 'mode', ['open', 'create', 'auto']);
  if (forced !== undefined && given !== undefined && given !== forced) refuseMode(given);
  const mode = forced ?? given ?? 'open';
  const salvage = salvageOf(options, forced ?? given);
  const readOnly = salvage || optionalBoolean(options['readOnly'], 'readOnly', false);
  const forceWritable = optionalBoolean(options['forceWritable'], 'forceWritable', false);
  if (readOnly && mode === 'create') {
    throw invalidInput('readOnly', true, 'left out when a memory is created');
  }
  if (readOnly && forceWritable) throw invalidInput('forceWritable', true, 'left out when readOnly is true');
  const force = options['force'] ?? undefined;
  const key = optionalString(options['memvidApiKey'], 'memvidApiKey');
  if (key !== undefined) checkMemvidKey(key, 'memvidApiKey');
  optionalString(options['memoryId'], 'memoryId');
  const enableVec = optionalBoolean(options['enableVec'], 'enableVec', true);
  const compression = optionalBoolean(options['vectorCompression'], 'vectorCompression', undefined);
  if (compression !== undefined && (readOnly || !enableVec)) {
    const why = readOnly ? 'readOnly is true' : 'enableVec is false';
    throw invalidInput('vectorCompression', compression, `left out when ${why}`);
  }
  const capacity = optionalNumber(options['capacityBytes'], 'capacityBytes', { min: 1, integer: true });
  return {
    path,
    // A read-only handle never makes a file.
    mode: readOnly ? 'open' : mode,
    readOnly,
    enableLex: optionalBoolean(options['enableLex'], 'enableLex', true),
    enableVec,
    ...(compression === undefined ? {} : { vectorCompression: compression }),
    lockTimeoutMs: lockTimeoutOf(options),
    ...(force === undefined ? {} : { force: checkOneOf('force', force, ['stale_only']) }),
    forceWritable,
    ...(capacity === undefined ? {} : { capacityBytes: capacity }),
    ...(salvage ? { salvage } : {}),
  };
}

/** Passed over, it would empty the file of a caller who asked to keep it. */
function refuseMode(mode: 'open' | 'auto'): never {
  throw createError('MV019', `create() empties an existing file, which mode: "${mode}" asks to keep`, {
    details: { argument: 'mode', received: JSON.stringify(mode), expected: '"create", or left out' },
    suggestion: `To keep what is there, call \`open(path, { mode: '${mode}' })\`.`,
  });
}

/** Whether to read past damage. That never writes, and there is nothing to make. */
function salvageOf(options: Options, mode: string | undefined): boolean {
  const salvage = optionalBoolean(options['salvage'], 'salvage', false);
  if (!salvage) return false;
  if (mode !== undefined && mode !== 'open') {
    throw invalidInput('salvage', true, `left out when mode is "${mode}"`);
  }
  if (optionalBoolean(options['readOnly'], 'readOnly', true) === false) {
    throw invalidInput('readOnly', false, 'true, or left out, when salvage is true');
  }
  return true;
}
