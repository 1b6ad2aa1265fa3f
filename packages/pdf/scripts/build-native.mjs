// Builds the reader of PDF with Cargo and puts it into the package of this machine's platform.
// Usage: node scripts/build-native.mjs [--profile NAME] [--target RUST_TRIPLE --platform NAME]
import { buildNative } from '../../../scripts/lib/build-native.mjs';

buildNative({
  name: 'The reader of PDF',
  crate: 'memvid-pdf-native',
  packages: 'packages/pdf/npm',
  file: 'memvid-pdf',
});
