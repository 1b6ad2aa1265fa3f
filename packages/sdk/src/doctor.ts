import { optionalBoolean, pathOf, refuseOptions, speltOptions, type Options } from './check.js';
import type { Handle } from './handle.js';
import { lockTimeoutOf } from './lock-info.js';
import { onFile } from './on-file.js';
import type { VerifyReport } from './verify.js';

export interface DoctorOptions {
  /** Make the time index anew. Default `false`, as for all of these. */
  rebuildTimeIndex?: boolean | undefined;
  /** Make the index of words anew, or for the first time. */
  rebuildLexIndex?: boolean | undefined;
  /** Make what vectors are searched by anew. The vectors stay. */
  rebuildVecIndex?: boolean | undefined;
  /** Write the file anew without the bytes of removed documents. */
  vacuum?: boolean | undefined;
  /** Keep no copy of a damaged file of which something is lost. */
  discardDamaged?: boolean | undefined;
  /** Say what would be done and change nothing. */
  dryRun?: boolean | undefined;
  /** Nothing is printed either way. */
  quiet?: boolean | undefined;
}

/** Options of a repair by path; that of an open memory waits as long as the memory was opened to wait. */
export interface DoctorFileOptions extends DoctorOptions {
  /** How long to wait for another writer, in milliseconds. Default `10000`; `0` does not wait. */
  lockTimeoutMs?: number | undefined;
}

/** Something that is not as it should be. */
export interface DoctorFinding {
  code: string;
  /** `info`: nothing to do; `warning`: nothing is lost; `error`: something is lost, or nothing can vouch for it. */
  severity: 'info' | 'warning' | 'error';
  message: string;
  /** The frames, bytes or records that are meant. */
  detail: string | null;
}

export type DoctorPhaseName =
  | 'header_healing'
  | 'wal_replay'
  | 'vacuum'
  | 'index_rebuild'
  | 'finalize'
  | 'verify';

export type DoctorActionName =
  | 'heal_header_pointer'
  | 'heal_toc_checksum'
  | 'replay_wal'
  | 'discard_wal'
  | 'rebuild_time_index'
  | 'rebuild_lex_index'
  | 'rebuild_vec_index'
  | 'vacuum_compaction'
  | 'recompute_toc'
  | 'update_header'
  | 'deep_verify';

type Status = 'executed' | 'skipped' | 'failed';

export interface DoctorPhase {
  phase: DoctorPhaseName;
  status: Status;
  duration_ms: number;
  actions: { action: DoctorActionName; status: Status; detail: string | null }[];
}

export interface DoctorMetrics {
  actions_completed: number;
  actions_skipped: number;
  total_duration_ms: number;
  phase_durations: { phase: DoctorPhaseName; duration_ms: number }[];
}

export interface DoctorPlan {
  version: 1;
  file_path: string;
  options: {
    rebuild_time_index: boolean;
    rebuild_lex_index: boolean;
    rebuild_vec_index: boolean;
    vacuum: boolean;
    discard_damaged: boolean;
    dry_run: boolean;
    quiet: boolean;
  };
  findings: DoctorFinding[];
  phases: {
    phase: DoctorPhaseName;
    actions: {
      action: DoctorActionName;
      required: boolean;
      reasons: string[];
      note: string | null;
      detail: Record<string, unknown> | null;
    }[];
  }[];
}

export interface DoctorReport {
  /**
   * `clean`: nothing to do, the file was not written; `healed`: all is well again; `partial`: what is lost, or
   * cannot be vouched for, is in `findings`, everything else is well; `failed`: the file is as it was; `plan_only`: a dry run found work.
   */
  status: 'clean' | 'healed' | 'partial' | 'failed' | 'plan_only';
  findings: DoctorFinding[];
  /** Where a copy of the damaged file is: beside the repaired one, when something of it is lost. */
  kept: string | null;
  /** Of the file as it is now, or of the repaired one that was not good enough. */
  verification: VerifyReport | null;
  phases: DoctorPhase[];
  metrics: DoctorMetrics;
  plan: DoctorPlan;
}

const SWITCHES = [
  'rebuildTimeIndex',
  'rebuildLexIndex',
  'rebuildVecIndex',
  'vacuum',
  'discardDamaged',
  'dryRun',
  'quiet',
] as const;

function switchesOf(given: Options): Record<(typeof SWITCHES)[number], boolean> {
  const read = SWITCHES.map((name) => [name, optionalBoolean(given[name], name, false)] as const);
  return Object.fromEntries(read) as Record<(typeof SWITCHES)[number], boolean>;
}

/** Repairs a file that need not be open. It is replaced when its repaired copy is whole, and not before. */
export async function doctorMemvid(path: string, options?: DoctorFileOptions): Promise<DoctorReport> {
  const file = pathOf(path, 'path');
  const given = speltOptions(options, [...SWITCHES, 'lockTimeoutMs']);
  const switches = JSON.stringify(switchesOf(given));
  const lockTimeoutMs = lockTimeoutOf(given);
  const report = await onFile(file, (native) => native.doctorFile(file, switches, lockTimeoutMs));
  return JSON.parse(report) as DoctorReport;
}

/** Repairs an open memory, which goes on with the repaired file. */
export async function doctor(handle: Handle, options?: DoctorOptions): Promise<DoctorReport> {
  handle.assertWhole('doctor');
  const given = speltOptions(options, SWITCHES);
  refuseOptions(given, '', { lockTimeoutMs: 'an open memory waits as it was opened to' });
  const switches = switchesOf(given);
  const json = JSON.stringify(switches);
  if (switches.dryRun) {
    return JSON.parse(await handle.read('doctor', (native) => native.doctor(json))) as DoctorReport;
  }
  handle.assertWritable('doctor');
  return JSON.parse(await handle.write('doctor', (native) => native.doctor(json))) as DoctorReport;
}

/** Makes the time index anew. A damaged file is no work of this call: it is refused rather than repaired with losses. */
export async function rebuildTimeIndex(handle: Handle): Promise<void> {
  handle.assertWhole('rebuildTimeIndex');
  handle.assertWritable('rebuildTimeIndex');
  const options = JSON.stringify({ rebuildTimeIndex: true, quiet: true, refuseLosses: true });
  await handle.write('rebuildTimeIndex', (native) => native.doctor(options));
}
