import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { create, open } from '@memvid/sdk';
import { fuzzArguments } from './reliability/arguments.ts';
import { program, runProgram } from './support/child.ts';
import { sdkEntry } from './support/places.ts';
import { seed } from './support/random.ts';
import { expectAlone, leftOut, scratch } from './support/workspace.ts';

// What an application may do to the addon from JavaScript. Each in a process of its own, so that a crash is seen.

// `npm run arguments` does the same 100 000 times.
describe('arguments of every kind, several calls at a time', () => {
  it.each(['sdk', 'addon'] as const)(
    'crash nothing, hang nothing and damage nothing: %s',
    async (target) => {
      const result = await fuzzArguments({ seed: seed('MEMVID_ARGUMENTS_SEED', 1), calls: 800, target });
      expect(result.problems).toEqual([]);
      expect(result.calls).toBeGreaterThan(700);
      expect(result.done).toBeGreaterThan(100);
    },
    120_000,
  );
});

async function newFile(): Promise<string> {
  const file = join(scratch(), 'notes.mv2');
  const memory = await create(file);
  await memory.put({ text: 'the words that stay', embedding: [1, 0, 0] });
  await memory.close();
  return file;
}

async function expectSound(file: string): Promise<void> {
  await using memory = await open(file);
  expect((await memory.verify({ deep: true })).overall_status).toBe('passed');
  expect((await memory.find('stay')).total_hits).toBe(1);
  await memory.put({ text: 'goes on' });
  expectAlone(file);
}

describe('buffers', () => {
  it('that are shared, resized, detached or written to during a call are read once, or refused', async () => {
    const file = await newFile();
    const outcome = runProgram(
      `const memory = await sdk.open(file);
       const said = [];
       const note = async (what, call) => said.push(await call().then(() => [what, 'done'], (error) => [what, error.code]));
       const later = [queueMicrotask, setImmediate, (run) => run()];
       for (const when of later) {
         for (const change of ['resize', 'detach', 'overwrite']) {
           const buffer = new ArrayBuffer(12, { maxByteLength: 1 << 20 });
           const vector = new Float32Array(buffer);
           vector[0] = 1;
           const act = { resize: () => buffer.resize(0), detach: () => structuredClone(buffer, { transfer: [buffer] }), overwrite: () => vector.fill(NaN) }[change];
           const call = memory.put({ text: change + ' words', embedding: vector });
           when(act);
           await note(change, () => call);
           const again = new Float32Array([0, 1, 0]);
           const many = memory.putMany([{ title: 't', text: 'x', embedding: again }, { title: 't', text: 'y', embedding: again.slice() }]);
           when(() => structuredClone(again.buffer, { transfer: [again.buffer] }));
           await note('putMany', () => many);
           const asked = new Float32Array(new ArrayBuffer(12, { maxByteLength: 24 })).fill(1);
           const search = memory.find('words', { mode: 'sem', queryEmbedding: asked });
           when(() => asked.buffer.resize(0));
           await note('find', () => search);
         }
       }
       const shared = new Float32Array(new SharedArrayBuffer(12)).fill(1);
       await note('shared', () => memory.put({ text: 'shared words', embedding: shared }));
       await note('shared find', () => memory.find('words', { mode: 'sem', queryEmbedding: shared }));
       const { vector_count } = await memory.stats();
       const { hits } = await memory.find('words', { mode: 'sem', queryEmbedding: [1, 0, 0], k: 100 });
       await memory.close();
       console.log(JSON.stringify({ said, vector_count, finite: hits.every((hit) => Number.isFinite(hit.score)) }));`,
      file,
    ) as { said: [string, string][]; vector_count: number; finite: boolean };
    const allowed = new Set(['done', 'MV014', 'MV015', 'MV019']);
    expect(outcome.said.filter(([, code]) => !allowed.has(code))).toEqual([]);
    const stored = outcome.said.filter(([what, code]) => code === 'done' && !what.includes('find'));
    expect(outcome.vector_count).toBe(
      1 + stored.reduce((sum, [what]) => sum + (what === 'putMany' ? 2 : 1), 0),
    );
    expect(outcome.finite).toBe(true);
    await expectSound(file);
  });
});

describe('threads', () => {
  it('each with a handle of its own write one file, and those that are ended while busy leave it sound', async () => {
    const file = await newFile();
    const outcome = runProgram(
      `import { Worker } from 'node:worker_threads';
       const code = \`(async () => {
         const { parentPort, workerData } = require('node:worker_threads');
         const sdk = await import(${JSON.stringify(sdkEntry)});
         const memory = await sdk.open(workerData.file);
         for (let n = 0; workerData.most === undefined || n < workerData.most; n += 1) {
           if (n % 5 === 4) await memory.putMany(Array.from({ length: 20 }, (_, at) => ({ title: 't', text: 'batch ' + workerData.name + ' ' + n + ' ' + at })));
           else await memory.put({ text: 'thread ' + workerData.name + ' ' + n });
           void memory.find('thread');
           parentPort.postMessage(n);
         }
         await memory.close();
       })()\`;
       const start = (name, most) => new Worker(code, { eval: true, execArgv: [], workerData: { file, name, most } });
       const ended = (worker) => new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject));
       const whole = await Promise.all(['a', 'b', 'c'].map((name) => ended(start(name, 15))));
       let told = 0;
       for (let round = 0; round < 12; round += 1) {
         const worker = start('k' + round);
         let last = -1;
         worker.on('message', (n) => { last = n; });
         while (last < round % 4) await new Promise((resolve) => setTimeout(resolve, 1));
         await worker.terminate();
         for (let n = 0; n <= last; n += 1) told += n % 5 === 4 ? 20 : 1;
       }
       const memory = await sdk.open(file);
       const { active_frame_count } = await memory.stats();
       await memory.close();
       console.log(JSON.stringify({ whole, told, active_frame_count }));`,
      file,
      { timeout: 100_000 },
    ) as { whole: number[]; told: number; active_frame_count: number };
    expect(outcome.whole).toEqual([0, 0, 0]);
    expect(outcome.active_frame_count).toBeGreaterThanOrEqual(1 + 3 * (12 + 3 * 20) + outcome.told);
    await expectSound(file);
  }, 120_000);

  it.skipIf(process.platform === 'win32')(
    'may be the only ones that used the addon: it goes on to handle the signals that it handles',
    async () => {
      const file = await newFile();
      const code = program(
        `import { Worker } from 'node:worker_threads';
         const code = \`(async () => {
           const sdk = await import(${JSON.stringify(sdkEntry)});
           const memory = await sdk.open(require('node:worker_threads').workerData);
           await memory.find('stay');
           await memory.close();
         })()\`;
         const worker = new Worker(code, { eval: true, execArgv: [], workerData: file });
         await new Promise((resolve, reject) => worker.once('exit', resolve).once('error', reject));
         console.log('over');
         process.kill(process.pid, 'SIGBUS');
         setTimeout(() => {}, 10_000);`,
        file,
        null,
      );
      const run = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
        encoding: 'utf8',
        timeout: 60_000,
      });
      // A handler that is not there any more would be a SIGSEGV.
      expect({ printed: run.stdout, signal: run.signal }).toEqual({ printed: 'over\n', signal: 'SIGBUS' });
    },
  );
});

/** Ways a program ends with something under way, and the status it ends with. */
const ENDS: Record<string, { code: string; status: number }> = {
  'process.exit during writes': {
    code: `void memory.putMany(many); void memory.put({ text: 'x' }); setTimeout(() => process.exit(7), input.delay);`,
    status: 7,
  },
  'process.exit during a close': {
    code: `await memory.putMany(many); void memory.close(); setImmediate(() => process.exit(7));`,
    status: 7,
  },
  'an exception nobody catches during writes': {
    code: `void memory.putMany(many).catch(() => undefined); setTimeout(() => { throw new Error('uncaught'); }, input.delay);`,
    status: 1,
  },
  'process.exit during a search and a check': {
    code: `await memory.putMany(many); void memory.find('words'); void memory.verify({ deep: true }); process.exit(7);`,
    status: 7,
  },
  'process.exit while vectors are made': {
    code: `void memory.reembed({ embedder: new sdk.HashEmbeddings({ dimension: 64 }) }).catch(() => undefined); setTimeout(() => process.exit(7), input.delay);`,
    status: 7,
  },
  'nothing more to do, and no close': { code: `await memory.put({ text: 'x' });`, status: 0 },
  'a write in beforeExit': {
    code: `let isFirst = true; process.on('beforeExit', () => { if (!isFirst) return; isFirst = false; void memory.put({ text: 'x' }).then(() => memory.close()); });`,
    status: 0,
  },
  'a write in exit, which comes too late': {
    code: `process.on('exit', () => { void memory.put({ text: 'x' }).catch(() => undefined); });`,
    status: 0,
  },
};

describe('a process that ends', () => {
  it.each(Object.entries(ENDS))(
    'by %s ends as it was told, and the memory is sound',
    async (_, { code, status }) => {
      const file = await newFile();
      for (const wait of [0, 3, 12]) {
        const run = spawnSync(
          process.execPath,
          [
            '--input-type=module',
            '-e',
            program(
              `const memory = await sdk.open(file);
             const many = Array.from({ length: 3000 }, (_, n) => ({ title: 't', text: 'many words ' + n }));
             ${code}`,
              file,
              { delay: wait },
            ),
          ],
          { encoding: 'utf8', timeout: 60_000 },
        );
        expect({ status: run.status, signal: run.signal }).toEqual({ status, signal: null });
        expectAlone(file);
        if (!code.includes('delay')) break;
      }
      await expectSound(file);
    },
  );
});

describe('handles', () => {
  it('that are forgotten without close give back what they hold, and lose nothing', async () => {
    const file = await newFile();
    const outcome = runProgram(
      `import { readdirSync } from 'node:fs';
       const open = () => (process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0);
       const collect = async () => { for (let n = 0; n < 5; n += 1) { gc(); await new Promise((resolve) => setTimeout(resolve, 20)); } };
       await (await sdk.open(file)).stats();
       const ids = [];
       await collect();
       const before = open();
       for (let n = 0; n < 300; n += 1) {
         const memory = await sdk.open(file);
         if (n % 3 === 0) ids.push(await memory.put({ text: 'forgotten ' + n }));
         else await memory.find('words');
         if (n % 50 === 49) await collect();
       }
       // What a writer has still to write keeps its handle, for as long as the disk takes.
       for (const end = Date.now() + 20_000; open() - before >= 30 && Date.now() < end;) await collect();
       console.log(JSON.stringify({ ids: new Set(ids).size, more: open() - before }));`,
      file,
      { flags: ['--expose-gc'], timeout: 100_000 },
    ) as { ids: number; more: number };
    expect(outcome.ids).toBe(100);
    expect(outcome.more).toBeLessThan(30);
    await using memory = await open(file);
    expect((await memory.find('forgotten', { k: 1 })).total_hits).toBe(100);
    await memory.close();
    await expectSound(file);
  }, 120_000);

  it.skipIf(leftOut('a limit on open files', process.platform === 'win32' ? 'Windows has none' : undefined))(
    'by the thousand are refused when no more files may be opened, and work again when some are closed',
    async () => {
      const file = await newFile();
      const code = `
        const handles = [], failures = new Set();
        for (let n = 0; n < 3000 && failures.size === 0; n += 1) {
          await sdk.open(file).then((memory) => handles.push(memory), (error) => failures.add([error.name, error.code, error.details.reason].join(' ')));
        }
        // Those that are open go on reading.
        const found = (await handles[0].find('words')).total_hits;
        for (const call of [() => handles[1].put({ text: 'x' }), () => sdk.create(file + '.other'), () => sdk.lock(file, { password: 'p' })]) {
          await call().catch((error) => failures.add([error.name, error.code, error.details.reason].join(' ')));
        }
        const count = handles.length;
        for (const memory of handles.splice(10)) await memory.close();
        const id = await handles[2].put({ text: 'with room again' });
        for (const memory of handles) await memory.close();
        console.log(JSON.stringify({ failures: [...failures], found, count, id }));
      `;
      const run = spawnSync(
        'sh',
        [
          '-c',
          `ulimit -n 200; exec "$0" --input-type=module -e "$1"`,
          process.execPath,
          program(code, file, null),
        ],
        { encoding: 'utf8', timeout: 100_000 },
      );
      const outcome = JSON.parse(run.stdout || JSON.stringify(run.stderr)) as Record<string, unknown>;
      expect(outcome).toMatchObject({ failures: ['UnsupportedOperationError MV018 descriptors'], found: 1 });
      expect(outcome['count']).toBeGreaterThan(50);
      await expectSound(file);
    },
    120_000,
  );

  it('by the thousand are opened and closed in one process', async () => {
    const file = await newFile();
    const outcome = runProgram(
      `const handles = await Promise.all(Array.from({ length: 1000 }, () => sdk.open(file, { readOnly: true })));
       let found = 0;
       for (const memory of handles) found += (await memory.find('words')).total_hits;
       await Promise.all(handles.map((memory) => memory.close()));
       console.log(JSON.stringify({ found }));`,
      file,
      { timeout: 100_000 },
    );
    expect(outcome).toEqual({ found: 1000 });
    await expectSound(file);
  }, 120_000);
});
