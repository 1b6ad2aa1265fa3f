import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { messageOf, ModelUnsupportedError, type Plugin, UnsupportedOperationError } from '@memvid/core';
import { LANGUAGE_MODEL_PLUGINS } from './ask/language-model-plugins.js';
import { isRecord } from './check.js';
import { EMBEDDING_PLUGINS } from './embedding/models.js';
import { embeddingFailed } from './failures.js';
import { DOCUMENT_KINDS, DOCUMENTS_PACKAGE } from './file-document.js';

/** Packages of plugins that are known by name, in the order in which they are tried. */
export const WELL_KNOWN_PLUGINS: readonly string[] = [
  '@memvid/embed-local',
  '@memvid/embed-openai',
  '@memvid/embed-cohere',
  '@memvid/embed-voyage',
  '@memvid/embed-nvidia',
  '@memvid/llm-nvidia',
  '@memvid/llm-openai',
  '@memvid/clip',
  '@memvid/ner',
  '@memvid/tables',
  '@memvid/documents',
];

export interface DiscoverOptions {
  /** Packages to look for. Default: {@link WELL_KNOWN_PLUGINS}. */
  packages?: readonly string[] | undefined;
  /** How to load one. Default: `import()` of its name, as this package or the application sees it. */
  load?: ((name: string) => Promise<unknown>) | undefined;
}

/**
 * Loads the well-known plugin packages that are installed beside the application and gives their plugins; those
 * that are not installed are left out. One that cannot be loaded does not hide the others: it comes as a plugin whose
 * embedders fail with MV015, and whose parsers and language models with MV018. For command-line tools: a library passes its plugins in by itself.
 */
export async function discoverPlugins(options: DiscoverOptions = {}): Promise<Plugin[]> {
  const load = options.load ?? importInstalled;
  const found = await Promise.all(
    (options.packages ?? WELL_KNOWN_PLUGINS).map(async (name) => {
      try {
        return pluginsOf(await load(name));
      } catch (error) {
        return isNotInstalled(error, name) ? [] : [brokenPlugin(name, error)];
      }
    }),
  );
  return found.flat();
}

/**
 * Imports a package that is installed beside this one, or beside the application: package managers that keep packages
 * apart (pnpm) show this one only what it depends on itself.
 */
export async function importInstalled(name: string): Promise<unknown> {
  try {
    return await import(name);
  } catch (error) {
    const path = isNotInstalled(error, name) ? pathInApplication(name) : undefined;
    if (path === undefined) throw error;
    return import(pathToFileURL(path).href);
  }
}

/** Where the program that runs, or the folder it runs in, finds a package. */
function pathInApplication(name: string): string | undefined {
  const script = process.argv[1];
  for (const start of [...(script === undefined ? [] : [dirname(script)]), process.cwd()]) {
    for (let folder = start, above = ''; folder !== above; above = folder, folder = dirname(folder)) {
      // Looked at first, because resolving alone would also search the folders of NODE_PATH.
      if (!existsSync(join(folder, 'node_modules', name, 'package.json'))) continue;
      return createRequire(join(folder, 'resolve.js')).resolve(name);
    }
  }
  return undefined;
}

/** Whether loading failed because the package itself is absent, and not something it needs. */
export function isNotInstalled(error: unknown, name: string): boolean {
  if (!(error instanceof Error)) return false;
  const code = (error as { code?: unknown }).code;
  return (
    (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') && error.message.includes(`'${name}'`)
  );
}

/** Stands for a package that is installed and cannot be loaded; whoever asks for what it makes is told why. */
function brokenPlugin(name: string, cause: unknown): Plugin {
  const message = `The package ${name} is installed, but cannot be loaded: ${messageOf(cause)}`;
  const options = { suggestion: `Install it again with what it needs: npm install ${name}`, cause };
  const details = { reason: 'plugin_broken', package: name };
  if (name === DOCUMENTS_PACKAGE) {
    const refuse = (): never => {
      throw new UnsupportedOperationError(message, { ...options, details });
    };
    return {
      spec: 'plugin/v1',
      name,
      documentParsers: Object.fromEntries(DOCUMENT_KINDS.map((kind) => [kind, refuse])),
    };
  }
  const model = providerOfPackage(LANGUAGE_MODEL_PLUGINS, name);
  if (model !== undefined) {
    const refuse = (): never => {
      throw new ModelUnsupportedError(message, {
        ...options,
        details: { ...details, operation: 'ask', provider: model, model },
      });
    };
    return { spec: 'plugin/v1', name, languageModels: { [model]: refuse } };
  }
  const provider = providerOfPackage(EMBEDDING_PLUGINS, name) ?? name;
  const fail = (): never => {
    throw embeddingFailed(message, { ...details, provider }, options);
  };
  return { spec: 'plugin/v1', name, embedders: { [provider]: fail } };
}

function providerOfPackage(
  table: Readonly<Record<string, { readonly packageName: string }>>,
  name: string,
): string | undefined {
  return Object.entries(table).find(([, { packageName }]) => packageName === name)?.[0];
}

/** A module exports its plugin as a value, or as a function `…Plugin()` that makes it. */
function pluginsOf(module: unknown): Plugin[] {
  if (!isRecord(module)) return [];
  for (const value of Object.values(module)) {
    if (isPlugin(value)) return [value];
  }
  for (const [name, value] of Object.entries(module)) {
    if (typeof value !== 'function' || !name.endsWith('Plugin')) continue;
    const made: unknown = (value as () => unknown)();
    if (isPlugin(made)) return [made];
  }
  return [];
}

function isPlugin(value: unknown): value is Plugin {
  return isRecord(value) && value['spec'] === 'plugin/v1' && typeof value['name'] === 'string';
}
