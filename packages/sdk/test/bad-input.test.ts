import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as sdk from '../src/index.ts';
import { digest, expectAlone, freshMemory, scratch } from './support/memory.ts';

type Call = (memory: sdk.Memvid, folder: string) => unknown;
interface Row {
  readonly name: string;
  readonly call: Call;
  readonly code: string;
  /** What the message must name. */
  readonly culprit: string;
  readonly className?: string;
  readonly token?: string;
}

const wrong = (value: unknown): never => value as never;
const row = (name: string, call: Call, code: string, culprit: string, rest: Partial<Row> = {}): Row => ({
  name,
  call,
  code,
  culprit,
  ...rest,
});
const doc = { title: 't', text: 'x' };
const loop: Record<string, unknown> = {};
loop['self'] = loop;

const ROWS: readonly Row[] = [
  row('put()', (m) => m.put(wrong(undefined)), 'MV019', 'input'),
  row('put("text")', (m) => m.put(wrong('text')), 'MV019', 'input'),
  row('put({})', (m) => m.put(wrong({})), 'MV019', 'exactly one'),
  row('put both', (m) => m.put(wrong({ text: 'a', file: 'b' })), 'MV019', 'both'),
  row('put text 42', (m) => m.put({ text: wrong(42) }), 'MV019', '42'),
  row('put file 42', (m) => m.put({ file: wrong(42) }), 'MV019', '42'),
  row('put labels', (m) => m.put({ text: 'a', labels: wrong('x') }), 'MV019', 'labels'),
  row('put tags', (m) => m.put({ text: 'a', tags: wrong([1]) }), 'MV019', 'tags[0]'),
  row('put metadata', (m) => m.put({ text: 'a', metadata: wrong('x') }), 'MV019', 'metadata'),
  row('put circular metadata', (m) => m.put({ text: 'a', metadata: loop }), 'MV019', 'metadata'),
  row('put timestamp', (m) => m.put({ text: 'a', timestamp: 'not a date' }), 'MV019', 'not a date'),
  row(
    'put milliseconds',
    (m) => m.put({ text: 'a', timestamp: 1_700_000_000_000 }),
    'MV019',
    '1700000000000',
  ),
  row('put dedupe', (m) => m.put({ text: 'a', dedupe: wrong('maybe') }), 'MV019', 'maybe'),
  row('put autoTag', (m) => m.put({ text: 'a', autoTag: wrong('yes') }), 'MV019', 'autoTag'),
  row('put missing file', (m, f) => m.put({ file: join(f, 'none.txt') }), 'MV013', 'none.txt', {
    token: 'path',
  }),
  row('put folder', (m, f) => m.put({ file: f }), 'MV019', 'folder'),
  row('put embedding', (m) => m.put({ text: 'a', embedding: wrong('x') }), 'MV019', 'embedding'),
  row('put empty embedding', (m) => m.put({ text: 'a', embedding: [] }), 'MV015', 'empty'),
  row('put NaN embedding', (m) => m.put({ text: 'a', embedding: [1, Number.NaN] }), 'MV015', 'NaN'),
  row(
    'put embeddingModel',
    (m) => m.put({ text: 'a', enableEmbedding: true, embeddingModel: 'no-such' }),
    'MV015',
    'no-such',
  ),
  row('putMany object', (m) => m.putMany(wrong({})), 'MV019', 'docs'),
  row('putMany no title', (m) => m.putMany([doc, wrong({ text: 'a' })]), 'MV019', 'docs[1].title'),
  row('putMany no text', (m) => m.putMany([wrong({ title: 'a' })]), 'MV019', 'docs[0].text'),
  row('putMany null', (m) => m.putMany([doc, wrong(null)]), 'MV019', 'docs[1]'),
  row('putMany level', (m) => m.putMany([doc], { compressionLevel: 99 }), 'MV019', '99'),
  row('putMany embeddings', (m) => m.putMany([doc], { embeddings: [] }), 'MV019', 'embeddings'),
  row('putMany onError', (m) => m.putMany([doc], wrong({ onError: 'ignore' })), 'MV019', 'ignore'),
  row(
    'putMany batchSize',
    (m) => m.putMany([doc], { onError: 'report', batchSize: 0 }),
    'MV019',
    'batchSize',
  ),
  row('putMany signal', (m) => m.putMany([doc], { signal: wrong({}) }), 'MV019', 'signal'),
  row('putMany options', (m) => m.putMany([doc], wrong('fast')), 'MV019', 'options'),
  row('putFile', (m, f) => m.putFile(join(f, 'none.md')), 'MV013', 'none.md'),
  row('putFile junk', (m, f) => m.putFile(join(f, 'junk.pdf')), 'MV018', 'junk.pdf', {
    className: 'PluginMissingError',
    token: 'npm install @memvid/documents',
  }),
  row('putFile chunkSize', (m, f) => m.putFile(join(f, 'a.md'), { chunkSize: 1 }), 'MV019', 'chunkSize'),
  row('putFiles', (m, f) => m.putFiles(join(f, 'none')), 'MV013', 'none'),
  row('putFiles file', (m, f) => m.putFiles(join(f, 'a.md')), 'MV019', 'dir'),
  row('update id', (m) => m.update('x', { title: 'a' }), 'MV019', '"x"'),
  row('update unknown', (m) => m.update(999, { title: 'a' }), 'MV010', '999', { token: 'timeline' }),
  row('update nothing', (m) => m.update(0, {}), 'MV019', 'changes'),
  row('remove text', (m) => m.remove('abc'), 'MV019', 'abc'),
  row('remove negative', (m) => m.remove(-1), 'MV019', '-1'),
  row('remove fraction', (m) => m.remove(1.5), 'MV019', '1.5'),
  row('remove unknown', (m) => m.remove('999'), 'MV010', '999', {
    className: 'FrameNotFoundError',
    token: 'timeline',
  }),
  row('remove huge', (m) => m.remove(Number.MAX_SAFE_INTEGER), 'MV010', '9007199254740991'),
  row('removeMany nothing', (m) => m.removeMany({}), 'MV019', 'selection'),
  row('correct blank', (m) => m.correct(' '), 'MV019', 'statement'),
  row('correct boost', (m) => m.correct('x', { boost: 0 }), 'MV019', 'boost'),
  row('correctMany', (m) => m.correctMany(wrong('x')), 'MV019', 'corrections'),
  row('find empty', (m) => m.find(''), 'MV019', 'query', { className: 'InvalidInputError' }),
  row('find blank', (m) => m.find(' \n'), 'MV019', 'query'),
  row('find number', (m) => m.find(wrong(5)), 'MV019', 'query'),
  row(
    'find mode',
    (m) => m.find('a', { mode: wrong('xyz') }),
    'MV019',
    '"lex" ("lexical"), "sem" ("semantic"), "auto" ("hybrid")',
  ),
  row('find k 0', (m) => m.find('a', { k: 0 }), 'MV019', '`k`'),
  row('find k -1', (m) => m.find('a', { k: -1 }), 'MV019', '-1'),
  row('find k "5"', (m) => m.find('a', { k: wrong('5') }), 'MV019', '"5"'),
  row('find k NaN', (m) => m.find('a', { k: Number.NaN }), 'MV019', 'NaN'),
  row('find snippetChars', (m) => m.find('a', { snippetChars: 0 }), 'MV019', 'snippetChars'),
  row('find cursor', (m) => m.find('a', { cursor: '@@' }), 'MV019', 'cursor'),
  row('find scope', (m) => m.find('a', { scope: wrong(5) }), 'MV019', 'scope'),
  row('find where', (m) => m.find('a', { where: { a: wrong({ $like: 'x' }) } }), 'MV019', '$like', {
    token: '$gt',
  }),
  row('find asOfFrame', (m) => m.find('a', { asOfFrame: -1 }), 'MV019', 'asOfFrame'),
  row(
    'find strategy',
    (m) => m.find('a', { adaptive: true, adaptiveStrategy: wrong('magic') }),
    'MV019',
    'magic',
  ),
  row('find minRelevancy', (m) => m.find('a', { minRelevancy: 2 }), 'MV019', 'minRelevancy'),
  row('find acl', (m) => m.find('a', { aclEnforcementMode: 'enforce' }), 'MV019', 'aclContext.tenantId'),
  row('find options', (m) => m.find('a', wrong(5)), 'MV019', 'options'),
  row('find sem', (m) => m.find('a', { mode: 'sem' }), 'MV011', 'no vectors stored yet', {
    className: 'VecIndexDisabledError',
    token: 'embedder',
  }),
  row(
    'find embedding',
    (m) => m.find('a', { mode: 'sem', queryEmbedding: wrong('x') }),
    'MV019',
    'queryEmbedding',
  ),
  row('vecSearch', (m) => m.vecSearch('a', [1]), 'MV011', 'no vectors stored yet'),
  row('vecSearch nothing', (m) => m.vecSearch('a', wrong(undefined)), 'MV019', 'queryEmbedding'),
  row('ask empty', (m) => m.ask(''), 'MV019', 'question'),
  row('ask mode', (m) => m.ask('a', { mode: wrong('xyz') }), 'MV019', 'xyz'),
  row('ask since', (m) => m.ask('a', { since: wrong('whenever') }), 'MV019', 'whenever'),
  row('ask model', (m) => m.ask('a', { model: 'unsupported' }), 'MV018', "unsupported model 'unsupported'", {
    className: 'ModelUnsupportedError',
  }),
  row('timeline limit 0', (m) => m.timeline({ limit: 0 }), 'MV019', 'limit'),
  row('timeline limit -5', (m) => m.timeline({ limit: -5 }), 'MV019', '-5'),
  row('timeline since', (m) => m.timeline({ since: 1e12 }), 'MV019', 'since'),
  row('timeline where', (m) => m.timeline({ where: wrong([]) }), 'MV019', 'where'),
  row('verify', (m) => m.verify({ deep: wrong('yes') }), 'MV019', 'deep'),
  row('view unknown', (m) => m.view(99), 'MV010', '99'),
  row('view object', (m) => m.view(wrong({})), 'MV019', 'id'),
  row('viewByUri unknown', (m) => m.viewByUri('mv2://none'), 'MV010', 'mv2://none'),
  row('viewByUri blank', (m) => m.viewByUri(''), 'MV019', 'uri'),
  row('getFrameInfo unknown', (m) => m.getFrameInfo('99'), 'MV010', '99'),
  row('extractAsset unknown', (m) => m.extractAsset(99), 'MV010', '99'),
  row('extractAssetByUri unknown', (m) => m.extractAssetByUri('mv2://none'), 'MV010', 'mv2://none'),
  row('applyTicket', (m) => m.applyTicket('{}'), 'MV002', 'ticket', { className: 'TicketInvalidError' }),
  row('applySignedTicket', (m) => m.applySignedTicket({ signature: 'secret' }), 'MV002', 'ticket'),
  row('open missing', (_, f) => sdk.open(join(f, 'none.mv2')), 'MV013', 'none.mv2', {
    className: 'FileNotFoundError',
    token: 'create',
  }),
  row('open junk', (_, f) => sdk.open(join(f, 'junk.pdf')), 'MV012', 'junk.pdf', {
    className: 'CorruptFileError',
  }),
  row('open folder', (_, f) => sdk.open(join(f, 'folder')), 'MV019', 'folder'),
  row('create in a missing folder', (_, f) => sdk.create(join(f, 'none', 'x.mv2')), 'MV013', 'none'),
  row('create ""', () => sdk.create(''), 'MV019', 'path'),
  row('use kind', (_, f) => sdk.use(wrong('zzz'), join(f, 'x.mv2')), 'MV019', 'zzz'),
  row('verifyMemvid missing', (_, f) => sdk.verifyMemvid(join(f, 'none.mv2')), 'MV013', 'none.mv2'),
  row('verifyMemvid junk', (_, f) => sdk.verifyMemvid(join(f, 'junk.pdf')), 'MV012', 'junk.pdf'),
  row('verifySingleFile missing', (_, f) => sdk.verifySingleFile(join(f, 'none.mv2')), 'MV013', 'none.mv2'),
  row('lock missing', (_, f) => sdk.lock(join(f, 'none.mv2'), { password: 'p' }), 'MV013', 'none.mv2'),
  row('lock password', (_, f) => sdk.lock(join(f, 'a.md'), { password: '' }), 'MV016', 'password', {
    className: 'EncryptionError',
    token: 'password',
  }),
  row(
    'unlock no capsule',
    (_, f) => sdk.unlock(join(f, 'a.md'), { password: 'p', output: join(f, 'out') }),
    'MV016',
    'a.md',
  ),
  row('lockWho', () => sdk.lockWho(wrong(5)), 'MV019', 'path'),
  row('maskPii', () => sdk.maskPii(wrong(5)), 'MV019', 'text'),
  row('configure', () => sdk.configure({ apiKey: 'wrong' }), 'MV008', 'apiKey'),
  row('aclMetadataFromScope', () => sdk.aclMetadataFromScope(wrong({})), 'MV019', 'tenantId'),
  row('doctorMemvid', (_, f) => sdk.doctorMemvid(join(f, 'none.mv2')), 'MV013', 'none.mv2'),
];

describe('bad input', () => {
  it.each(ROWS)('$name: $code', async ({ call, code, culprit, className, token }) => {
    await using memory = await freshMemory();
    const folder = scratch();
    writeFileSync(join(folder, 'junk.pdf'), Buffer.alloc(5000, 3));
    writeFileSync(join(folder, 'a.md'), 'plain text');
    mkdirSync(join(folder, 'folder'));
    await memory.put({ title: 'Kept', text: 'the good document' });
    const before = digest(memory.file);

    let error: unknown;
    try {
      await call(memory, folder);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(sdk.MemvidError);
    const failure = error as sdk.MemvidError;
    expect(failure.code).toBe(code);
    expect(failure.message).toContain(culprit);
    expect(failure.suggestion).toEqual(expect.any(String));
    if (className !== undefined) expect(failure.name).toBe(className);
    if (token !== undefined) expect(failure.suggestion).toContain(token);
    expect(failure.formattedMessage).toBe(
      `[${code}] ${failure.message}\n\nSuggestion: ${failure.suggestion}`,
    );
    expect(JSON.parse(JSON.stringify(failure))).toMatchObject({ code, message: failure.message });
    expect(failure.message).not.toMatch(/napi|rust|fill whole buffer|undefined is not|stack trace/i);

    // The file is as it was, alone, and the handle goes on working.
    expect(digest(memory.file)).toBe(before);
    expectAlone(memory.file);
    expect((await memory.find('good document')).hits[0]?.title).toBe('Kept');
    await memory.put({ text: 'another' });
    expect((await memory.stats()).frame_count).toBe(2);
    expect(readFileSync(join(folder, 'a.md'), 'utf8')).toBe('plain text');
  });

  it('a key that was passed in is in no message', async () => {
    const secret = 'sk-verysecretkey0123456789abcdef';
    await using memory = await freshMemory();
    await memory.put({ text: 'x' });
    for (const call of [
      () => memory.ask('x', { model: 'nvidia:m', modelApiKey: secret }),
      () => memory.ask('x', { model: `acme:${secret}` }),
      () => sdk.use('basic', memory.file, secret, wrong({ mode: 'zzz' })),
      () => sdk.create(memory.file, { memvidApiKey: secret }),
      () => sdk.unlock(memory.file, { password: secret, output: `${memory.file}.out` }),
    ]) {
      const error = await call().then(
        () => undefined,
        (thrown: unknown) => thrown as sdk.MemvidError,
      );
      expect(error).toBeInstanceOf(sdk.MemvidError);
      expect(JSON.stringify(error) + String(error?.suggestion)).not.toContain(secret);
    }
  });

  it('a text that is longer than any may be is refused before it is looked at', async () => {
    await using memory = await freshMemory();
    // It is not made whole in memory as long as nobody reads it.
    const text = 'a'.repeat(268_435_457);
    await expect(memory.put({ text })).rejects.toMatchObject({
      code: 'MV019',
      details: { argument: 'text', received: expect.stringContaining('268435457 characters') },
    });
    expect((await memory.stats()).frame_count).toBe(0);
  });
});
