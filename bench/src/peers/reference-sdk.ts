import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const VERSION = '2.0.159';
/** What npm is asked for, with all that it depends on. */
export const REFERENCE_PACKAGE: string = `@memvid/sdk@${VERSION}`;
const folder = join(import.meta.dirname, '../../.cache/reference-sdk', VERSION);
const PACKAGES = ['@memvid/sdk', '@memvid/sdk-linux-x64-gnu'];

/** The file that an import of the reference SDK loads. */
export function referenceEntry(): string {
  return createRequire(join(folder, 'any.js')).resolve('@memvid/sdk');
}

/**
 * Brings the reference SDK without its hundreds of dependencies, which plain searches do not load. Why it cannot be
 * measured, if so.
 */
export function missingReference(): string | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    return 'the reference SDK is measured on Linux x64 only';
  }
  for (const name of PACKAGES) {
    const target = join(folder, 'node_modules', name);
    if (existsSync(join(target, 'package.json'))) continue;
    mkdirSync(target, { recursive: true });
    const packed = spawnSync('npm', ['pack', '--silent', `${name}@${VERSION}`], {
      cwd: folder,
      encoding: 'utf8',
    });
    const tarball = readdirSync(folder).find(
      (file) => file === `${name.slice(1).replace('/', '-')}-${VERSION}.tgz`,
    );
    if (packed.status !== 0 || tarball === undefined) return `the reference SDK ${VERSION} cannot be fetched`;
    const unpacked = spawnSync('tar', ['xzf', tarball, '-C', target, '--strip-components=1'], {
      cwd: folder,
    });
    if (unpacked.status !== 0) return 'the reference SDK cannot be unpacked';
  }
  return undefined;
}
