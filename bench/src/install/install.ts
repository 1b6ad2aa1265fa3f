import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { npmPackagesOf } from '../peers/packages.ts';
import { PEERS, type PeerName } from '../peers/facts.ts';
import type { Sample, Samples } from '../record.ts';
import { median } from '../statistics.ts';
import { sizeOf } from '../tasks/size.ts';

/** Times that each is installed, after once that fills the cache of npm. */
const ROUNDS = 3;
/** Longest that one may take, in milliseconds. */
const LONGEST = 5 * 60_000;

/** Seconds and bytes of `npm install` into an empty folder, for each peer that comes from npm. */
export function measureInstalls(
  peers: readonly PeerName[],
  workspace: string,
): Map<PeerName, Samples | string> {
  const results = new Map<PeerName, Samples | string>();
  for (const peer of PEERS.filter((name) => peers.includes(name))) {
    const packages = peer === 'memvid' ? packed(join(workspace, 'packs')) : npmPackagesOf(peer);
    const folder = join(workspace, `install-${peer}`);
    if (packages.length > 0) results.set(peer, measureInstall(packages, folder));
  }
  return results;
}

function packed(folder: string): string[] {
  const script = fileURLToPath(import.meta.resolve('./pack.mjs'));
  const ran = spawnSync(process.execPath, [script, folder], { encoding: 'utf8' });
  if (ran.status !== 0) throw new Error(`the packages cannot be packed: ${ran.stderr}`);
  return JSON.parse(ran.stdout.trimEnd().split('\n').at(-1) ?? '[]') as string[];
}

function measureInstall(packages: readonly string[], folder: string): Samples | string {
  const seconds: number[] = [];
  let bytes = 0;
  for (let round = 0; round <= ROUNDS; round += 1) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
    const start = performance.now();
    const words = ['install', '--silent', '--no-audit', '--no-fund', '--prefer-offline', ...packages];
    const ran = spawnSync('npm', words, {
      cwd: folder,
      encoding: 'utf8',
      timeout: LONGEST,
      shell: process.platform === 'win32',
    });
    if (ran.status !== 0) return ran.stderr.trim().split('\n')[0] || 'npm install failed';
    if (round > 0) seconds.push((performance.now() - start) / 1000);
    bytes = sizeOf(join(folder, 'node_modules'));
  }
  rmSync(folder, { recursive: true, force: true });
  const time: Sample = { value: median(seconds), unit: 's', calls: ROUNDS };
  return { install_seconds: time, install_bytes: { value: bytes / 1e6, unit: 'MB' } };
}
