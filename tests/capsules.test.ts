import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { create, lock, open, unlock, type MemvidError } from '@memvid/sdk';
import { runProgram } from './support/child.ts';
import { referenceProgram } from './support/places.ts';
import { referenceWithInput } from './support/reference.ts';
import { leftOut, scratch } from './support/workspace.ts';

const PASSWORD = 'correct horse';
const CHUNK = 4 + (1 << 20) + 16;
const HEADER = 64;
const noProgram = leftOut('capsules of the reference', referenceProgram().missing);

/** A memory with so many bytes that do not compress, and an early commit in front of them. */
async function memoryOf(megabytes: number): Promise<string> {
  const file = join(scratch(), 'notes.mv2');
  const content = join(scratch(), 'content.bin');
  const memory = await create(file);
  await memory.put({ text: 'the first words' });
  await memory.seal();
  for (let left = megabytes; left > 0; left -= 8) {
    writeFileSync(content, randomBytes(Math.min(left, 8) << 20));
    await memory.put({ file: content, searchText: 'many bytes' });
  }
  await memory.close();
  return file;
}

async function failureOf(call: Promise<unknown>): Promise<MemvidError> {
  return call.then(
    () => expect.unreachable('it was carried out'),
    (error: unknown) => error as MemvidError,
  );
}

describe('capsules', () => {
  it('say the same about a wrong password and about every change that needs the password to be seen', async () => {
    const file = await memoryOf(3);
    const capsule = await lock(file, { password: PASSWORD });
    const locked = readFileSync(capsule);
    expect(locked.length).toBeGreaterThan(HEADER + 3 * CHUNK);
    const altered = join(dirname(file), 'altered.mv2e');
    const output = join(dirname(file), 'out.mv2');
    const attempt = async (bytes: Uint8Array, password = PASSWORD): Promise<MemvidError> => {
      writeFileSync(altered, bytes);
      const error = await failureOf(unlock(altered, { password, output }));
      expect(existsSync(output)).toBe(false);
      return error;
    };
    const sized = (bytes: Uint8Array, size: number): Buffer => {
      const copy = Buffer.from(bytes);
      copy.writeBigUInt64LE(BigInt(size), 52);
      return copy;
    };
    const size = statSync(file).size;
    const chunk = (number: number): Buffer =>
      locked.subarray(HEADER + number * CHUNK, HEADER + (number + 1) * CHUNK);
    const flipped = (at: number): Buffer => {
      const copy = Buffer.from(locked);
      copy[at] = (copy[at] ?? 0) ^ 1;
      return copy;
    };
    const wrong = await attempt(locked, 'another password');
    expect(wrong).toMatchObject({
      code: 'MV016',
      details: { reason: 'encryption', cause: 'wrong_password_or_damaged' },
    });
    const header = locked.subarray(0, HEADER);
    const rest = locked.subarray(HEADER + 2 * CHUNK);
    for (const bytes of [
      // The salt, and the last byte.
      flipped(10),
      flipped(locked.length - 1),
      // Two chunks swapped, and one left out.
      Buffer.concat([header, chunk(1), chunk(0), rest]),
      sized(Buffer.concat([header, chunk(0), rest]), size - (1 << 20)),
      // Cut behind a chunk, with the size edited to it: the first is a whole memory as it was after its first commit.
      sized(locked.subarray(0, HEADER + CHUNK), 1 << 20),
    ]) {
      const error = await attempt(bytes);
      expect([error.message, error.details, error.suggestion]).toEqual([
        wrong.message,
        wrong.details,
        wrong.suggestion,
      ]);
    }
    // What anybody sees who looks at the file is said, and takes no password.
    let took = Infinity;
    for (const bytes of [
      locked.subarray(0, locked.length - 1),
      locked.subarray(0, HEADER + CHUNK),
      locked.subarray(0, HEADER + 2),
      locked.subarray(0, 40),
      sized(locked, size - 1),
      Buffer.concat([locked, chunk(0)]),
    ]) {
      expect((await attempt(bytes)).details).toMatchObject({ reason: 'encryption', cause: 'damaged' });
      const start = performance.now();
      await attempt(bytes, 'another password');
      took = Math.min(took, performance.now() - start);
    }
    // To derive a key takes longer.
    expect(took).toBeLessThan(50);
    writeFileSync(altered, locked);
    await unlock(altered, { password: PASSWORD, output });
    expect(readFileSync(output).equals(readFileSync(file))).toBe(true);
  }, 120_000);

  it('hold what is still in the log of the memory', async () => {
    const file = join(scratch(), 'notes.mv2');
    await using memory = await create(file);
    for (let n = 0; n < 5; n += 1) await memory.put({ text: `unsealed words ${n}` });
    const capsule = await lock(file, { password: PASSWORD });
    const output = join(scratch(), 'again.mv2');
    await unlock(capsule, { password: PASSWORD, output });
    await using again = await open(output);
    expect((await again.find('unsealed', { k: 10 })).total_hits).toBe(5);
    expect((await again.verify({ deep: true })).overall_status).toBe('passed');
  });

  it('of a memory that is being written are of one moment, and no write is lost for them', async () => {
    const file = join(scratch(), 'notes.mv2');
    const memory = await create(file);
    await memory.putMany(
      Array.from({ length: 300 }, (_, n) => ({ title: 't', text: `old words ${n} `.repeat(50) })),
    );
    const over = new AbortController();
    const stored: string[] = [];
    const writing = (async () => {
      for (let round = 0; !over.signal.aborted; round += 1) {
        const text = `words of round ${round}`;
        if (round % 9 === 8) {
          await memory.putMany(Array.from({ length: 7 }, (_, n) => ({ title: 't', text: `${text} ${n}` })));
        } else {
          await memory.put({ text });
        }
        if (round % 25 === 24) await memory.seal();
        stored.push(text);
      }
    })();
    const capsules: [path: string, before: number][] = [];
    for (let copy = 0; copy < 3; copy += 1) {
      const before = stored.length;
      capsules.push([
        await lock(file, { password: PASSWORD, output: join(scratch(), `${copy}.mv2e`) }),
        before,
      ]);
    }
    over.abort();
    await writing;
    for (const [capsule, before] of capsules) {
      const output = join(scratch(), 'copy.mv2');
      await unlock(capsule, { password: PASSWORD, output });
      await using copy = await open(output);
      expect((await copy.verify({ deep: true })).overall_status).toBe('passed');
      // Everything that was told before is in it, and rounds after it in their order, batches as a whole.
      const rounds = new Map<string, number>();
      for (const { preview } of await copy.timeline({ limit: 1_000_000 })) {
        const [, round] = /^words of round (\d+)/.exec(preview) ?? [];
        if (round !== undefined) rounds.set(round, (rounds.get(round) ?? 0) + 1);
      }
      expect(rounds.size).toBeGreaterThanOrEqual(before);
      for (let round = 0; round < rounds.size; round += 1) {
        expect(rounds.get(String(round))).toBe(round % 9 === 8 ? 7 : 1);
      }
    }
    expect((await memory.stats()).active_frame_count).toBeGreaterThanOrEqual(300 + stored.length);
    await memory.close();
    expect(readdirSync(dirname(file))).toEqual(['notes.mv2']);
  }, 120_000);

  it.skipIf(noProgram)('of each program open in the other, byte for byte', async () => {
    const file = await memoryOf(3);
    const home = scratch();
    const ours = await lock(file, { password: PASSWORD, output: join(scratch(), 'ours.mv2e') });
    const theirs = join(scratch(), 'theirs.mv2e');
    const ask = (...words: string[]): number | null =>
      referenceWithInput(home, `${PASSWORD}\n`, ...words).status;
    expect(ask('lock', file, '--password-stdin', '--keep-original', '-o', theirs)).toBe(0);
    const output = join(scratch(), 'theirs.mv2');
    await unlock(theirs, { password: PASSWORD, output });
    expect(readFileSync(output).equals(readFileSync(file))).toBe(true);
    const back = join(scratch(), 'ours.mv2');
    expect(ask('unlock', ours, '--password-stdin', '-o', back)).toBe(0);
    expect(readFileSync(back).equals(readFileSync(file))).toBe(true);
    expect(
      referenceWithInput(home, 'wrong\n', 'unlock', ours, '--password-stdin', '-o', `${back}2`).status,
    ).not.toBe(0);
  });

  // `npm run capsule` measures a memory of 1 GB.
  it.skipIf(process.platform !== 'linux')('take the same memory however large they are', async () => {
    const small = peakOf(await memoryOf(3));
    const large = await memoryOf(64);
    const peak = peakOf(large);
    expect(peak.lock - small.lock).toBeLessThan(16 << 20);
    expect(peak.unlock - small.unlock).toBeLessThan(16 << 20);
    // The key takes 64 MiB.
    expect(peak.lock - peak.before).toBeLessThan(96 << 20);
  });

  it.skipIf(process.platform === 'win32')('that cannot be written whole leave nothing', async () => {
    const file = await memoryOf(3);
    const folder = dirname(file);
    const capsule = await lock(file, { password: PASSWORD });
    // A limit on the length of a file stands for a full disk where none can be mounted.
    const limited = (code: string): { code?: string; reason?: string } => {
      const program = `
        import { lock, unlock } from ${JSON.stringify(new URL('../packages/sdk/dist/index.js', import.meta.url).href)};
        await (${code}).then(() => console.log('{}'), (error) => console.log(JSON.stringify({ code: error.code, reason: error.details?.reason })));
      `;
      const run = spawnSync(
        'sh',
        [
          '-c',
          `trap '' XFSZ; ulimit -f 1024; exec "$0" --input-type=module -e "$1"`,
          process.execPath,
          program,
        ],
        { encoding: 'utf8' },
      );
      return JSON.parse(run.stdout || JSON.stringify({ code: run.stderr })) as { code?: string };
    };
    const full = { code: 'MV001', reason: 'disk' };
    const names = readdirSync(folder).toSorted();
    expect(
      limited(`lock(${JSON.stringify(file)}, { password: 'p', output: ${JSON.stringify(`${file}.2`)} })`),
    ).toEqual(full);
    expect(
      limited(`unlock(${JSON.stringify(capsule)}, { password: ${JSON.stringify(PASSWORD)}, force: true })`),
    ).toEqual(full);
    expect(readdirSync(folder).toSorted()).toEqual(names);
    await using memory = await open(file);
    expect((await memory.verify({ deep: true })).overall_status).toBe('passed');
  });
});

/** Peak memory of a process that locks a memory, and of one that unlocks it, in bytes; `before`: without either. */
function peakOf(file: string): { before: number; lock: number; unlock: number } {
  const capsule = join(scratch(), 'measured.mv2e');
  const output = join(scratch(), 'measured.mv2');
  const measured = (code: string): number =>
    Number(
      runProgram(`${code}; console.log(process.resourceUsage().maxRSS * 1024);`, file, {
        input: { capsule, output },
      }),
    );
  return {
    before: measured('sdk.info()'),
    lock: measured(`await sdk.lock(file, { password: 'p', output: input.capsule })`),
    unlock: measured(`await sdk.unlock(input.capsule, { password: 'p', output: input.output })`),
  };
}
