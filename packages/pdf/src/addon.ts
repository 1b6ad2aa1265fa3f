import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  NATIVE_PLATFORMS,
  platformName,
  platformOf,
  thisMachine,
  UnsupportedOperationError,
} from '@memvid/core';
import type { Attempt } from './messages.js';

/** In a source checkout this module is in `packages/pdf/{src,dist}`; an installed package has no such folder. */
const BUILDS: URL = /* @__PURE__ */ new URL('../npm/', import.meta.url);

/** Where the addon may be: `MEMVID_PDF_NATIVE_PATH` alone when it is set, else the platform's package and the build. */
export function addonTargets(): string[] {
  const explicit = process.env.MEMVID_PDF_NATIVE_PATH;
  if (explicit) return [resolve(explicit)];
  const platform = platformOf(thisMachine());
  if (platform === undefined) return [];
  const build = fileURLToPath(new URL(`${platform}/memvid-pdf.${platform}.node`, BUILDS));
  return existsSync(build) ? [packageName(platform), build] : [packageName(platform)];
}

/** MV018 for a machine on which no place has an addon that works. */
export function addonMissing(attempts: readonly Attempt[]): UnsupportedOperationError {
  const machine = thisMachine();
  const platform = platformName(machine);
  const published = platformOf(machine) !== undefined;
  const message =
    attempts.length === 0
      ? `There is no reader of PDF for ${platform} (there is one for ${NATIVE_PLATFORMS.join(', ')})`
      : [
          `The reader of PDF could not be loaded on ${platform}. Tried:`,
          ...attempts.map(({ target, reason }) => `  - ${target}: ${reason}`),
        ].join('\n');
  const details = { operation: 'read a PDF', reason: 'native_engine', platform, tried: attempts };
  return new UnsupportedOperationError(message, {
    details: published ? { ...details, package: packageName(platform) } : details,
    suggestion: nextStep(platform, published, attempts),
  });
}

function nextStep(platform: string, published: boolean, attempts: readonly Attempt[]): string {
  if (process.env.MEMVID_PDF_NATIVE_PATH) {
    return 'Correct MEMVID_PDF_NATIVE_PATH, or run: unset MEMVID_PDF_NATIVE_PATH';
  }
  if (existsSync(BUILDS)) return 'Run: pnpm --filter @memvid/pdf build:native';
  if (!published) {
    return 'Build it in a source checkout (pnpm --filter @memvid/pdf build:native) and set MEMVID_PDF_NATIVE_PATH to the file.';
  }
  return attempts.every(({ missing }) => missing)
    ? `Run: npm install --include=optional ${packageName(platform)}. In a bundle, leave @memvid/pdf external.`
    : `The binary is there, but the system refuses it for the reason above. Run: npm install --force ${packageName(platform)}`;
}

function packageName(platform: string): string {
  return `@memvid/pdf-${platform}`;
}
