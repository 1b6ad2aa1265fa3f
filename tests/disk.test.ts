import { spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { create } from '@memvid/sdk';
import { program, runProgram } from './support/child.ts';
import { seed } from './support/random.ts';
import { expectAlone, leftOut, scratch } from './support/workspace.ts';

// Everything here runs in processes of its own: that the process lives is what is tested.

/** MEMVID_DISK_ROUNDS asks for more. */
const ROUNDS = Number(process.env['MEMVID_DISK_ROUNDS'] ?? 15);
const NAMESPACE: readonly string[] = ['unshare', '-rm', 'sh', '-c'];
const noMount = leftOut(
  'a full disk',
  spawnSync(NAMESPACE[0] ?? '', [...NAMESPACE.slice(1), 'mount -t tmpfs tmpfs /mnt']).status === 0
    ? undefined
    : 'no file system can be mounted here (a limit on the length of files stands for it)',
);

/** Runs a program on a file system of `size`, which is mounted at a folder of its own and gone afterwards. */
function runOnDisk(
  code: string,
  size: string,
  input: unknown,
): { problems: string[]; [more: string]: unknown } {
  const folder = scratch();
  const run = spawnSync(
    NAMESPACE[0] ?? '',
    [
      ...NAMESPACE.slice(1),
      `mount -t tmpfs -o size=${size} tmpfs "$1" && exec "$0" --input-type=module -e "$2"`,
      process.execPath,
      folder,
      program(code, join(folder, 'notes.mv2'), input),
    ],
    { encoding: 'utf8', timeout: 110_000 },
  );
  if (run.status !== 0) throw new Error(`status ${run.status ?? run.signal}: ${run.stderr.slice(0, 2000)}`);
  return JSON.parse(run.stdout.trimEnd().split('\n').at(-1) ?? '') as { problems: string[] };
}

/** Fills the disk up to a random rest, changes the memory, frees the disk, and compares with what was told. */
const FILLER = `
  import { readdirSync, readFileSync, statfsSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
  import { dirname, join } from 'node:path';
  const folder = dirname(file), ballast = join(folder, 'ballast');
  let state = input.seed;
  const random = (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 0x1_0000_0000) * below);
  };
  const noise = (length) => Array.from({ length }, () => String.fromCodePoint(0x4e00 + random(20000))).join('');
  const problems = [], refused = {}, done = {};
  let memory = await sdk.create(file);
  const alive = new Map();
  let names = 0;
  const document = (length) => {
    const uri = 'mv2://d/' + (names += 1);
    return { title: uri, uri, text: 'word' + names + ' ' + noise(length) };
  };
  const any = () => [...alive.values()][random(alive.size)];
  const embedder = { spec: 'embedder/v1', provider: 'p', model: 'm', dimensions: 64, maxBatch: 64,
    async embed(texts) { return { vectors: texts.map((text) => Float32Array.from({ length: 64 }, (_, n) => Math.sin(n + text.length))) }; } };
  const changes = {
    async put() { const d = document(random(3) === 0 ? 30000 : 300); alive.set(d.uri, { ...d, id: await memory.put(d) }); },
    async putMany() { const ds = Array.from({ length: 5 }, () => document(2000)); (await memory.putMany(ds)).forEach((id, at) => alive.set(ds[at].uri, { ...ds[at], id })); },
    async large() { const ds = Array.from({ length: 300 }, () => document(600)); const ids = await memory.putMany(ds); await memory.removeMany({ where: { frame_id: { $in: ids.map(Number) } } }); },
    async update() { const d = any(); if (d === undefined) return; const next = document(500); d.id = await memory.update(d.id, { text: next.text }); d.text = next.text; },
    async remove() { const d = any(); if (d === undefined) return; await memory.remove(d.id); alive.delete(d.uri); },
    async seal() { await memory.seal(); },
    async reembed() { await memory.reembed({ embedder }); },
    async lock() { await sdk.lock(file, { password: 'p', output: join(folder, 'x.mv2e') }); unlinkSync(join(folder, 'x.mv2e')); },
    async create() { await (await sdk.create(join(folder, 'other.mv2'))).close(); unlinkSync(join(folder, 'other.mv2')); },
    async reopen() { try { await memory.close(); } finally { memory = await sdk.open(file); } },
  };
  const check = async (what) => {
    const listed = new Map((await memory.timeline({ limit: 1e6 })).map((entry) => [entry.uri, entry.frame_id]));
    for (const [uri, { id, text }] of alive) {
      if (String(listed.get(uri)) !== id) problems.push(what + ': ' + uri + ' is lost');
      else if ((await memory.view(id)) !== text) problems.push(what + ': ' + uri + ' has another text');
      listed.delete(uri);
    }
    for (const uri of listed.keys()) problems.push(what + ': nobody was told that ' + uri + ' is stored');
    for (const { uri, text } of [...alive.values()].slice(-3)) {
      const { hits } = await memory.find(text.split(' ', 1)[0]);
      const first = hits[0]?.uri ?? '';
      if (!first.startsWith(uri)) problems.push(what + ': ' + uri + ' is not found');
    }
    const names = readdirSync(folder).filter((name) => name !== 'notes.mv2' && name !== 'ballast');
    if (names.length > 0) problems.push(what + ': beside the file: ' + names);
  };
  await changes.put();
  for (let round = 0; round < input.rounds && problems.length === 0; round += 1) {
    const { bavail, bsize } = statfsSync(folder);
    const rest = random(4) !== 0 ? random(96) * 1024 : random(1024) * 1024;
    writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - rest)));
    const call = Object.keys(changes)[random(Object.keys(changes).length)];
    const what = 'round ' + round + ', ' + call + ' with ' + rest + ' bytes left';
    try {
      await changes[call]();
      done[call] = (done[call] ?? 0) + 1;
    } catch (error) {
      refused[call] = (refused[call] ?? 0) + 1;
      if (error.code !== 'MV001' || error.details?.reason !== 'disk' || error.name !== 'CapacityExceededError') problems.push(what + ': ' + error);
      if (!/disk/.test(error.suggestion ?? '')) problems.push(what + ': suggests ' + error.suggestion);
    }
    // Reading goes on while the disk is full.
    await check(what);
    unlinkSync(ballast);
    await changes.put().catch((error) => problems.push(what + ', then a put with room: ' + error));
    await check(what + ', then with room');
    if (alive.size > 40) for (const { id, uri } of [...alive.values()].slice(0, 30)) { await memory.remove(id); alive.delete(uri); }
  }
  if ((await memory.verify({ deep: true })).overall_status !== 'passed') problems.push('verify failed');
  await memory.close();
  memory = await sdk.open(file);
  await check('at the end');
  await memory.close();
  console.log(JSON.stringify({ problems, refused, done }));
`;

describe('a full disk', () => {
  it.skipIf(noMount)(
    'fails the change with MV001, leaves the memory as it was, and is over when there is room',
    () => {
      const { problems, refused } = runOnDisk(FILLER, '24m', {
        seed: seed('MEMVID_DISK_SEED', 1),
        rounds: ROUNDS,
      });
      expect(problems).toEqual([]);
      expect(
        Object.values(refused as Record<string, number>).reduce((sum, count) => sum + count, 0),
      ).toBeGreaterThan(0);
    },
    120_000,
  );

  it.skipIf(process.platform === 'win32')(
    'and a file that may not grow any more fail a put in the same way',
    async () => {
      const file = join(scratch(), 'notes.mv2');
      await (await create(file)).close();
      const code = `
      const memory = await sdk.open(file);
      const text = Array.from({ length: 20_000 }, (_, n) => String.fromCodePoint(0x4e00 + (n * 7919) % 20000)).join('');
      const ids = [];
      let failure;
      while (failure === undefined) await memory.put({ text: ids.length + text }).then((id) => ids.push(id), (error) => { failure = error; });
      const texts = [];
      for (const id of ids) texts.push((await memory.view(id)) === ids.indexOf(id) + text);
      const { active_frame_count } = await memory.stats();
      const closing = await memory.close().then(() => 'closed', (error) => error.code + ' ' + error.details.reason);
      const again = await sdk.open(file, { readOnly: true });
      const kept = (await again.timeline()).length;
      await again.close();
      console.log(JSON.stringify({ code: failure.code, reason: failure.details.reason, texts, closing, kept }));
    `;
      const run = spawnSync(
        'sh',
        [
          '-c',
          `trap '' XFSZ; ulimit -f 4096; exec "$0" --input-type=module -e "$1"`,
          process.execPath,
          program(code, file, undefined),
        ],
        { encoding: 'utf8' },
      );
      const { texts, closing, ...rest } = JSON.parse(run.stdout || run.stderr) as Record<string, unknown>;
      expect(rest).toEqual({ code: 'MV001', reason: 'disk', kept: (texts as boolean[]).length });
      expect(texts).not.toContain(false);
      expect((texts as boolean[]).length).toBeGreaterThan(3);
      expect(['closed', 'MV001 disk']).toContain(closing);
      expectAlone(file);
    },
  );
});

/** Gives up what root may do, so that permissions count. */
const AS_NOBODY = `
  import { chmodSync, chownSync, statSync } from 'node:fs';
  import { dirname, join } from 'node:path';
  sdk.info(); // Loads the addon.
  const said = async (call) => call().then((value) => value, (error) => [error.name, error.code, error.details?.path ?? null, error.suggestion]);
  const become = () => {
    if (process.getuid() !== 0) return;
    process.setgid(65534);
    process.setuid(65534);
  };
`;

describe.skipIf(process.platform === 'win32')('without permission', () => {
  it('a file that may only be read is read, and refuses to be opened for writing', async () => {
    const file = join(scratch(), 'notes.mv2');
    const memory = await create(file);
    await memory.put({ text: 'readable words' });
    await memory.close();
    const result = runProgram(
      `${AS_NOBODY}
       chmodSync(dirname(file), 0o755);
       chmodSync(file, 0o444);
       become();
       const reader = await sdk.open(file, { readOnly: true });
       const found = (await reader.find('readable')).total_hits;
       const put = await said(() => reader.put({ text: 'x' }));
       await reader.close();
       const writer = await said(() => sdk.open(file));
       const created = await said(() => sdk.create(join(dirname(file), 'new.mv2')));
       const locked = await said(() => sdk.lock(file, { password: 'p' }));
       const replaced = await said(() => sdk.create(file));
       console.log(JSON.stringify({ found, put, writer, created, locked, replaced }));`,
      file,
    ) as Record<string, unknown[]>;
    const refused = (path: string): unknown[] => [
      expect.stringMatching(/^(UnsupportedOperation|ReadOnly)Error$/),
      'MV018',
      path,
      expect.stringContaining('permissions'),
    ];
    expect(result).toEqual({
      found: 1,
      put: ['ReadOnlyError', 'MV018', file, expect.stringContaining('readOnly')],
      writer: refused(file),
      created: refused(dirname(file)),
      locked: refused(dirname(file)),
      replaced: refused(file),
    });
    expectAlone(file);
  });

  it('in a folder that may only be read, a memory is written all the same, and never replaced', async () => {
    const file = join(scratch(), 'notes.mv2');
    await (await create(file)).close();
    const result = runProgram(
      `${AS_NOBODY}
       if (process.getuid() === 0) chownSync(file, 65534, 65534);
       chmodSync(dirname(file), 0o555);
       const inode = statSync(file).ino;
       become();
       const memory = await sdk.open(file);
       const text = Array.from({ length: 3000 }, (_, n) => 'word' + n).join(' ');
       const ids = [];
       for (let n = 0; n < 30; n += 1) ids.push(await memory.put({ text: n + ' ' + text }));
       await memory.seal();
       for (const id of ids.slice(1)) await memory.remove(id);
       await memory.seal();
       await memory.close();
       const again = await sdk.open(file);
       const { overall_status } = await again.verify({ deep: true });
       const kept = (await again.timeline()).length;
       await again.close();
       console.log(JSON.stringify({ overall_status, kept, same: statSync(file).ino === inode }));`,
      file,
    );
    expect(result).toEqual({ overall_status: 'passed', kept: 1, same: true });
    expectAlone(file);
  });

  it.skipIf(process.getuid?.() !== 0)(
    'a file of another user is written anew where nobody loses by it, and its owner is named otherwise',
    async () => {
      const file = join(scratch(), 'notes.mv2');
      await (await create(file)).close();
      const result = runProgram(
        `${AS_NOBODY}
         const memory = await sdk.open(file);
         chmodSync(file, 0o666);
         const folder = dirname(file);
         chmodSync(folder, 0o1777);
         process.setgid(65534);
         process.seteuid(65534);
         const id = await memory.put({ text: 'gone' });
         await memory.remove(id);
         await memory.put({ text: 'stays' });
         const refused = await memory.compact().then(() => [], ({ code, details, message, suggestion }) => [code, details.reason, details.owner, message, suggestion]);
         process.seteuid(0);
         chmodSync(folder, 0o777);
         process.seteuid(65534);
         await memory.purge();
         const { uid, mode } = statSync(file);
         const { overall_status } = await memory.verify({ deep: true });
         await memory.close();
         console.log(JSON.stringify({ refused, uid, mode: mode & 0o777, overall_status }));`,
        file,
      );
      expect(result).toEqual({
        refused: [
          'MV018',
          'owner',
          0,
          expect.stringContaining('root (user 0)'),
          expect.stringContaining('owner'),
        ],
        uid: 65534,
        mode: 0o666,
        overall_status: 'passed',
      });
      expectAlone(file);
    },
  );

  it.skipIf(noMount)('a file system that became read-only is said so, and reading goes on', () => {
    const result = runOnDisk(
      `import { execFileSync } from 'node:child_process';
       import { dirname } from 'node:path';
       const memory = await sdk.create(file);
       await memory.put({ text: 'stored words' });
       await memory.close();
       execFileSync('mount', ['-o', 'remount,ro', dirname(file)]);
       const problems = [];
       const expectRefusal = (what, call) => call().then(() => problems.push(what + ' was carried out'), (error) => {
         if (error.code !== 'MV018' || !error.message.includes(file)) problems.push(what + ': ' + error);
       });
       await expectRefusal('open', () => sdk.open(file));
       const reader = await sdk.open(file, { readOnly: true });
       if ((await reader.find('stored')).total_hits !== 1) problems.push('not found');
       await reader.close();
       await expectRefusal('create', () => sdk.create(file));
       console.log(JSON.stringify({ problems }));`,
      '4m',
      null,
    );
    expect(result.problems).toEqual([]);
  });
});

/** What happens to a file behind the back of an open handle, between two calls. */
const BEHIND: Record<string, { does: string; codes: readonly string[]; goesOn?: boolean }> = {
  'is cut to nothing': { does: 'truncateSync(file, 0);', codes: ['MV012'] },
  'is cut inside its header': { does: 'truncateSync(file, 1000);', codes: ['MV012'] },
  'is cut inside its log': { does: 'truncateSync(file, 50_000);', codes: ['MV012'] },
  // The footer is gone, the table of contents in front of it is whole.
  'is cut by one byte': {
    does: 'truncateSync(file, statSync(file).size - 1);',
    codes: ['MV012'],
    goesOn: true,
  },
  'is cut inside its texts': { does: 'truncateSync(file, 300_000);', codes: ['MV012'] },
  'is deleted': { does: 'unlinkSync(file);', codes: ['MV013'] },
  'is deleted with its folder': { does: 'rmSync(dirname(file), { recursive: true });', codes: ['MV013'] },
  'becomes a folder': { does: 'unlinkSync(file); mkdirSync(file);', codes: ['MV012', 'MV019'] },
  'is replaced by garbage': {
    does: `writeFileSync(file + '.new', Buffer.alloc(500_000, 7)); renameSync(file + '.new', file);`,
    codes: ['MV012'],
  },
  'is overwritten with garbage': {
    does: `writeSync(openSync(file, 'r+'), Buffer.alloc(400_000, 7), 0, 400_000, 0);`,
    codes: ['MV012'],
  },
};

// Windows does not let go of a file that is open.
describe.skipIf(process.platform === 'win32')('a file that changes under an open handle', () => {
  it.each(Object.entries(BEHIND))(
    'and %s fails each call with a typed error, and the process lives',
    async (_, { does, codes, goesOn = false }) => {
      const file = join(scratch(), 'inner', 'notes.mv2');
      const outcome = runProgram(
        `import { copyFileSync, mkdirSync, openSync, renameSync, rmSync, statSync, truncateSync, unlinkSync, writeFileSync, writeSync } from 'node:fs';
       import { dirname } from 'node:path';
       mkdirSync(dirname(file));
       const memory = await sdk.create(file);
       const text = Array.from({ length: 2000 }, (_, n) => 'word' + n).join(' ');
       const ids = await memory.putMany(Array.from({ length: 200 }, (_, n) => ({ title: 't' + n, text: n + ' ' + text, embedding: [n + 1, 1, 0, 0] })));
       await memory.put({ text: 'in the log' });
       const reader = await sdk.open(file, { readOnly: true });
       copyFileSync(file, file + '.copy');
       writeFileSync('/dev/null', '');
       ${does}
       const said = {};
       for (const [name, handle] of Object.entries({ memory, reader })) {
         for (const [call, run] of Object.entries({
           find: () => handle.find('word7'),
           view: () => handle.view(ids[3]),
           timeline: () => handle.timeline(),
           stats: () => handle.stats(),
           vecSearch: () => handle.vecSearch('word', [1, 1, 0, 0]),
           ask: () => handle.ask('which word?'),
           verify: () => handle.verify({ deep: true }),
           put: () => handle.put({ text: 'x' }),
           putMany: () => handle.putMany([{ title: 't', text: 'x' }]),
           update: () => handle.update(ids[1], { text: 'x' }),
           remove: () => handle.remove(ids[2]),
           seal: () => handle.seal(),
           close: () => handle.close(),
         })) {
           const result = await run().then(() => 'done', (error) => error.code + (error.name.endsWith('Error') && error.suggestion ? '' : '?'));
           (said[name + '.' + result] ??= []).push(call);
         }
       }
       await sdk.open(file).then(() => { said.opened = true; }, (error) => { said.open = error.code; });
       console.log(JSON.stringify(said));`,
        file,
      ) as Record<string, string[]>;
      const allowed = [...codes, 'done', 'MV018'];
      for (const [key, calls] of Object.entries(outcome)) {
        if (key === 'open' || key === 'opened') continue;
        const [handle, said] = key.split('.');
        expect(allowed, `${calls.join(', ')} of ${handle}`).toContain(said);
        // Only what need not look at the file is carried out.
        if (said === 'done' && !goesOn) {
          expect(['seal', 'close', 'verify']).toEqual(expect.arrayContaining(calls));
        }
        if (said === 'MV018') expect(handle).toBe('reader');
      }
      expect(outcome['opened'] !== undefined).toBe(goesOn);
    },
  );

  it('and is cut in the middle of calls, again and again, never ends the process', async () => {
    const file = join(scratch(), 'notes.mv2');
    const outcome = runProgram(
      `import { statSync } from 'node:fs';
         import { Worker } from 'node:worker_threads';
         const memory = await sdk.create(file);
         const text = Array.from({ length: 1500 }, (_, n) => 'word' + n).join(' ');
         const ids = await memory.putMany(Array.from({ length: 300 }, (_, n) => ({ title: 't' + n, text: n + ' ' + text, embedding: [n + 1, 1, 0, 0] })));
         await memory.close();
         const size = statSync(file).size;
         const cutter = new Worker(\`
           const { openSync, ftruncateSync, readFileSync, writeSync } = require('node:fs');
           const { parentPort, workerData } = require('node:worker_threads');
           const whole = readFileSync(workerData.file), file = openSync(workerData.file, 'r+');
           let isOver = false, rounds = 0;
           parentPort.on('message', () => { isOver = true; });
           const step = () => {
             const at = Math.floor(Math.random() * whole.length);
             ftruncateSync(file, at);
             writeSync(file, whole, at, whole.length - at, at);
             rounds += 1;
             if (isOver) { parentPort.postMessage(rounds); parentPort.close(); } else setTimeout(step, 1);
           };
           step();
         \`, { eval: true, execArgv: [], workerData: { file } });
         const said = {};
         const reader = await sdk.open(file, { readOnly: true }).catch(() => undefined);
         for (const end = Date.now() + input.milliseconds; Date.now() < end;) {
           await Promise.all([
             ['open', async () => (await sdk.open(file, { readOnly: true })).close()],
             ['find', () => reader?.find('word7 word900', { k: 20 })],
             ['view', () => reader?.view(ids[Math.floor(Math.random() * ids.length)])],
             ['near', () => reader?.vecSearch('word', [1, 1, 0, 0])],
             ['verify', () => sdk.verifyMemvid(file, { deep: true })],
           ].map(async ([name, call]) => {
             const result = await Promise.resolve().then(call).then(() => 'done', (error) => error.code ?? String(error));
             said[name + ' ' + result] = (said[name + ' ' + result] ?? 0) + 1;
           }));
         }
         const rounds = await new Promise((resolve) => { cutter.once('message', resolve); cutter.postMessage(0); });
         const again = await sdk.open(file);
         const { overall_status } = await again.verify({ deep: true });
         const { total_hits } = await again.find('word7', { k: 1 });
         await again.close();
         console.log(JSON.stringify({ said, rounds, whole: statSync(file).size === size, overall_status, total_hits }));`,
      file,
      { input: { milliseconds: 3000 }, timeout: 100_000 },
    ) as { said: Record<string, number>; rounds: number };
    expect(outcome).toMatchObject({ overall_status: 'passed', total_hits: 300 });
    expect(outcome.rounds).toBeGreaterThan(10);
    const others = Object.keys(outcome.said).filter((key) => !/ (done|MV012)$/.test(key));
    expect(others).toEqual([]);
  }, 120_000);

  it('and is replaced by another memory is that memory from then on', async () => {
    const file = join(scratch(), 'notes.mv2');
    const memory = await create(file);
    await memory.put({ text: 'the old words' });
    const other = join(scratch(), 'other.mv2');
    const replacement = await create(other);
    await replacement.put({ text: 'the new words' });
    await replacement.close();
    const { renameSync } = await import('node:fs');
    renameSync(other, file);
    expect((await memory.find('words')).hits.map((hit) => hit.text)).toEqual(['the new words']);
    expect(await memory.put({ text: 'more words' })).toBe('1');
    await memory.close();
    expectAlone(file);
  });
});
