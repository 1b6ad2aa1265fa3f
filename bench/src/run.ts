// `pnpm bench [--n 1000,10000] [--peers memvid,sqlite,reference] [--rounds 3] [--out FILE]`: one JSON line a figure.
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { missingData } from './corpus.ts';
import type { Samples } from './measure.ts';
import { MOST_DOCUMENTS, PEERS, type PeerName } from './peer.ts';
import { missingReference } from './reference-sdk.ts';

const { values: options } = parseArgs({
  options: {
    n: { type: 'string', default: '1000,10000' },
    peers: { type: 'string', default: PEERS.join(',') },
    rounds: { type: 'string', default: '3' },
    out: { type: 'string' },
  },
  // `pnpm bench -- --n 1000` hands the two dashes on.
  args: process.argv.slice(2).filter((word) => word !== '--'),
});
const sizes = options.n.split(',').map(Number);
const rounds = Number(options.rounds);
const output =
  options.out ??
  join(import.meta.dirname, '../results', `${new Date().toISOString().replaceAll(':', '-')}.jsonl`);

/** Children of one peer must not reach a network, and least of all the reference, which would report what it did. */
const QUIET = ['--import', join(import.meta.dirname, '../../tests/support/socket-trap.mjs')];

const workspace = mkdtempSync(join(tmpdir(), 'memvid-bench-'));
try {
  run();
} finally {
  rmSync(workspace, { recursive: true, force: true });
}

function run(): void {
  if (missingData !== undefined) {
    console.error(`skipped: ${missingData}`);
    return;
  }
  const wanted = options.peers.split(',').map((name) => {
    const known = PEERS.find((peer) => peer === name.trim());
    if (known === undefined) throw new Error(`unknown peer ${name}: ${PEERS.join(', ')}`);
    return known;
  });
  const absent = wanted.includes('reference') ? missingReference() : undefined;
  if (absent !== undefined) console.error(`skipped: reference: ${absent}`);
  const peers = wanted.filter((name) => name !== 'reference' || absent === undefined);
  mkdirSync(dirname(output), { recursive: true });
  const compared = Math.min(...peers.map((name) => MOST_DOCUMENTS[name]));
  // What is too slow for a size is compared at the largest size it can stand.
  const all = Number.isFinite(compared) ? [...new Set([compared, ...sizes])] : sizes;
  for (const documents of all) {
    const able = peers.filter((name) => MOST_DOCUMENTS[name] >= documents);
    measure(documents, able);
  }
}

/** Peers take turns, so that a busy moment of the machine does not hit one alone. */
function measure(documents: number, peers: readonly PeerName[]): void {
  const collected = new Map<PeerName, Samples[]>(peers.map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const name of peers) {
      // The reference needs minutes for what others do in a second, and varies little.
      if (name === 'reference' && round > 0) continue;
      const path = join(workspace, `${name}-${documents}-${round}.${name === 'sqlite' ? 'db' : 'mv2'}`);
      const filled = child('fill', name, documents, path);
      collected.get(name)?.push({ ...filled, ...child('first-hit', name, documents, path) });
    }
  }
  for (const [name, list] of collected) {
    for (const figure of Object.keys(list[0] ?? {})) report(name, documents, figure, list);
  }
}

function child(task: string, name: PeerName, documents: number, path: string): Samples {
  const script = join(import.meta.dirname, 'measure.ts');
  const ran = spawnSync(process.execPath, [...QUIET, script, task, name, String(documents), path], {
    encoding: 'utf8',
    cwd: workspace,
    timeout: 600_000,
    env: { ...process.env, MEMVID_OFFLINE: '1', HOME: workspace },
  });
  if (ran.status !== 0) {
    throw new Error(`${name} with ${documents}: ${ran.status ?? ran.signal}: ${ran.stderr}`);
  }
  return JSON.parse(ran.stdout.trimEnd().split('\n').at(-1) ?? '') as Samples;
}

function report(peer: PeerName, documents: number, figure: string, list: readonly Samples[]): void {
  const taken = list.flatMap((samples) => samples[figure] ?? []);
  const line = JSON.stringify({
    peer,
    documents,
    figure,
    value: rounded(median(taken.map(({ value }) => value))),
    unit: taken[0]?.unit,
    ...(taken[0]?.cpu === undefined
      ? {}
      : {
          cpu: rounded(median(taken.flatMap(({ cpu }) => cpu ?? []))),
          cpu_unit: figure === 'ingest' ? 'us/document' : 'ms',
        }),
    rounds: taken.length,
    spread: taken.length > 1 ? taken.map(({ value }) => rounded(value)) : undefined,
    machine: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`,
    node: process.versions.node,
  });
  console.log(line);
  appendFileSync(output, `${line}\n`);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  const [low = Number.NaN, high = Number.NaN] = [sorted[middle - 1], sorted[middle]];
  return sorted.length % 2 === 1 ? high : (low + high) / 2;
}

function rounded(value: number): number {
  return Number(value.toPrecision(4));
}
