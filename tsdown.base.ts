import type { UserConfig } from 'tsdown';

/** How every package is built: modules for Node, with declarations. Each adds its entries. */
export const library: UserConfig = {
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  dts: { oxc: true },
  clean: true,
  // Documentation stands in the declarations; in the code it would only weigh, as would the paths of its modules.
  inputOptions: { experimental: { attachDebugInfo: 'none' } },
  outputOptions: {
    comments: { jsdoc: false, annotation: true, legal: true },
    // No hashes: a build that a cache brings back would leave the chunks of the build before it beside its own.
    chunkFileNames: 'shared/[name].js',
  },
  fixedExtension: false,
};
