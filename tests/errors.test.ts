import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import * as sdk from '@memvid/sdk';
import * as compat from '@memvid/sdk/compat';
import { embedderOf } from './reliability/documents.ts';
import { paper } from './support/places.ts';
import { leftOut, scratch } from './support/workspace.ts';

// The table of the error contract, row by row, through the built packages: what raises it, its class and code, what its
// message names, what its suggestion says, and that the handle it came from goes on working.

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

interface Scene {
  /** Holds the document "the good words". */
  readonly memory: sdk.Memvid;
  readonly file: string;
  /** With `a.md`, `junk.pdf`, `junk.mv2` (no memory), `folder/`. */
  readonly folder: string;
  /** Opens the file of `memory` again; closed at the end. */
  open(options: sdk.OpenOptions): Promise<sdk.Memvid>;
}

interface Row {
  readonly code: string;
  readonly className: string;
  readonly what: string;
  /** Does what has to fail; the handle it was called on, where it is not `memory`, goes into `on`. */
  readonly call: (scene: Scene, on: (memory: sdk.Memvid) => sdk.Memvid) => Promise<unknown>;
  /** What the message has to name. */
  readonly names: readonly (string | RegExp | ((scene: Scene) => string))[];
  /** The token of the table. */
  readonly suggests: RegExp;
  /** Keys that `details` has to have. */
  readonly details?: readonly string[];
  readonly missing?: boolean;
}

const wrong = (value: unknown): never => value as never;
const noise = (length: number): string =>
  Array.from({ length }, (_, n) => String.fromCodePoint(0x4e00 + ((n * 7919) % 20_000))).join('');
const noFlock = leftOut(
  'MV007 by a lock from outside',
  spawnSync('flock', ['-F', '/dev/null', 'true']).status === 0
    ? undefined
    : 'the program flock of util-linux is not installed',
);

async function held(file: string): Promise<void> {
  const holder = spawn('flock', ['-F', '-x', file, 'sh', '-c', 'echo held; exec sleep 30'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(holder);
  await once(holder.stdout, 'data');
}

const ROWS: readonly Row[] = [
  {
    code: 'MV001',
    className: 'CapacityExceededError',
    what: 'a write past the limit that was set',
    async call(scene, on) {
      const memory = on(await scene.open({ capacityBytes: 400_000 }));
      await memory.put({ text: noise(300_000) });
    },
    names: ['400000', /\d{6}.*\d{6}/s],
    suggests: /capacityBytes.*remove.*doctor\(\{ vacuum: true \}\)/s,
    details: ['limit', 'required'],
  },
  {
    code: 'MV002',
    className: 'TicketInvalidError',
    what: 'a ticket',
    call: ({ memory }) => memory.applyTicket('{}'),
    names: ['ticket'],
    suggests: /not needed here/,
  },
  {
    code: 'MV004',
    className: 'LexIndexDisabledError',
    what: 'a search by words with enableLex: false',
    async call(scene, on) {
      const path = join(scene.folder, 'wordless.mv2');
      const memory = on(await sdk.create(path, { enableLex: false }));
      await memory.put({ text: 'the good words' });
      await memory.find('words');
    },
    names: [/lexical index/i],
    suggests: /enableLex\(\).*enableLex: true.*rebuildLexIndex: true/s,
  },
  {
    code: 'MV007',
    className: 'LockedError',
    what: 'a write while another process writes',
    async call(scene, on) {
      const memory = on(await scene.open({ lockTimeoutMs: 60 }));
      await held(scene.file);
      await memory.put({ text: 'too early' }).finally(async () => {
        const [holder] = children;
        holder?.kill('SIGKILL');
        if (holder !== undefined) await once(holder, 'close');
      });
    },
    names: [({ file }) => file, /\d+ ms/],
    suggests: /lockTimeoutMs.*lockWho\(path\).*force: "stale_only"/s,
    details: ['path', 'waited_ms', 'stale'],
    missing: noFlock,
  },
  {
    code: 'MV008',
    className: 'ApiKeyRequiredError',
    what: 'a memvid key that is none',
    call: ({ folder }) => sdk.create(join(folder, 'x.mv2'), { memvidApiKey: 'abc' }),
    names: ['memvidApiKey'],
    suggests: /Local files need no key/,
    details: ['setting'],
  },
  {
    code: 'MV010',
    className: 'FrameNotFoundError',
    what: 'a frame id that is not there',
    call: ({ memory }) => memory.view(99),
    names: ['99'],
    suggests: /timeline\(\)/,
    details: ['frame_id'],
  },
  {
    code: 'MV010',
    className: 'FrameNotFoundError',
    what: 'a removed frame',
    async call({ memory }) {
      const id = await memory.put({ text: 'short-lived' });
      await memory.remove(id);
      await memory.view(id);
    },
    names: ['1'],
    suggests: /timeline\(\)/,
    details: ['frame_id'],
  },
  {
    code: 'MV010',
    className: 'FrameNotFoundError',
    what: 'a uri that is not there',
    call: ({ memory }) => memory.viewByUri('mv2://nobody'),
    names: ['mv2://nobody'],
    suggests: /timeline\(\)/,
    details: ['uri'],
  },
  {
    code: 'MV011',
    className: 'VecIndexDisabledError',
    what: 'a vector with enableVec: false',
    async call(scene, on) {
      const memory = on(await scene.open({ enableVec: false }));
      await memory.put({ text: 'x', embedding: [1, 0] });
    },
    names: ['enableVec'],
    suggests: /enableVec: true/,
  },
  {
    code: 'MV011',
    className: 'VecIndexDisabledError',
    what: 'a search by meaning in a file without vectors',
    call: ({ memory }) => memory.find('words', { mode: 'sem', queryEmbedding: [1, 0] }),
    names: ['no vectors stored yet'],
    suggests: /embedder.*enableEmbedding/s,
  },
  {
    code: 'MV012',
    className: 'CorruptFileError',
    what: 'a file that is no memory',
    call: ({ folder }) => sdk.open(join(folder, 'junk.mv2')),
    names: [({ folder }) => join(folder, 'junk.mv2')],
    suggests: /doctor\(path\)/,
    details: ['section', 'offset'],
  },
  {
    code: 'MV012',
    className: 'CorruptFileError',
    what: 'an empty file',
    async call({ folder }) {
      writeFileSync(join(folder, 'empty.mv2'), '');
      await sdk.open(join(folder, 'empty.mv2'));
    },
    names: ['empty.mv2'],
    suggests: /doctor\(path\)/,
    details: ['section', 'offset'],
  },
  {
    code: 'MV012',
    className: 'CorruptFileError',
    what: 'a payload that was changed',
    async call(scene, on) {
      const path = join(scene.folder, 'flipped.mv2');
      const made = await sdk.create(path);
      // What does not compress stands in the file as it is.
      const bytes = Buffer.from(Array.from({ length: 4000 }, (_, n) => (n * 7919 + (n >> 3)) % 251));
      writeFileSync(join(scene.folder, 'picture.bin'), bytes);
      await made.put({ text: 'the good words' });
      const id = await made.put({ file: join(scene.folder, 'picture.bin'), searchText: 'a picture' });
      await made.close();
      const content = readFileSync(path);
      // The log may hold an older copy, which nobody reads.
      const at = content.lastIndexOf(bytes.subarray(100, 164));
      expect(at).toBeGreaterThan(0);
      content[at] = (content[at] ?? 0) ^ 1;
      writeFileSync(path, content);
      const memory = on(await sdk.open(path));
      await memory.extractAsset(id);
    },
    names: ['flipped.mv2', /payload/],
    suggests: /doctor\(path\)/,
    details: ['section', 'offset'],
  },
  {
    code: 'MV012',
    className: 'CorruptFileError',
    what: 'side files beside the memory',
    async call({ file }) {
      writeFileSync(`${file}-wal`, 'x');
      await sdk.verifySingleFile(file);
    },
    names: [({ file }) => `${file}-wal`],
    suggests: /[Dd]elete.*offenders.*check/s,
    details: ['offenders'],
  },
  {
    code: 'MV013',
    className: 'FileNotFoundError',
    what: 'a memory that is missing',
    call: ({ folder }) => sdk.open(join(folder, 'none.mv2')),
    names: [({ folder }) => join(folder, 'none.mv2')],
    suggests: /create\(path\).*mode: "auto"/s,
    details: ['path'],
  },
  {
    code: 'MV013',
    className: 'FileNotFoundError',
    what: 'an input that is missing',
    call: ({ memory, folder }) => memory.put({ file: join(folder, 'none.txt') }),
    names: ['none.txt'],
    suggests: /path/,
    details: ['path'],
  },
  {
    code: 'MV013',
    className: 'FileNotFoundError',
    what: 'a folder that is missing',
    call: ({ folder }) => sdk.create(join(folder, 'nowhere', 'x.mv2')),
    names: ['nowhere'],
    suggests: /folder/,
    details: ['path'],
  },
  {
    code: 'MV013',
    className: 'FileNotFoundError',
    what: 'a memory to be repaired that is missing',
    call: ({ folder }) => sdk.doctorMemvid(join(folder, 'none.mv2')),
    names: [({ folder }) => join(folder, 'none.mv2')],
    suggests: /Correct the path/,
    details: ['path'],
  },
  {
    code: 'MV013',
    className: 'FileNotFoundError',
    what: 'a folder for a capsule that is missing',
    call: ({ file, folder }) => sdk.lock(file, { password: 'p', output: join(folder, 'nowhere', 'x.mv2e') }),
    names: ['nowhere'],
    suggests: /Make the folder/,
    details: ['path'],
  },
  {
    code: 'MV014',
    className: 'VecDimensionMismatchError',
    what: 'a document with a vector of another size',
    async call({ memory }) {
      await memory.put({ text: 'a', embedding: [1, 0, 0] });
      await memory.put({ text: 'b', embedding: [1, 0] });
    },
    names: [/dimension mismatch/i, '3', '2'],
    suggests: /embedding_identity/,
    details: ['expected', 'actual'],
  },
  {
    code: 'MV014',
    className: 'VecDimensionMismatchError',
    what: 'a question with a vector of another size',
    async call({ memory }) {
      await memory.put({ text: 'a', embedding: [1, 0, 0] });
      await memory.find('a', { mode: 'sem', queryEmbedding: [1, 0] });
    },
    names: [/dimension mismatch/i, '3', '2'],
    suggests: /embedding_identity/,
    details: ['expected', 'actual'],
  },
  {
    code: 'MV015',
    className: 'EmbeddingFailedError',
    what: 'a model that nobody brings',
    call: ({ memory }) => memory.put({ text: 'a', enableEmbedding: true, embeddingModel: 'bge-small' }),
    names: ['bge-small'],
    suggests: /npm install @memvid\/embed-local/,
    details: ['reason', 'model'],
  },
  {
    code: 'MV015',
    className: 'EmbeddingFailedError',
    what: 'a provider that fails',
    call: ({ memory }) =>
      memory.put({
        text: 'a',
        embedder: {
          ...embedderOf('first'),
          embed: () => Promise.reject(new Error('the model is out of order')),
        },
      }),
    names: ['reliability', 'the model is out of order'],
    suggests: /cause/,
    details: ['provider', 'model', 'reason'],
  },
  {
    code: 'MV015',
    className: 'EmbeddingFailedError',
    what: 'a vector that is not finite',
    call: ({ memory }) => memory.put({ text: 'a', embedding: [1, Number.NaN] }),
    names: ['NaN'],
    suggests: /finite/,
    details: ['reason'],
  },
  {
    code: 'MV015',
    className: 'EmbeddingFailedError',
    what: 'a search by meaning whose model is not known',
    async call({ memory }) {
      await memory.put({ text: 'a', embedding: [1, 0, 0] });
      await memory.find('a', { mode: 'sem' });
    },
    names: [/model/],
    suggests: /queryEmbedding/,
    details: ['reason'],
  },
  {
    code: 'MV016',
    className: 'EncryptionError',
    what: 'an empty password',
    call: ({ file }) => sdk.lock(file, { password: '' }),
    names: ['password', ({ file }) => file],
    suggests: /password/,
    details: ['reason', 'path'],
  },
  {
    code: 'MV016',
    className: 'EncryptionError',
    what: 'a wrong password',
    async call({ file, folder }) {
      const capsule = await sdk.lock(file, { password: 'right' });
      await sdk.unlock(capsule, { password: 'wrong', output: join(folder, 'out.mv2') });
    },
    names: [/password/],
    suggests: /password/,
    details: ['reason', 'path'],
  },
  {
    code: 'MV016',
    className: 'EncryptionError',
    what: 'an output that exists',
    call: ({ file, folder }) => sdk.lock(file, { password: 'p', output: join(folder, 'a.md') }),
    names: [/already exists/i, 'a.md'],
    suggests: /force: true/,
    details: ['reason', 'path'],
  },
  {
    code: 'MV016',
    className: 'EncryptionError',
    what: 'what is no capsule',
    call: ({ folder }) =>
      sdk.unlock(join(folder, 'a.md'), { password: 'p', output: join(folder, 'out.mv2') }),
    names: ['a.md', /capsule/],
    suggests: /lock\(path/,
    details: ['reason', 'path'],
  },
  {
    code: 'MV016',
    className: 'EncryptionError',
    what: 'a capsule that is opened as a memory',
    async call({ file }) {
      await sdk.open(await sdk.lock(file, { password: 'p' }));
    },
    names: [/encrypted/i],
    suggests: /unlock\(/,
    details: ['reason'],
  },
  {
    code: 'MV016',
    className: 'ClipDisabledError',
    // Without its plugin: tests/pictures.test.ts, because here every package of the workspace is found.
    what: 'CLIP without its model',
    call: () => compat.getClipProvider('local', { directory: 'no-models' }).embedText('a cat'),
    names: ['mobileclip-s2', 'vision_model.onnx', 'no-models'],
    suggests: /installModel\('mobileclip-s2'\).*MEMVID_MODELS_DIR/s,
    details: ['reason', 'model', 'directory'],
  },
  {
    code: 'MV017',
    className: 'NerModelUnavailableError',
    // Without their plugin: tests/entities.test.ts, because here every package of the workspace is found.
    what: 'entities without their model',
    call: () =>
      compat.getEntityExtractor('local', { directory: 'no-models' }).extract('Ann lives in Seattle.'),
    names: ['distilbert-ner', 'model.onnx', 'no-models'],
    suggests: /installModel\('distilbert-ner'\).*MEMVID_MODELS_DIR.*npm install @memvid\/ner/s,
    details: ['model', 'searched', 'directory'],
  },
  ...(['put', 'putMany', 'remove', 'update', 'correct', 'reembed'] as const).map((operation): Row => ({
    code: 'MV018',
    className: 'ReadOnlyError',
    what: `${operation} on a handle that only reads`,
    async call(scene, on) {
      const memory = on(await scene.open({ readOnly: true }));
      const calls: Record<typeof operation, () => Promise<unknown>> = {
        put: () => memory.put({ text: 'x' }),
        putMany: () => memory.putMany([{ title: 't', text: 'x' }]),
        remove: () => memory.remove(0),
        update: () => memory.update(0, { text: 'x' }),
        correct: () => memory.correct('x'),
        reembed: () => memory.reembed({ embedder: embedderOf('first') }),
      };
      await calls[operation]();
    },
    names: [/readOnly/],
    suggests: /without `readOnly`/,
  })),
  {
    code: 'MV018',
    className: 'ClosedHandleError',
    what: 'a call after close()',
    async call(scene) {
      const memory = await scene.open({});
      await memory.close();
      await memory.find('words');
    },
    names: ['find', ({ file }) => file, 'close'],
    suggests: /open\(path\)/,
    details: ['operation'],
  },
  {
    code: 'MV018',
    className: 'PluginMissingError',
    what: 'a document that needs a plugin',
    call: ({ memory, folder }) => memory.putFile(join(folder, 'junk.pdf')),
    names: ['junk.pdf', '@memvid/documents'],
    suggests: /npm install @memvid\/documents/,
    details: ['operation', 'package'],
  },
  {
    code: 'MV018',
    className: 'ModelUnsupportedError',
    what: 'a language model that nobody knows',
    call: ({ memory }) => memory.ask('which words?', { model: 'nobody' }),
    names: ["unsupported model 'nobody'"],
    suggests: /contextOnly: true/,
  },
  {
    code: 'MV019',
    className: 'InvalidInputError',
    what: 'an argument of the wrong type',
    call: ({ memory }) => memory.put({ text: wrong(42) }),
    names: ['text', '42', 'string'],
    suggests: /string.*text/s,
    details: ['argument', 'received', 'expected'],
  },
  {
    code: 'MV019',
    className: 'InvalidInputError',
    what: 'an option out of range',
    call: ({ memory }) => memory.find('words', { k: 0 }),
    names: ['k', '0', /at least 1|from 1/],
    suggests: /`k`/,
    details: ['argument', 'received', 'expected'],
  },
  {
    code: 'MV019',
    className: 'InvalidInputError',
    what: 'a folder where a file is meant',
    call: ({ folder }) => sdk.open(join(folder, 'folder')),
    names: ['folder'],
    suggests: /path of a file/,
    details: ['argument', 'received', 'expected'],
  },
  {
    code: 'MV999',
    className: 'MemvidError',
    what: 'a fault of the library',
    call: () => Promise.reject(sdk.MemvidError.fromNative(new Error('the index is out of bounds'))),
    names: ['the index is out of bounds'],
    suggests: /report it.*info\(\)/s,
  },
];

async function setUp(): Promise<Scene & { readonly opened: sdk.Memvid[] }> {
  const folder = scratch();
  const file = join(scratch(), 'notes.mv2');
  writeFileSync(join(folder, 'junk.pdf'), Buffer.alloc(5000, 3));
  writeFileSync(join(folder, 'junk.mv2'), Buffer.alloc(5000, 3));
  writeFileSync(join(folder, 'a.md'), 'plain text');
  mkdirSync(join(folder, 'folder'));
  const memory = await sdk.create(file);
  await memory.put({ text: 'the good words' });
  const opened = [memory];
  return {
    memory,
    file,
    folder,
    opened,
    async open(options) {
      const handle = await sdk.open(file, options);
      opened.push(handle);
      return handle;
    },
  };
}

describe('the error contract', () => {
  it.each(ROWS.map((row) => ({ ...row, title: `${row.code} ${row.className}: ${row.what}` })))(
    '$title',
    async (row) => {
      if (row.missing === true) return;
      const { code, className, call, names, suggests, details = [] } = row;
      const here = await setUp();
      let on = here.memory;
      const error = await call(here, (handle) => {
        on = handle;
        here.opened.push(handle);
        return handle;
      }).then(
        (result) => expect.unreachable(`it was carried out: ${JSON.stringify(result)}`),
        (thrown: unknown) => thrown as sdk.MemvidError,
      );

      expect(error).toBeInstanceOf(sdk.MemvidError);
      expect(error).toBeInstanceOf((sdk as unknown as Record<string, typeof sdk.MemvidError>)[className]);
      expect(error.constructor.name).toBe(className);
      expect({ name: error.name, code: error.code }).toEqual({ name: className, code });
      for (const name of names) {
        const wanted = typeof name === 'function' ? name(here) : name;
        if (wanted instanceof RegExp) expect(error.message).toMatch(wanted);
        else expect(error.message).toContain(wanted);
      }
      expect(error.suggestion).toMatch(suggests);
      expect(Object.keys(error.details ?? {})).toEqual(expect.arrayContaining([...details]));
      expect(error.formattedMessage).toBe(`[${code}] ${error.message}\n\nSuggestion: ${error.suggestion}`);
      const again = JSON.parse(JSON.stringify(error)) as Record<string, unknown>;
      expect(again).toEqual({
        code,
        message: error.message,
        ...(error.details === undefined ? {} : { details: JSON.parse(JSON.stringify(error.details)) }),
      });

      // What was asked next, of the same handle, is answered.
      expect(await findGood(on)).toContain('the good words');
      for (const handle of here.opened) await handle.close();
    },
  );

  it.skipIf(leftOut('MV005 by files without a time index', paper('fixtures/mv2').missing))(
    'MV005 TimeIndexMissingError is never needed: an index of time that is missing or unreadable is made anew',
    async () => {
      for (const name of ['hand-no-time-index.mv2', 'bad-time-index-magic.mv2']) {
        const file = join(scratch(), name);
        copyFileSync(join(paper('fixtures/mv2').path, name), file);
        const memory = await sdk.open(file);
        const entries = await memory.timeline();
        expect(entries.length).toBeGreaterThan(0);
        expect(entries.map(({ timestamp }) => timestamp)).toEqual(
          entries.map(({ timestamp }) => timestamp).toSorted((left, right) => left - right),
        );
        await memory.close();
      }
      expect(sdk.getErrorSuggestion('MV005')).toContain('doctor({ rebuildTimeIndex: true })');
      expect(new sdk.TimeIndexMissingError('the time index').code).toBe('MV005');
    },
  );

  it('MV006 VerificationFailedError has its suggestion; checks that fail are told by the report of verify', async () => {
    const here = await setUp();
    await here.memory.close();
    expect((await sdk.verifyMemvid(here.file, { deep: true })).overall_status).toBe('passed');
    const suggestion = sdk.getErrorSuggestion('MV006');
    expect(suggestion).toContain('verify({ deep: true })');
    expect(suggestion).toContain('doctor()');
    const error = new sdk.VerificationFailedError('LexIndexDecode failed', { details: { checks: [] } });
    expect(error.code).toBe('MV006');
  });

  const contract = paper('contract/errors.md');
  it.skipIf(leftOut('the rows of the contract', contract.missing))(
    'has a test for every row marked ● or ○',
    () => {
      const tested = new Set([
        ...ROWS.map(({ code, className }) => `${code} ${className}`),
        'MV005 TimeIndexMissingError',
        'MV006 VerificationFailedError',
        // The row names the class and its subclasses.
        'MV018 UnsupportedOperationError',
      ]);
      const rows = readFileSync(contract.path, 'utf8')
        .split('\n')
        .map((line) => line.split('|').map((cell) => cell.trim()))
        .filter((cells) => /^MV\d{3}$/.test(cells[1] ?? '') && /[●○]/.test(cells[7] ?? ''))
        .map((cells) => `${cells[1]} ${/`(\w+)`/.exec(cells[2] ?? '')?.[1]}`);
      expect(rows.length).toBeGreaterThan(14);
      expect(rows.filter((row) => !tested.has(row))).toEqual([]);
    },
  );
});

/** A search by words, or what a handle without words can tell. */
async function findGood(memory: sdk.Memvid): Promise<string> {
  try {
    const { hits } = await memory.find('good words');
    return hits[0]?.text ?? '';
  } catch (error) {
    if (!(error instanceof sdk.LexIndexDisabledError)) throw error;
    return memory.view(0);
  }
}
