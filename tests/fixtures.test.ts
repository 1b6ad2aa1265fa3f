import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { HashEmbeddings, open, unlock, type Memvid } from '@memvid/sdk';
import { containerFixtures, indexFixtures, type ManifestFrame } from './support/manifests.ts';
import { reference, referenceFinds } from './support/reference.ts';
import { paper, referenceProgram } from './support/places.ts';
import { expectAlone, leftOut, scratch } from './support/workspace.ts';

const absent = leftOut('files of the reference', paper('fixtures/mv2').missing);
const noProgram = leftOut('the reference reads fixtures we wrote to', referenceProgram().missing);

const containers = containerFixtures();
const indexes = indexFixtures().filter(({ name }) => name.endsWith('.mv2'));
const capsules = indexFixtures().filter(({ name }) => name.endsWith('.mv2e'));
/** The payload of one frame is damaged; everything else of the file is readable. */
const DAMAGED_PAYLOAD = 'bad-payload-bitflip.mv2';
/** A record of the log is damaged, and acknowledged ones stand behind it: nothing is left out in silence. */
const DAMAGED_LOG = 'bad-wal-bitflip.mv2';
/** Parsers that do not search for a table of contents read them, and so do they that verify its checksum not. */
const UNREADABLE = new Set(
  containers
    .filter(
      ({ expect: { unparseable, problems } }) => unparseable ?? problems.includes('toc checksum mismatch'),
    )
    .map(({ name }) => name),
);
/** Their tables of contents say that no index of words is kept; the reference does not search them either. */
const WITHOUT_WORDS = new Set([
  'hand-legacy-v1.mv2',
  'hand-legacy-v2.mv2',
  'hand-minimal-nolex.mv2',
  'hand-no-time-index.mv2',
]);
const readable = containers.filter(
  ({ name }) => !UNREADABLE.has(name) && name !== DAMAGED_PAYLOAD && name !== DAMAGED_LOG,
);

function copyOf(file: string): string {
  const copy = join(scratch(), 'memory.mv2');
  copyFileSync(file, copy);
  return copy;
}

/** Opening may cost 100 ms and one for each frame; the best of three, since other tests run beside this one. */
async function openedQuickly(file: string, options: { readOnly: boolean }, frames: number): Promise<Memvid> {
  let best = Infinity;
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const start = performance.now();
    await (await open(file, options)).close();
    best = Math.min(best, performance.now() - start);
  }
  expect(best).toBeLessThan(100 + frames);
  return open(file, options);
}

/** What `getFrameInfo` has to say about a frame of the manifest. */
function infoOf(frame: ManifestFrame): object {
  return {
    id: frame.id,
    ...(frame.uri === undefined ? {} : { uri: frame.uri }),
    ...(frame.title === undefined ? {} : { title: frame.title }),
    timestamp: frame.timestamp,
    kind: frame.kind ?? null,
    track: frame.track ?? null,
    tags: frame.tags ?? [],
    labels: frame.labels ?? [],
    status: frame.status,
    role: { document: 'Document', document_chunk: 'DocumentChunk', extracted_image: 'ExtractedImage' }[
      frame.role
    ],
    parent_id: frame.parent_id ?? null,
    supersedes: frame.supersedes ?? null,
  };
}

/** The text of a frame: what is stored, or the beginning of what is searched when nothing is stored. */
async function expectText(memory: Memvid, frame: ManifestFrame): Promise<void> {
  const text = await memory.view(frame.id);
  if (frame.text !== undefined && frame.text !== '') expect(text).toBe(frame.text);
  else if (frame.text === undefined && frame.text_chars !== undefined) {
    expect([...text]).toHaveLength(frame.text_chars);
  } else if (frame.text === '') expect(text).toMatch(startOf(frame.search_text_start ?? ''));
}

/** Matches a text that begins as the search text does, before the lines that the reference adds to it. */
function startOf(searchText: string): RegExp {
  const [own = ''] = searchText.split(/\n(?:title|uri|tags|labels)?/);
  return new RegExp(`^${own.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)}`);
}

/** A word that stands in one document: the longest of its text. */
function wordOf(text: string): string {
  return (text.match(/\p{L}{4,}/gu) ?? []).toSorted((left, right) => right.length - left.length)[0] ?? '';
}

describe.skipIf(absent)('files of the reference', () => {
  it('there are 52 container fixtures and the unreadable ones are known', () => {
    expect(containers).toHaveLength(52);
    expect([...UNREADABLE].toSorted()).toEqual([
      'bad-empty-file.mv2',
      'bad-header-magic.mv2',
      'bad-short-header.mv2',
      'bad-toc-bitflip.mv2',
      'bad-truncated-in-payload.mv2',
      'bad-truncated-in-toc.mv2',
      'bad-truncated-tail.mv2',
    ]);
  });

  describe.each([{ readOnly: true }, { readOnly: false }])('opened with %o', (options) => {
    it.each(readable)('$name shows the frames of its manifest', async ({ file, expect: expected }) => {
      const copy = copyOf(file);
      const memory = await openedQuickly(copy, options, expected.frame_count);
      const pending = expected.pending ?? [];
      const inserted = pending.filter(({ op }) => op === 'insert');
      const stats = await memory.stats();
      expect(stats.frame_count).toBe(expected.frame_count + inserted.length);
      if (pending.length === 0) expect(stats.active_frame_count).toBe(expected.active);
      // Records that wait in the log may remove or replace what the table of contents lists.
      const changed = pending.length > inserted.length;
      for (const frame of changed ? [] : expected.frames) {
        if (frame.status === 'deleted') {
          await expect(memory.view(frame.id)).rejects.toMatchObject({ code: 'MV010' });
          continue;
        }
        expect(await memory.getFrameInfo(frame.id)).toMatchObject(infoOf(frame));
        if (frame.text_chars !== undefined) await expectText(memory, frame);
      }
      for (const record of inserted) {
        if (
          record.uri !== undefined &&
          pending.length === inserted.length &&
          record.search_text !== undefined
        ) {
          expect(await memory.viewByUri(record.uri)).toMatch(startOf(record.search_text));
        }
      }
      await memory.close();
      if (options.readOnly) expect(readFileSync(copy).equals(readFileSync(file))).toBe(true);
      expectAlone(copy);
    });

    it.each(readable.filter(({ expect: { pending } }) => pending === undefined))(
      '$name has the timeline of its manifest and finds a word of each document',
      async ({ name, file, expect: expected }) => {
        const memory = await open(copyOf(file), options);
        const documents = expected.frames
          .filter(({ role, status }) => role === 'document' && status === 'active')
          .toSorted((left, right) => left.timestamp - right.timestamp || left.id - right.id);
        expect(
          (await memory.timeline({ limit: 100 })).map((entry) => [
            entry.frame_id,
            entry.uri,
            entry.timestamp,
          ]),
        ).toEqual(documents.map((frame) => [frame.id, frame.uri, frame.timestamp]));
        const words = documents.map((frame) => wordOf(frame.text ?? frame.search_text_start ?? ''));
        for (const [index, word] of words.entries()) {
          // Binary content has no words.
          if (word === '' || documents[index]?.text === undefined) continue;
          if (WITHOUT_WORDS.has(name)) {
            await expect(memory.find(word)).rejects.toMatchObject({ code: 'MV004' });
            continue;
          }
          const found = (await memory.find(word, { k: 20 })).hits.map((hit) => hit.parent_id ?? hit.frame_id);
          expect(found).toContain(documents[index]?.id);
        }
        await memory.close();
      },
    );
  });

  it.each(readable)('$name keeps its texts when vectors are made for it', async ({ file }) => {
    await using memory = await open(copyOf(file));
    const { frame_count: count } = await memory.stats();
    const texts = (): Promise<string[]> =>
      Promise.all(
        Array.from({ length: count }, (_, id) => memory.view(id).catch((error: unknown) => String(error))),
      );
    const before = await texts();
    const { embedded } = await memory.reembed({ embedder: new HashEmbeddings({ dimension: 24 }) });
    expect(await texts()).toEqual(before);
    // What made a vector is among the fields that the reference tells in the text which it searches.
    expect((await memory.stats()).vector_count).toBe(embedded);
  });

  it.each(containers.filter(({ name }) => UNREADABLE.has(name) || name === DAMAGED_LOG))(
    '$name is MV012, quickly, and stays as it is',
    async ({ file }) => {
      const copy = copyOf(file);
      for (const options of [{ readOnly: true }, {}, { forceWritable: true }]) {
        const start = performance.now();
        await expect(open(copy, options)).rejects.toMatchObject({
          code: 'MV012',
          name: 'CorruptFileError',
          message: expect.stringContaining(copy),
          suggestion: expect.stringMatching(/./),
        });
        expect(performance.now() - start).toBeLessThan(1000);
      }
      expect(readFileSync(copy).equals(readFileSync(file))).toBe(true);
      expectAlone(copy);
    },
  );

  it('a damaged payload is MV012 for its frame, and the rest of the file is readable', async () => {
    const fixture = containers.find(({ name }) => name === DAMAGED_PAYLOAD);
    const copy = copyOf(fixture?.file ?? '');
    const memory = await open(copy, { readOnly: true });
    expect((await memory.stats()).frame_count).toBe(1);
    expect(await memory.getFrameInfo(0)).toMatchObject({ id: 0, uri: 'mv2://notes/bananas.txt' });
    await expect(memory.view(0)).rejects.toMatchObject({ code: 'MV012', name: 'CorruptFileError' });
    await expect(memory.extractAsset(0)).rejects.toMatchObject({ code: 'MV012' });
    expect((await memory.verify({ deep: true })).overall_status).toBe('failed');
    await memory.close();
    expect(readFileSync(copy).equals(readFileSync(fixture?.file ?? ''))).toBe(true);
  });

  it('a damaged payload does not keep other documents from being written, listed and found', async () => {
    const copy = copyOf(containers.find(({ name }) => name === DAMAGED_PAYLOAD)?.file ?? '');
    const memory = await open(copy);
    await memory.put({ text: 'Quokkas are small.', uri: 'mv2://after' });
    expect((await memory.find('quokkas')).hits.map((hit) => hit.uri)).toEqual(['mv2://after']);
    expect((await memory.timeline()).map((entry) => entry.uri)).toContain('mv2://after');
    await memory.close();
  });
});

describe.skipIf(absent)('files with indexes of the reference', () => {
  it.each(indexes)('$name opens with the frames of its manifest', async ({ file, expected }) => {
    for (const options of [{ readOnly: true }, { readOnly: false }]) {
      const copy = copyOf(file);
      const memory = await openedQuickly(copy, options, expected?.frames ?? 0);
      const stats = await memory.stats();
      expect(stats.frame_count).toBe(expected?.frames);
      if (expected?.statuses) {
        expect(stats.active_frame_count).toBe(
          expected.statuses.filter((status) => status === 'Active').length,
        );
      }
      await memory.close();
      if (options.readOnly) expect(readFileSync(copy).equals(readFileSync(file))).toBe(true);
      expectAlone(copy);
    }
  });

  // What the reference lists for a word is a part of what we list: it loses hits where the contract says so.
  it.each(
    indexes.flatMap(({ name, file, cli_find = [] }) =>
      cli_find
        .filter(({ query, hits = [] }) => hits.length > 0 && /^[\w ]+$/.test(query) && query !== 'caption')
        .map(({ query, hits = [] }) => ({ name, file, query, frames: hits.map(([frame]) => frame) })),
    ),
  )('$name: "$query" finds what the reference finds', async ({ file, query, frames }) => {
    const memory = await open(copyOf(file), { readOnly: true });
    // The reference also lists the parent of a chunk.
    const found = (await memory.find(query, { k: 20 })).hits.flatMap((hit) => [hit.frame_id, hit.parent_id]);
    expect(found).toEqual(expect.arrayContaining(frames));
    await memory.close();
  });

  it('hits that the reference loses are found', async () => {
    const finds = async (name: string, query: string): Promise<number[]> => {
      const memory = await open(copyOf(indexes.find((fixture) => fixture.name === name)?.file ?? ''));
      const found = (await memory.find(query, { k: 20 })).hits.map((hit) => hit.frame_id);
      await memory.close();
      return found.toSorted();
    };
    expect(await finds('cli_after_missing_sketch.mv2', 'zurich')).toEqual(expect.arrayContaining([0, 3]));
    expect(await finds('foreign_vec_segments_then_cli_put_lost.mv2', 'zurich')).toEqual(
      expect.arrayContaining([0, 3]),
    );
    expect(await finds('foreign_tantivy_del.mv2', 'engine')).toEqual([2]);
    expect(await finds('cli_correction.mv2', 'gold')).toEqual([0, 4]);
    expect(await finds('cli_put_one.mv2', 'jumps')).toEqual([0]);
    expect(await finds('cli_put_one.mv2', 'fo*')).toEqual([0]);
    expect(await finds('cli_put_one.mv2', 'caption')).toEqual([]);
    expect(await finds('sdk_putmany5_dup_ids.mv2', 'document')).toEqual([0, 1, 2, 3, 4]);
  });

  it.each(capsules)(
    '$name opens with its password',
    async ({ file, password = '', plaintext_equals_fixture }) => {
      const output = join(scratch(), 'plain.mv2');
      expect(await unlock(file, { password, output })).toBe(output);
      expect(
        readFileSync(output).equals(readFileSync(join(file, '..', plaintext_equals_fixture ?? ''))),
      ).toBe(true);
      await expect(unlock(file, { password: 'wrong', output, force: true })).rejects.toMatchObject({
        code: 'MV016',
      });
      await expect(open(file)).rejects.toMatchObject({
        code: 'MV016',
        message: expect.stringMatching(/encrypted/i),
      });
    },
  );
});

/** One of each way a file comes about. */
const CONTINUED = [
  ['mv2', 'cli-empty.mv2', undefined],
  ['mv2', 'cli-two.mv2', 'orchard'],
  ['mv2', 'cli-long.mv2', 'tundra'],
  ['mv2', 'cli-mutations.mv2', 'replacement'],
  ['mv2', 'cli-parallel.mv2', 'bananas'],
  ['mv2', 'sdk-putmany.mv2', 'shared'],
  ['mv2', 'crash-pending-many.mv2', 'cedar'],
  ['mv2', 'crash-wal-growth.mv2', 'orchard'],
  ['mv2', 'bad-footer-hash.mv2', 'orchard'],
  ['mv2', 'bad-wal-torn-last.mv2', 'cedar'],
  ['mv2', 'hand-legacy-v1.mv2', undefined],
  ['mv2', 'hand-appended-torn.mv2', 'orchard'],
  ['mv2', 'hand-private-segment.mv2', 'tart'],
  ['mv2-index', 'foreign_vec_segments.mv2', 'zurich'],
  ['mv2-index', 'sdk_putmany100.mv2', undefined],
] as const;

describe.skipIf(absent || noProgram)('files of the reference that we wrote to', () => {
  it.each(CONTINUED)(
    'the reference verifies %s/%s after our put and finds old and new words',
    async (folder, name, word) => {
      const copy = copyOf(paper(`fixtures/${folder}/${name}`).path);
      const before = await open(copy);
      const frames = (await before.stats()).frame_count;
      const checks = (await before.verify({ deep: true })).checks;
      await before.put({
        text: 'A frame put after the fact about quokkas.',
        uri: 'mv2://after',
        title: 'After',
      });
      const old = word === undefined ? [] : (await before.find(word, { k: 20 })).hits.map((hit) => hit.uri);
      await before.close();
      expectAlone(copy);

      const home = scratch();
      const verified = reference(home, 'verify', copy, '--deep', '--json');
      expect(verified.error).not.toMatch(/error/i);
      expect((JSON.parse(verified.output) as { overall_status: string }).overall_status).toBe('passed');
      if (!WITHOUT_WORDS.has(name)) expect(referenceFinds(home, copy, 'quokkas')).toEqual(['mv2://after']);
      if (word !== undefined) {
        expect(old.length).toBeGreaterThan(0);
        // The reference also lists the parent of a chunk.
        expect(referenceFinds(home, copy, word)).toEqual(expect.arrayContaining(old));
      }
      const again = await open(copy, { readOnly: true });
      expect((await again.stats()).frame_count).toBe(frames + 1);
      const failed = (list: typeof checks): string[] =>
        list.filter(({ status }) => status === 'failed').map(({ name: check }) => check);
      const after = failed((await again.verify({ deep: true })).checks);
      expect(failed(checks)).toEqual(expect.arrayContaining(after));
      await again.close();
    },
  );
});
