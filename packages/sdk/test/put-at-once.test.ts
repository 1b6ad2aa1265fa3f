import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { loadNative, type NativeDocument } from '@memvid/core';
import { describe, expect, it } from 'vitest';
import { fieldsInOrder } from '../src/native-fields.ts';

/** A folder in memory: a document is stored at once only where syncs are fast. */
const FAST = '/dev/shm';

const EVERY_FIELD: Required<Omit<NativeDocument, 'bytes'>> = {
  text: 'quillwort grows by the lake since 2024-05-06',
  searchText: 'isoetes lacustris',
  title: 'the title',
  uri: 'mv2://at/once',
  kind: 'the kind',
  track: 'the track',
  tags: ['tag one', 'tag two'],
  labels: ['label one', 'label two'],
  timestamp: 1_700_000_001,
  metadata: '{"shelf":7}',
  mime: 'text/x-note',
  filename: 'note.txt',
  contentDates: ['2024-05-06'],
  boost: 3,
  vector: Float32Array.of(1, 0, 0),
  vectorIdentity: { provider: 'p', model: 'm', dimension: 3, normalized: true },
  picture: Float32Array.of(0, 1, 0, 0),
  pictureModel: 'pictures',
};

const BYTES: NativeDocument = {
  bytes: Uint8Array.of(0, 1, 2, 255),
  title: 'bytes',
  uri: 'mv2://at/once/bytes',
  timestamp: 1,
  mime: 'application/octet-stream',
  filename: 'four.bin',
};

/** What the memory says of the models of its vectors. */
function identities(stats: string): string {
  const told = JSON.parse(stats) as Record<string, unknown>;
  return JSON.stringify([told['vector_count'], told['embedding_identity_summary']]);
}

describe('a document that is stored at once', () => {
  it.skipIf(!existsSync(FAST)).each<[string, NativeDocument]>([
    ['with every field', EVERY_FIELD],
    ['of bytes', BYTES],
    ['with nothing but a text', { text: 'alone', timestamp: 2 }],
  ])('is the one that is stored by another thread: %s', async (_, document) => {
    const folder = mkdtempSync(join(FAST, 'memvid-'));
    /** What a memory tells of the document that was stored behind so many others; as many as it takes when that is not given. */
    const stored = async (others?: number): Promise<{ others: number; read: string[] }> => {
      const memory = await loadNative().openMemory({
        path: join(folder, `${others ?? 'at once'}.mv2`),
        mode: 'create',
        readOnly: false,
        enableLex: true,
        enableVec: true,
        lockTimeoutMs: 0,
        forceWritable: false,
      });
      const writing = { compressionLevel: 3, dedupe: 'keep' } as const;
      let id: number | null = null;
      let before = 0;
      while (id === null) {
        await memory.put([{ text: 'other', timestamp: 0 }], writing);
        before += 1;
        if (others === undefined) {
          // The thread that writes may not be done, and the disk may just have been slow.
          id = memory.putAtOnce(fieldsInOrder(document), 3);
          expect(before).toBeLessThan(10_000);
        } else if (before === others) {
          id = (await memory.put([document], writing)).ids[0] ?? null;
        }
      }
      expect(id).toBe(before);
      const read = [memory.frame(id), JSON.stringify(memory.asset(id)), identities(memory.stats())];
      const asked: [object, Float32Array?][] = [[{ query: 'isoetes' }], [{ query: 'alone' }]];
      if (document.vector) asked.push([{ query: '', mode: 'sem' }, Float32Array.of(0.6, 0.8, 0)]);
      if (document.picture) {
        asked.push([{ query: '', mode: 'clip', pictureModel: 'pictures' }, Float32Array.of(0.6, 0.8, 0, 0)]);
      }
      for (const [request, vector] of asked) {
        const found = await memory.find(JSON.stringify({ ...request, k: 5 }), vector);
        read.push(found.head.replace(/"took_ms":[\d.]+/, ''), found.ascii);
      }
      await memory.close(true);
      return { others: before, read };
    };
    try {
      const atOnce = await stored();
      expect(await stored(atOnce.others)).toEqual(atOnce);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
