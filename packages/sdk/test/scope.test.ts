import { describe, expect, it } from 'vitest';
import { type Memvid, open, type ScopeFields } from '../src/index.ts';
import { freshMemory, randomNumbers, scratch } from './support/memory.ts';
import { expectFailure, expectRefused, wrong } from './support/refusals.ts';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const WHOLE = [
  ['verify', (memory: Memvid) => memory.verify()],
  ['enableLex', (memory: Memvid) => memory.enableLex()],
  ['doctor', (memory: Memvid) => memory.doctor()],
  ['rebuildTimeIndex', (memory: Memvid) => memory.rebuildTimeIndex()],
  ['compact', (memory: Memvid) => memory.compact()],
  ['purge', (memory: Memvid) => memory.purge('0')],
] as const;

describe('a scope', () => {
  it('stamps what it stores, and sees nothing else', async () => {
    await using memory = await freshMemory();
    const ann = memory.scope({ user: 'ann' });
    const bob = memory.scope({ user: 'bob' });
    const id = await ann.put({ text: 'Ann likes apples', metadata: { mood: 'good' }, uri: 'mv2://a' });
    await bob.put({ text: 'Bob likes apples', uri: 'mv2://a' });
    await memory.put({ text: 'Nobody likes apples' });
    expect((await memory.getFrameInfo(id)).metadata).toEqual({ mood: 'good', user: 'ann' });
    expect((await ann.find('apples')).hits.map(({ text }) => text)).toEqual(['Ann likes apples']);
    expect((await memory.find('apples')).hits).toHaveLength(3);
    expect((await memory.find('apples', { where: { user: 'bob' } })).hits).toHaveLength(1);
    expect(await ann.viewByUri('mv2://a')).toBe('Ann likes apples');
    expect(await memory.viewByUri('mv2://a')).toBe('Bob likes apples');
    expect((await bob.timeline()).map(({ preview }) => preview)).toEqual(['Bob likes apples']);
    expect((await bob.ask('What of Ann?', { contextOnly: true })).context).not.toContain('Ann');
    expect((await memory.scope({ user: 'eve' }).ask('apples?')).context).toBe('');
  });

  it('is MV010 for what others stored', async () => {
    await using memory = await freshMemory();
    const ann = memory.scope({ user: 'ann' });
    const bob = memory.scope({ user: 'bob' });
    const own = await ann.put({ text: 'mine', uri: 'mv2://mine' });
    const long = await bob.put({ text: 'a long text of Bob. '.repeat(200), uri: 'mv2://his' });
    const chunk = (await memory.timeline()).find(({ uri }) => uri === 'mv2://his')?.child_frames[0] ?? -1;
    expect(chunk).toBeGreaterThan(0);
    const before = await memory.stats();
    for (const id of [long, chunk, 999]) {
      for (const call of [
        () => ann.view(id),
        () => ann.getFrameInfo(id),
        () => ann.extractAsset(id),
        () => ann.update(id, { text: 'taken' }),
        () => ann.remove(id),
      ]) {
        expect(await expectFailure(call)).toMatchObject({
          code: 'MV010',
          message: `frame ${id} does not exist or was removed`,
          details: { frame_id: Number(id) },
          suggestion: expect.any(String),
        });
      }
    }
    expect(await expectFailure(() => ann.viewByUri('mv2://his'))).toMatchObject({ code: 'MV010' });
    expect(await expectFailure(() => ann.extractAssetByUri('mv2://his'))).toMatchObject({ code: 'MV010' });
    expect(await memory.stats()).toMatchObject({ frame_count: before.frame_count });
    expect(await bob.view(chunk)).toContain('of Bob');
    expect(await ann.view(own)).toBe('mine');
  });

  it('narrows and never widens', async () => {
    await using memory = await freshMemory();
    const ann = memory.scope({ user: 'ann' });
    const agent = ann.scope({ agent: 7 });
    const session = agent.scope({ user: 'ann', isTest: true });
    await ann.put({ text: 'of Ann' });
    await agent.put({ text: 'of the agent' });
    await session.put({ text: 'of the session' });
    const texts = async (part: Memvid): Promise<string[]> =>
      (await part.timeline()).map(({ preview }) => preview);
    expect(await texts(ann)).toEqual(['of Ann', 'of the agent', 'of the session']);
    expect(await texts(agent)).toEqual(['of the agent', 'of the session']);
    expect(await texts(session)).toEqual(['of the session']);
    await expectRefused(() => agent.scope({ user: 'bob' }), 'fields.user');
    for (const where of [
      { user: 'bob' },
      { 'metadata.user': 'bob' },
      { user: { $in: ['bob', 'eve'] } },
      { user: { $ne: 'ann' } },
      { user: null },
      { $and: [{ title: 'x' }, { user: { $exists: false } }] },
    ]) {
      await expectRefused(() => ann.find('of', { where }), 'where');
      await expectRefused(() => ann.timeline({ where }), 'where');
      await expectRefused(() => ann.removeMany({ where }), 'where');
    }
    // Whatever else a filter says is asked inside of the scope.
    for (const where of [
      { $or: [{ user: 'bob' }, { user: 'ann' }] },
      { $not: { user: 'bob' } },
      { user: { $in: ['bob', 'ann'] } },
      { $or: [{}, {}] },
    ]) {
      expect((await ann.find('of', { where, k: 100 })).hits).toHaveLength(3);
    }
    await expectRefused(() => ann.put({ text: 'x', metadata: { user: 'bob' } }), 'metadata.user');
    await expectRefused(() => ann.put({ text: 'x', metadata: { user: ['ann', 'bob'] } }), 'metadata.user');
    await expectRefused(() => ann.put({ text: 'x', metadata: { 'user.0': 1 } }), 'metadata.user.0');
    await expectRefused(() => ann.update(0, { metadata: { user: 'bob' } }), 'metadata.user');
    const bad = (count: number) =>
      Array.from({ length: count }, (_, n) => ({
        title: 't',
        text: 't',
        metadata: n === count - 1 ? { user: 'bob' } : {},
      }));
    await expectRefused(() => ann.putMany(bad(3)), 'docs[2].metadata.user');
    await expectRefused(() => ann.putMany(bad(1500)), 'docs[1499].metadata.user');
    expect(await ann.putMany(bad(3), { onError: 'report' })).toMatchObject({ stored: 2, failed: 1 });
    expect((await memory.stats()).frame_count).toBe(5);
    // New metadata takes the place of the old, but for the scope's.
    const id = await ann.update(0, { metadata: { mood: 'bad' } });
    expect((await memory.getFrameInfo(id)).metadata).toEqual({ mood: 'bad', user: 'ann' });
    expect((await ann.getFrameInfo(await ann.update(id, { title: 'new' }))).metadata).toEqual({
      mood: 'bad',
      user: 'ann',
    });
  });

  it('refuses what it cannot be made of', async () => {
    await using memory = await freshMemory();
    for (const fields of [
      {},
      undefined,
      [],
      'ann',
      { user: '' },
      { user: undefined },
      { user: null },
      { user: 1.5 },
      { user: Number.NaN },
      { user: ['ann'] },
      { user: '\ud800' },
      { 'a.b': 'x' },
      { $or: 'x' },
      { __proto__x: 'x', '': 'y' },
      { kind: 'note' },
      { uri: 'x' },
      JSON.parse('{"__proto__":"x"}'),
    ]) {
      await expectRefused(() => memory.scope(wrong(fields)), 'fields');
    }
  });

  it('leaves what is about the whole file to the whole memory', async () => {
    await using memory = await freshMemory();
    const ann = memory.scope({ user: 'ann' });
    for (const [operation, call] of WHOLE) {
      expect(await expectFailure(() => call(ann))).toMatchObject({
        code: 'MV018',
        details: { operation, reason: 'scope' },
        suggestion: expect.stringContaining('scope()'),
      });
    }
    for (const dedupe of ['skip', 'replace'] as const) {
      for (const call of [
        () => ann.put({ text: 'x', dedupe }),
        () => ann.putMany([{ title: 'x', text: 'x' }], { dedupe }),
        () =>
          ann.putMany(
            Array.from({ length: 1100 }, () => ({ title: 'x', text: 'x' })),
            { dedupe },
          ),
      ]) {
        expect(await expectFailure(call)).toMatchObject({ code: 'MV018', details: { reason: 'scope' } });
      }
    }
    expect(await ann.path()).toBe(memory.file);
    await ann.seal();
    await ann.put({ text: 'x' });
    await ann.close();
    expect(await expectFailure(() => ann.find('x'))).toMatchObject({ code: 'MV018' });
    expect((await memory.find('x')).hits).toHaveLength(1);
    const inner = memory.scope({ user: 'ann' }).scope({ agent: 'a' });
    await memory.close();
    expect(await expectFailure(() => inner.find('x'))).toMatchObject({ name: 'ClosedHandleError' });
    expect(await expectFailure(() => memory.scope({ user: 'ann' }))).toMatchObject({ code: 'MV018' });
  });

  it('can be closed behind, and beside, what it is a part of', async () => {
    const memory = await freshMemory();
    const [ann, bob, cleo] = [{ user: 'ann' }, { user: 'bob' }, { user: 'cleo' }].map((of) =>
      memory.scope(of),
    );
    const inner = ann?.scope({ agent: 'a' });
    await bob?.put({ text: 'hello' });
    await Promise.all([bob?.close(), memory.close(), cleo?.close()]);
    for (const part of [inner, ann, bob, cleo]) {
      await part?.close();
      await part?.close();
    }
    await memory.close();
    await using again = await open(memory.file);
    expect((await again.stats()).frame_count).toBe(1);
    await using reader = await open(memory.file, { readOnly: true });
    const part = reader.scope({ user: 'ann' });
    await reader.close();
    await part.close({ seal: false });
  });

  it('counts its own documents alone', async () => {
    await using memory = await freshMemory();
    const ann = memory.scope({ user: 'ann' });
    const empty = await ann.stats();
    expect(empty).toMatchObject({ frame_count: 0, vector_count: 0, effective_vec_dimension: null });
    await memory.put({ text: 'others', embedding: [1, 0], embeddingIdentity: { provider: 'p', model: 'm' } });
    expect(await expectFailure(() => ann.find('x', { mode: 'sem' }))).toMatchObject({ code: 'MV011' });
    await ann.put({ text: 'own', embedding: [0, 1], embeddingIdentity: { provider: 'p', model: 'n' } });
    const kept = await ann.put({ text: 'own long text '.repeat(300) });
    for (const moment of ['pending', 'sealed', 'removed']) {
      if (moment === 'sealed') await memory.seal();
      if (moment === 'removed') await ann.remove(kept);
      const [all, own] = [await memory.stats(), await ann.stats()];
      expect(own.frame_count).toBe(all.frame_count - 1);
      expect(own.active_frame_count).toBe(all.active_frame_count - 1);
      expect(own.logical_bytes).toBe(all.logical_bytes - Buffer.byteLength('others'));
      expect(own).toMatchObject({
        vector_count: 1,
        effective_vec_dimension: 2,
        embedding_identity: { provider: 'p', model: 'n' },
        embedding_identity_summary: { kind: 'single', total: 1, unknown: 0 },
        size_bytes: all.size_bytes,
      });
      expect(Object.keys(own).toSorted()).toEqual(Object.keys(all).toSorted());
    }
    expect((await ann.vecSearch('x', [1, 0])).hits.map(({ text }) => text)).toEqual(['own']);
    // A size that others began with is the file's.
    expect(await expectFailure(() => ann.put({ text: 'x', embedding: [1] }))).toMatchObject({
      code: 'MV014',
    });
  });

  it('fuzz: no call gives or touches what is of another scope', async () => {
    const random = randomNumbers(20_261_125);
    const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
    const SCOPES: readonly ScopeFields[] = [
      { user: 'ann' },
      { user: 'ann', agent: 'a' },
      { user: 'ann', agent: 'b' },
      { user: 'bob' },
      { user: 'bob', agent: 'a' },
      { user: 'bob', agent: 'a', session: 1 },
      { agent: 'a' },
    ];
    await using memory = await freshMemory();
    const folder = scratch();
    /** What the metadata of every frame says, read through the memory itself. */
    const metadataOf = new Map<number, Record<string, unknown>>();
    const isOf = (fields: ScopeFields, metadata: Record<string, unknown> | undefined): boolean =>
      metadata !== undefined && Object.entries(fields).every(([name, value]) => metadata[name] === value);
    /** What the memory holds for a reader of everything. */
    const outside = async (fields: ScopeFields): Promise<string[]> =>
      (await memory.timeline({ limit: 100_000 }))
        .filter(({ frame_id }) => !isOf(fields, metadataOf.get(frame_id)))
        .map((entry) => JSON.stringify(entry));
    const learn = async (): Promise<void> => {
      for (const { frame_id, child_frames } of await memory.timeline({ limit: 100_000 })) {
        if (!metadataOf.has(frame_id)) {
          metadataOf.set(frame_id, (await memory.getFrameInfo(frame_id)).metadata);
        }
        for (const child of child_frames) metadataOf.set(child, metadataOf.get(frame_id) ?? {});
      }
    };
    const vector = (): number[] => Array.from({ length: 4 }, () => random() - 0.5);
    const text = (): string =>
      `needle ${Math.floor(random() * 50)} ${'words '.repeat(random() < 0.1 ? 600 : 3)}`;
    const where = (): object =>
      pick([
        {},
        { where: { $or: [{ user: 'ann' }, { user: 'bob' }, { user: null }] } },
        { where: { $not: { user: 'eve' } } },
        { where: { agent: { $exists: true } } },
        { where: { $or: [{ mood: 'good' }, { agent: 'a' }] } },
        { scope: 'mv2://' },
        { asOfFrame: Math.floor(random() * 100) },
        { since: 1 },
      ]);

    // What nobody put through a scope, among it what looks like one.
    for (const metadata of [
      {},
      { user: ['ann', 'bob'] },
      { user: { ann: true } },
      { User: 'ann' },
      { agent: ['a'] },
      { user: null },
    ]) {
      await memory.put({ text: 'needle of nobody', metadata, embedding: vector() });
    }
    const opened = SCOPES.map((fields) => ({
      fields,
      part: Object.entries(fields).reduce<Memvid>(
        (part, [name, value]) => part.scope({ [name]: value }),
        memory,
      ),
    }));
    await learn();
    let calls = 0;
    let gave = 0;
    for (let round = 0; round < 400; round += 1) {
      const { fields, part } = pick(opened);
      const before = await outside(fields);
      const anyId = Math.floor(random() * (metadataOf.size + 2));
      const seen: number[] = [];
      const act = pick<() => Promise<unknown>>([
        () => part.put({ text: text(), embedding: vector(), uri: `mv2://u/${Math.floor(random() * 9)}` }),
        () => part.put({ text: text(), metadata: { mood: 'good', user: pick(['ann', 'bob']) } }),
        () => part.putMany([1, 2].map((n) => ({ title: `${n}`, text: text(), embedding: vector() }))),
        () => part.correct('needle is right', { topics: ['t'] }),
        () => {
          writeFileSync(join(folder, 'n.md'), text());
          return part.putFile(join(folder, 'n.md'));
        },
        () => part.update(anyId, { text: text() }),
        () => part.update(anyId, { metadata: { mood: 'new' } }),
        () => part.remove(anyId),
        () =>
          part.removeMany(
            random() < 0.3 ? wrong({ all: true }) : wrong({ ...where(), dryRun: random() < 0.8 }),
          ),
        async () => {
          for (const hit of (await part.find('needle', { k: 1000, ...where() })).hits) {
            seen.push(hit.frame_id, hit.parent_id ?? hit.frame_id);
          }
        },
        async () => {
          const options = { k: 1000, queryEmbedding: vector(), ...where() };
          for (const hit of (await part.find('needle', { mode: pick(['sem', 'auto']), ...options })).hits) {
            seen.push(hit.frame_id);
          }
          for (const hit of (await part.vecSearch('q', vector(), { k: 1000 })).hits) seen.push(hit.frame_id);
        },
        async () => {
          const answer = await part.ask(pick(['needle?', 'nothing of that']), { k: 100, ...where() });
          for (const { frame_id } of [...answer.hits, ...answer.sources]) seen.push(frame_id);
        },
        async () => {
          const { scope: _, ...options } = where() as { scope?: string };
          for (const entry of await part.timeline({ limit: 1000, ...options })) {
            seen.push(entry.frame_id, ...entry.child_frames);
          }
        },
        async () => {
          const info = await part.getFrameInfo(anyId);
          for (const id of [info.id, info.parent_id, info.supersedes, info.superseded_by]) {
            if (id !== null) seen.push(id);
          }
        },
        async () => {
          await part.view(anyId);
          seen.push(anyId);
        },
        async () => seen.push((await part.extractAsset(anyId)).frameId),
        async () => {
          const uri = `mv2://u/${Math.floor(random() * 9)}`;
          seen.push((await part.extractAssetByUri(uri)).frameId);
        },
        () => part.seal(),
      ]);
      try {
        await act();
      } catch (error) {
        expect(['MV010', 'MV011', 'MV019']).toContain((error as { code: string }).code);
      }
      calls += 1;
      gave += seen.length;
      await learn();
      for (const id of seen) {
        expect({ fields, id, ok: isOf(fields, metadataOf.get(id)) }).toEqual({ fields, id, ok: true });
      }
      const after = await outside(fields);
      expect(after).toEqual(before);
      if (round % 20 === 0) {
        const stats = await part.stats();
        const own = await part.timeline({ limit: 100_000 });
        expect(stats.active_frame_count).toBe(
          own.reduce((sum, { child_frames }) => sum + 1 + child_frames.length, 0),
        );
      }
    }
    expect([calls, gave > 1000]).toEqual([400, true]);
  });
});
