// Builds the native engine with Cargo and puts it into the package of this machine's platform.
// Usage: node scripts/build-native.mjs [--profile NAME] [--target RUST_TRIPLE --platform NAME]
import { buildNative } from '../../../scripts/lib/build-native.mjs';

buildNative({
  name: 'The native engine',
  crate: 'memvid-core-native',
  packages: 'packages/core/npm',
  file: 'memvid-core',
});
