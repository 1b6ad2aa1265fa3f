import { loadNative, toMemvidError } from '@memvid/core';
import manifest from '../package.json' with { type: 'json' };
import { getConfig } from './configure.js';

export interface PluginInfo {
  name: string;
  version: string;
  provides: string[];
}

export interface Info {
  sdk_version: string;
  platform: string;
  arch: string;
  native: { native_version: string; memvid_core_version: string; features: Record<string, boolean> };
  native_exports: string[];
  plugins: PluginInfo[];
  /** Why the native engine cannot be loaded, when it cannot. */
  native_error?: string;
}

const KINDS = [
  'embedders',
  'languageModels',
  'imageEmbedders',
  'entityExtractors',
  'tableExtractors',
] as const;

/** Versions and capabilities of this installation. Never throws and never touches the network. */
export function info(): Info {
  const plugins = (getConfig().plugins ?? []).map((plugin) => ({
    name: plugin.name,
    version: plugin.version ?? '',
    provides: KINDS.flatMap((kind) => Object.keys(plugin[kind] ?? {}).map((name) => `${kind}:${name}`)),
  }));
  const base = { sdk_version: manifest.version, platform: process.platform, arch: process.arch };
  try {
    const native = loadNative();
    const { nativeVersion, coreVersion, features } = native.versionInfo();
    return {
      ...base,
      native: { native_version: nativeVersion, memvid_core_version: coreVersion, features },
      native_exports: Object.keys(native).toSorted(),
      plugins,
    };
  } catch (error) {
    return {
      ...base,
      native: { native_version: 'not loaded', memvid_core_version: 'not loaded', features: {} },
      native_exports: [],
      plugins,
      native_error: toMemvidError(error).message,
    };
  }
}
