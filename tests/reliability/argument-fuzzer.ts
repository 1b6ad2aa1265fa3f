/**
 * Calls the whole public API, or the addon behind it, with arguments that no type allows, several calls at a time, on
 * handles that are open, closing and closed. Its argument is a `FuzzTask` as JSON; prints a `FuzzResult`. A process of its
 * own, so that a crash is seen.
 */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadNative } from '@memvid/core';
import * as sdk from '@memvid/sdk';
import { randomNumbers } from '../support/random.ts';
import { fieldsInOrder } from '../../packages/sdk/src/native-fields.ts';

export interface FuzzTask {
  readonly seed: number;
  readonly calls: number;
  /** A folder of its own. */
  readonly folder: string;
  readonly target: 'sdk' | 'addon';
}

export interface FuzzResult {
  calls: number;
  done: number;
  /** Failures by code. */
  refused: Record<string, number>;
  problems: string[];
}

type Call = (...values: never[]) => unknown;

const task = JSON.parse(process.argv[2] ?? '') as FuzzTask;
const random = randomNumbers(task.seed);
const below = (limit: number): number => Math.floor(random() * limit);
const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;
const result: FuzzResult = { calls: 0, done: 0, refused: {}, problems: [] };
let doing = '';

for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    result.problems.push(`${event} around ${doing}: ${error instanceof Error ? error.stack : String(error)}`);
  });
}

const file = join(task.folder, 'notes.mv2');
let current = await sdk.create(file);
await current.put({ text: 'the words that stay', embedding: [1, 0, 0] });
writeFileSync(join(task.folder, 'a.md'), 'plain text');
mkdirSync(join(task.folder, 'inner'));
/** What values with code of their own do when they are read. */
const MISCHIEF: readonly (() => unknown)[] = [
  () => {
    throw new Error('boom');
  },
  () => {
    void current.close().catch(() => undefined);
    return 'x';
  },
  () => {
    void current.put({ text: 'from inside a getter' }).catch(() => undefined);
    return 1;
  },
  () => new Promise(() => undefined),
];

/** Resizable buffers are younger than the library the types are checked with. */
type ResizableBuffers = new (
  length: number,
  options: { maxByteLength: number },
) => ArrayBuffer & { resize(length: number): void };

function detached(): Float32Array {
  const vector = new Float32Array([1, 0, 0]);
  structuredClone(vector.buffer, { transfer: [vector.buffer] });
  return vector;
}

/** A vector whose buffer shrinks, grows or goes away a little later. */
function unsteady(): Float32Array {
  const buffer = new (ArrayBuffer as unknown as ResizableBuffers)(12, { maxByteLength: 1 << 20 });
  const vector = new Float32Array(buffer);
  vector[0] = 1;
  const change = pick([
    () => buffer.resize(0),
    () => buffer.resize(1 << 20),
    () => structuredClone(buffer, { transfer: [buffer] }),
  ]);
  if (below(2) === 0) queueMicrotask(change);
  else setImmediate(change);
  return vector;
}

/** What makes an object awaited. */
const THEN = ['t', 'hen'].join('');
const SIMPLE: readonly (() => unknown)[] = [
  () => undefined,
  () => null,
  () => true,
  () => below(4),
  () => -1,
  () => 0.5,
  () => Number.NaN,
  () => Infinity,
  () => 2 ** 53,
  () => 1e308,
  () => 10n,
  () => 2n ** 70n,
  () => '',
  () => ' ',
  () => '0',
  () => 'words',
  () => '\0',
  () => '\u{d800}',
  () => 'x'.repeat(1 << below(21)),
  () => '("AND:*^~)'.repeat(1 + below(50)),
  () => Symbol('s'),
  () => () => 1,
  () => new Date(Number.NaN),
  () => new Date(),
  () => [],
  () => [undefined],
  () => Array.from({ length: 1 + below(40) }, () => below(100)),
  () => [1, 0, 0],
  () => Float32Array.of(1, 0, 0),
  () => Float32Array.of(Number.NaN, 0, 0),
  () => new Float32Array(0),
  () => new Float64Array(3),
  () => new Float32Array(new SharedArrayBuffer(12)),
  () => new Uint8Array(new SharedArrayBuffer(8)),
  detached,
  unsteady,
  () => new ArrayBuffer(8),
  () => new DataView(new ArrayBuffer(4)),
  () => Buffer.from('bytes'),
  () => new Map([['a', 1]]),
  () => new Set([1]),
  () => Object.create(null) as unknown,
  () => /x/,
  () => new Error('an error'),
  () => Promise.reject(new Error('rejected')).catch(() => undefined),
  () => new Proxy({}, { get: pick(MISCHIEF), has: () => true, ownKeys: () => ['text'] }),
  () => Proxy.revocable({}, {}).proxy,
  () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  },
  () => ({
    [Symbol.iterator]: pick(MISCHIEF),
  }),
  () => Object.defineProperty({}, THEN, { get: pick(MISCHIEF) }),
  () => ({ toString: pick(MISCHIEF), valueOf: pick(MISCHIEF) }),
  () => file,
  () => join(task.folder, pick(['a.md', 'inner', 'none.mv2', 'none/x', 'x.mv2'])),
  () => new AbortController().signal,
  () => AbortSignal.abort(),
];
/** Names of options and fields, of every call. */
const NAMES =
  'text file title label labels tags metadata uri kind track searchText timestamp embedding embeddingIdentity embedder enableEmbedding embeddingModel autoTag extractDates enableEnrichment vectorCompression dedupe mode k snippetChars scope cursor queryEmbedding queryEmbeddingModel adaptive minRelevancy maxK adaptiveStrategy asOfFrame asOfTs aclContext aclEnforcementMode where since until limit reverse contextOnly model modelApiKey returnSources showChunks maskPii llmContextChars fusion recall explain semanticWeight compressionLevel embeddings onError onProgress batchSize signal onAbort deep password output force forceWritable lockTimeoutMs readOnly capacityBytes enableLex enableVec plugins topics source boost chunkSize extensions all dryRun rebuildTimeIndex rebuildLexIndex rebuildVecIndex vacuum quiet versions ids provider dimension normalized spec maxBatch embed a $in $gt $and $or $not $exists'
    .split(' ')
    // The handle has to be found again, and the disk is not to be filled.
    .filter((name) => name !== 'mode' || task.target === 'sdk');

/** A language model that keeps its contract, or not: in its members, in what it gives, and when. */
function languageModel(): unknown {
  const part = (): unknown =>
    pick<() => unknown>([
      () => ({ type: 'text', text: pick(['words [1]', ' [9', '] and [', 'NO ANSWER]', '`a[0]`', '']) }),
      () => ({ type: 'finish', finishReason: pick(['stop', 'length', 'filtered', undefined, 'none']) }),
      () => ({ type: pick(['text', 'finish', 'other']), text: value(1), usage: value(2) }),
      () => value(2),
    ])();
  const model: Record<string, unknown> = {
    spec: 'language-model/v1',
    provider: 'acme',
    model: 'words',
    maxRetries: 0,
    timeoutMs: 50,
    generate: pick<unknown>([
      async () => ({ text: 'words [1] [9].', finishReason: 'stop', usage: { totalTokens: 3 } }),
      async () => part(),
      () => new Promise(() => undefined),
      pick(MISCHIEF),
    ]),
    stream: pick<unknown>([
      undefined,
      async function* stream() {
        for (let more = below(8); more > 0; more -= 1) yield part();
        if (below(4) > 0) yield { type: 'finish' };
      },
      async function* silent() {
        yield part();
        await new Promise(() => undefined);
      },
      () => value(2),
      pick(MISCHIEF),
    ]),
  };
  if (below(4) === 0) {
    model['assertReady'] = pick<unknown>([() => undefined, async () => value(1), pick(MISCHIEF)]);
  }
  if (below(4) === 0) {
    model[pick(['spec', 'provider', 'model', 'stream'])] = value(2);
    // With all the time there is, or all the tries, it would be waited for as it asks.
    model[pick(['timeoutMs', 'maxRetries'])] = pick([0, -1, Number.NaN, '50', {}]);
  }
  return model;
}

function plausible(name: string): unknown {
  switch (name) {
    case 'text':
    case 'title':
    case 'searchText':
    case 'query':
      return pick(['words that stay', 'other words', 'ünïcödé 日本語', 'x '.repeat(3000)]);
    case 'mode':
      return pick(['lex', 'sem', 'auto', 'open', 'create', 'auto']);
    case 'k':
    case 'limit':
    case 'batchSize':
      return 1 + below(20);
    case 'embedding':
    case 'queryEmbedding':
      return pick([[1, 0, 0], Float32Array.of(0, 1, 0), detached(), unsteady()]);
    case 'model':
      return below(4) === 0 ? value(2) : languageModel();
    case 'where':
      return { a: value(2) };
    case 'output':
      return join(task.folder, 'inner', `out${below(3)}`);
    default:
      return value(2);
  }
}

function value(depth: number): unknown {
  const dice = below(10);
  if (depth > 0 && dice < 4) {
    const names = Array.from({ length: 1 + below(4) }, () => pick(NAMES));
    const entries = names.map((name) => [name, below(3) === 0 ? value(depth - 1) : plausible(name)] as const);
    const object: Record<string, unknown> = Object.fromEntries(entries);
    if (below(8) === 0) {
      Object.defineProperty(object, pick(NAMES), { enumerable: true, get: pick(MISCHIEF) });
    }
    return object;
  }
  if (depth > 0 && dice === 4) return Array.from({ length: below(5) }, () => value(depth - 1));
  return pick(SIMPLE)();
}

/** Arguments with which a call is carried out. */
const SENSIBLE: Readonly<Record<string, () => unknown[]>> = {
  put: () => [{ text: 'more words', embedding: pick([undefined, [1, 0, 0], Float32Array.of(0, 1, 0)]) }],
  putMany: () => [Array.from({ length: 1 + below(5) }, () => ({ title: 't', text: 'many words' })), {}],
  putFile: () => [join(task.folder, 'a.md'), {}],
  putFiles: () => [join(task.folder, 'inner'), {}],
  update: () => [below(20), { text: 'other words' }],
  remove: () => [below(20)],
  removeMany: () => [{ where: { a: below(3) } }],
  correct: () => ['a statement', {}],
  correctMany: () => [[{ statement: 'another statement' }]],
  find: () => ['words', {}],
  ask: () => ['which words?', pick([{}, { model: languageModel() }])],
  askStream: () => ['which words?', pick([{}, { model: languageModel() }])],
  vecSearch: () => ['words', [1, 0, 0], {}],
  timeline: () => [{}],
  verify: () => [{}],
  view: () => [below(20)],
  getFrameInfo: () => [below(20)],
  extractAsset: () => [below(20)],
  viewByUri: () => ['mv2://frames/0'],
  scope: () => [{ a: 1 }],
  reembed: () => [{ embedder: new sdk.HashEmbeddings({ dimension: 3 }) }],
  setVectorCompression: () => [below(2) === 0],
  lock: () => [file, { password: 'p', output: join(task.folder, 'inner', 'x.mv2e'), force: true }],
  open: () => [file, { mode: 'auto' }],
  lockWho: () => [file],
  verifyMemvid: () => [file, {}],
};

const identity = { provider: 'p', model: 'm', dimension: 3, normalized: true };
/** The same for the addon. */
const SENSIBLE_ADDON: Readonly<Record<string, () => unknown[]>> = {
  put: () => [
    [{ text: 'raw words', title: 't', timestamp: 1, vector: pick([undefined, Float32Array.of(1, 0, 0)]) }],
    { compressionLevel: 3, dedupe: pick(['keep', 'skip', 'replace']) },
  ],
  putAtOnce: () => [fieldsInOrder({ text: 'raw words at once', timestamp: 1 }), 3],
  putFeed: () => {
    const feed = new (loadNative().NativeFeed)();
    // A write waits for the end of its feed, whatever happens.
    if (below(2) === 0) feed.end();
    else feed.abort();
    return [feed, { compressionLevel: 3, dedupe: 'keep' }];
  },
  update: () => [below(9), { text: 'other raw words' }],
  remove: () => [[below(9)]],
  find: () => [JSON.stringify({ query: 'words', k: 5 }), Float32Array.of(1, 0, 0)],
  timeline: () => [JSON.stringify({ limit: 5 })],
  stats: () => ['{}'],
  selectWhere: () => ['{"where":{"a":1}}'],
  frame: () => [below(9)],
  text: () => [below(9)],
  asset: () => [below(9)],
  searchedText: () => [below(9)],
  frameByUri: () => ['mv2://frames/0'],
  stageVectors: () => [[0], Float32Array.of(1, 0, 0), identity],
  swapVectors: () => [identity, []],
  setVectorCompression: () => [below(2) === 0],
  verify: () => [true],
  verifyFile: () => [file, true],
  lockWho: () => [file],
};

/** The arguments of a call: sensible ones of which one is spoilt, or any. */
function argumentsOf(name: string, known: typeof SENSIBLE): unknown[] {
  const sensible = known[name];
  if (sensible === undefined || below(3) === 0) {
    return Array.from({ length: below(4) }, (_, place) => argument(place));
  }
  const values = sensible();
  if (below(5) === 0) return values;
  const place = below(values.length);
  const given = values[place];
  if (given !== null && typeof given === 'object' && !Array.isArray(given) && below(4) > 0) {
    const field = pick(NAMES);
    values[place] = { ...given, [field]: below(2) === 0 ? plausible(field) : value(2) };
  } else if (Array.isArray(given) && given.length > 0 && below(4) > 0) {
    values[place] = given.with(below(given.length), value(2));
  } else {
    values[place] = value(2);
  }
  return values;
}

/** What an argument may be: something sensible first, now and then. */
function argument(place: number): unknown {
  if (below(3) > 0) return value(2);
  return place === 0 ? pick(['words', 0, '0', { text: 'more words' }, file]) : value(2);
}

/** Everything a memory can do, also what its class inherits. */
const METHODS = Object.getOwnPropertyNames(Object.getPrototypeOf(current) as object).filter(
  (name) =>
    !['constructor', 'close'].includes(name) &&
    // What is not of this version says so before it looks at anything.
    !/memor|session|enrich|state|exportFacts|Cards/.test(name),
);
const FUNCTIONS = Object.entries(sdk).filter(
  ([name, member]) =>
    typeof member === 'function' &&
    !/^[A-Z]/.test(name) &&
    // They change the process for all calls to come, or make files wherever they are told to.
    !['configure', 'registerPlugin'].includes(name),
);

function note(error: unknown, what: string): void {
  if (!sdk.MemvidError.isMemvidError(error)) {
    result.problems.push(`${what}: not a MemvidError: ${String(error)}`);
    return;
  }
  result.refused[error.code] = (result.refused[error.code] ?? 0) + 1;
  if (error.code === 'MV999') result.problems.push(`${what}: ${error.message}`);
}

/** Waits for a call, but not for ever. */
async function settled(what: string, call: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(resolve, 60_000, 'late');
  });
  try {
    if ((await Promise.race([call, late])) === 'late') result.problems.push(`${what}: no answer in a minute`);
    else result.done += 1;
  } catch (error) {
    note(error, what);
  } finally {
    clearTimeout(timer);
  }
}

/** Paths that a call may make or empty are kept inside the folder. */
function isOutside(name: string, values: readonly unknown[]): boolean {
  const [path] = values;
  return (
    ['create', 'open', 'use'].includes(name) && typeof path === 'string' && !path.startsWith(task.folder)
  );
}

async function fuzzSdk(): Promise<void> {
  while (result.calls < task.calls && result.problems.length < 20) {
    const together = 1 + below(6);
    const running: Promise<unknown>[] = [];
    for (let at = 0; at < together; at += 1) {
      result.calls += 1;
      const onMemory = below(6) > 0;
      const [name, member] = onMemory
        ? ([pick(METHODS), undefined] as const)
        : (pick(FUNCTIONS) as [string, Call]);
      const values = argumentsOf(name, SENSIBLE);
      if (!onMemory && isOutside(name, values)) continue;
      doing = `${name}(${values.map(shown).join(', ')})`;
      const what = doing;
      try {
        const call = onMemory ? (current as unknown as Record<string, unknown>)[name] : member;
        if (typeof call !== 'function') continue;
        const answer = Reflect.apply(call, onMemory ? current : undefined, values) as unknown;
        if (answer instanceof Promise) running.push(settled(what, answer.then(finish)));
        else result.done += 1;
      } catch (error) {
        note(error, what);
      }
    }
    if (below(40) === 0) running.push(settled('close', current.close()));
    await Promise.all(running);
    // Calls made by what was passed in may have closed it. Some calls are made on the closed handle.
    const isClosed = await current.path().then(
      () => false,
      () => true,
    );
    if (isClosed ? below(3) === 0 : below(40) === 0) {
      await current.close().catch(() => undefined);
      await reopen();
    }
  }
  await current.close().catch(() => undefined);
}

/** A scope is a memory too, and so is what `open` and `create` give. A stream is read, or left. */
async function finish(answer: unknown): Promise<void> {
  if (answer !== null && typeof answer === 'object' && 'cancel' in answer) {
    const stream = answer as sdk.AskStream;
    if (below(3) === 0) {
      await stream.result;
      return;
    }
    for await (const part of stream) if (part.type === 'text' && below(6) === 0) return;
  }
  if (answer !== null && typeof answer === 'object' && 'close' in answer && answer !== current) {
    await (answer as sdk.Memvid).close();
  }
}

/** `create` may have emptied it, and `purge` or `removeMany` may have been carried out: it need only be sound. */
async function reopen(): Promise<void> {
  current = await sdk.open(file, { mode: 'auto' });
  const { overall_status, checks } = await current.verify({ deep: true });
  if (overall_status !== 'passed') {
    result.problems.push(`verify after ${doing}: ${JSON.stringify(checks)}`);
  }
  const names = readdirSync(task.folder).filter((name) => /^notes\.mv2./.test(name) && name !== 'notes.mv2e');
  if (names.length > 0) result.problems.push(`beside the file after ${doing}: ${names.join(', ')}`);
}

const REQUESTS = [
  '{}',
  '[]',
  '{',
  'null',
  '{"k":1e999}',
  '{"query":"words","k":3}',
  '{"where":{"a":1}}',
  '{"k":-1}',
  `{"query":"${'('.repeat(2000)}"}`,
];

function rawArgument(place: number): unknown {
  if (below(4) === 0) return pick(REQUESTS);
  return below(3) === 0 ? pick([0, 1, file, 'lex', [0], {}, identity]) : argument(place);
}

async function fuzzAddon(): Promise<void> {
  await current.close();
  const binding = loadNative();
  const openOptions = {
    path: file,
    mode: 'open',
    readOnly: false,
    enableLex: true,
    enableVec: true,
    lockTimeoutMs: 1000,
    forceWritable: false,
  } as const;
  let memory = await binding.openMemory(openOptions);
  const methods = Object.getOwnPropertyNames(Object.getPrototypeOf(memory) as object).filter(
    (name) => name !== 'constructor',
  );
  const functions = Object.entries(binding).filter(([, member]) => typeof member === 'function') as [
    string,
    Call & (new (...values: never[]) => object),
  ][];
  while (result.calls < task.calls && result.problems.length < 20) {
    const running: Promise<unknown>[] = [];
    for (let at = 0; at < 1 + below(5); at += 1) {
      result.calls += 1;
      const onMemory = below(4) > 0;
      const [name, member] = onMemory ? ([pick(methods), undefined] as const) : pick(functions);
      const values =
        below(2) === 0
          ? argumentsOf(name, SENSIBLE_ADDON)
          : Array.from({ length: below(5) }, (_, place) => rawArgument(place));
      if (!onMemory && isOutside(name, values)) continue;
      doing = `addon.${name}(${values.map(shown).join(', ')})`;
      const what = doing;
      try {
        const call = onMemory ? (memory as unknown as Record<string, unknown>)[name] : member;
        if (typeof call !== 'function') continue;
        const receiver =
          below(20) === 0
            ? pick([undefined, {}, current, Object.create(memory)])
            : onMemory
              ? memory
              : binding;
        const isClass = !onMemory && /^[A-Z]/.test(name);
        const answer = isClass
          ? (Reflect.construct(call, values) as unknown)
          : (Reflect.apply(call, receiver, values) as unknown);
        if (answer instanceof Promise) {
          running.push(
            Promise.race([
              answer,
              new Promise((_, reject) => {
                setTimeout(reject, 20_000, new Error('no answer')).unref();
              }),
            ]).then(
              () => (result.done += 1),
              (error: unknown) => noteRaw(error, what),
            ),
          );
        } else result.done += 1;
      } catch (error) {
        noteRaw(error, what);
      }
    }
    await Promise.all(running);
    if (below(15) === 0) {
      await memory.close(below(2) === 0).catch(() => undefined);
      memory = await binding.openMemory({ ...openOptions, mode: 'auto' });
    }
  }
  await memory.close(true).catch(() => undefined);
}

/** What the addon throws is read by `core`; a panic comes as MV999. */
function noteRaw(error: unknown, what: string): void {
  const text = error instanceof Error ? error.message : String(error);
  if (/internal error|no answer/.test(text)) result.problems.push(`${what}: ${text}`);
  const code = /"code":"(MV\d+)"/.exec(text)?.[1] ?? 'refused by the binding';
  if (code === 'MV999' && !text.includes('abandoned')) result.problems.push(`${what}: ${text}`);
  result.refused[code] = (result.refused[code] ?? 0) + 1;
}

function shown(given: unknown): string {
  try {
    const text =
      typeof given === 'object' || typeof given === 'string'
        ? JSON.stringify(given, (_, inner: unknown) => (typeof inner === 'bigint' ? `${inner}n` : inner))
        : String(given);
    return (text ?? 'undefined').slice(0, 120);
  } catch {
    return 'what cannot be shown';
  }
}

await (task.target === 'sdk' ? fuzzSdk() : fuzzAddon());
const last = await sdk.open(file, { mode: 'auto' });
const { overall_status: atTheEnd } = await last.verify({ deep: true });
if (atTheEnd !== 'passed') result.problems.push('verify failed at the end');
await last.put({ text: 'goes on' });
await last.close();
process.stdout.write(`${JSON.stringify(result)}\n`);
