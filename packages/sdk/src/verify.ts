import { pathOf, optionalBoolean, speltOptions } from './check.js';
import type { Handle } from './handle.js';
import { onFile } from './on-file.js';

export interface VerifyOptions {
  /** Read and check every payload too. Default `false`. */
  deep?: boolean | undefined;
}

export interface VerifyCheck {
  name: string;
  status: 'passed' | 'failed' | 'skipped';
  details: string | null;
}

export interface VerifyReport {
  file_path: string;
  overall_status: 'passed' | 'failed';
  checks: VerifyCheck[];
}

/** Checks an open memory. Never writes. */
export async function verify(handle: Handle, options?: VerifyOptions): Promise<VerifyReport> {
  handle.assertOpen('verify');
  const deep = optionalBoolean(speltOptions(options, ['deep'])['deep'], 'deep', false);
  return JSON.parse(await handle.read('verify', (native) => native.verify(deep))) as VerifyReport;
}

/** Checks a file that need not be open. Never writes. */
export async function verifyMemvid(path: string, options?: VerifyOptions): Promise<VerifyReport> {
  const file = pathOf(path, 'path');
  const deep = optionalBoolean(speltOptions(options, ['deep'])['deep'], 'deep', false);
  return JSON.parse(await onFile(file, (native) => native.verifyFile(file, deep))) as VerifyReport;
}
