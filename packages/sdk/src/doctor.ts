import type { VerifyReport } from './verify.js';
import { pathOf, optionalBoolean, optionsOf } from './check.js';
import { notYet } from './failures.js';

export interface DoctorOptions {
  rebuildTimeIndex?: boolean | undefined;
  rebuildLexIndex?: boolean | undefined;
  rebuildVecIndex?: boolean | undefined;
  /** Write the file anew without the bytes of removed documents. */
  vacuum?: boolean | undefined;
  /** Say what would be done and change nothing. */
  dryRun?: boolean | undefined;
  quiet?: boolean | undefined;
}

export interface DoctorFinding {
  code: string;
  severity: 'info' | 'warning' | 'error';
  message: string;
  detail: string | null;
}

export interface DoctorReport {
  status: 'clean' | 'healed' | 'partial' | 'failed' | 'plan_only';
  findings: DoctorFinding[];
  verification: VerifyReport | null;
  phases: unknown[];
  metrics: Record<string, unknown>;
  plan: Record<string, unknown>;
}

const SWITCHES = ['rebuildTimeIndex', 'rebuildLexIndex', 'rebuildVecIndex', 'vacuum', 'dryRun', 'quiet'];

/** Repairs a memory. Not available in this version: rejects with MV018, and the file stays as it is. */
export async function doctorMemvid(path: string, options?: DoctorOptions): Promise<DoctorReport> {
  const file = pathOf(path, 'path');
  const given = optionsOf(options);
  for (const name of SWITCHES) optionalBoolean(given[name], name, false);
  throw notYet(
    'doctor',
    `${file} was not changed`,
    'Check the file with `verify({ deep: true })`; opening it already falls back to its last complete commit.',
  );
}
