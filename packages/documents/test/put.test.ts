import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DocumentParser } from '@memvid/core';
import { create, type Memvid } from '@memvid/sdk';
import { afterAll, describe, expect, it } from 'vitest';
import { onLook } from '../../../tests/support/looks.ts';
import { documentsPlugin } from '../src/index.ts';
import { collect } from './support/collect.ts';
import { DOCX, PDF, PPTX, RTF, SAMPLES, XLSX } from './support/samples.ts';

const plugins = [documentsPlugin()];

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'memvid-documents-'));
  folders.push(folder);
  return folder;
}

async function memoryIn(folder: string): Promise<Memvid> {
  return create(join(folder, 'memory.mv2'), { plugins });
}

function written(folder: string, { filename, data }: { filename: string; data: Uint8Array }): string {
  const path = join(folder, filename);
  writeFileSync(path, data);
  return path;
}

/** As a phrase, so that a hit has just these words in a row. */
function phrases(sentence: string): string[] {
  return sentence
    .split(/[\n\t]+/)
    .map((line) => line.replaceAll('"', ' ').trim())
    .filter((line) => /\p{L}{3}/u.test(line))
    .map((line) => `"${line}"`);
}

describe('putFile', () => {
  it.each([...SAMPLES])('$filename: every sentence is found', async (sample) => {
    const folder = scratch();
    await using memory = await memoryIn(folder);
    const { framesAdded, filename } = await memory.putFile(written(folder, sample));
    // The second page of the PDF is blank.
    const blank = sample === PDF ? 1 : 0;
    expect([framesAdded, filename]).toEqual([(sample.pages ?? 1) - blank, sample.filename]);
    for (const phrase of sample.sentences.flatMap(phrases)) {
      const { hits } = await memory.find(phrase);
      expect([phrase, ...hits.map(({ title }) => title)]).toContainEqual(
        expect.stringContaining(sample.filename),
      );
    }
  });

  it('stores a sheet and a slide each for itself, with what is known about it', async () => {
    const folder = scratch();
    await using memory = await memoryIn(folder);
    expect(await memory.putFile(written(folder, XLSX), { metadata: { source: 'test' } })).toEqual({
      framesAdded: 2,
      type: 'xlsx',
      filename: 'budget.xlsx',
      warnings: ['the sheet "Secret" is hidden'],
    });
    expect(await memory.getFrameInfo(1)).toMatchObject({
      title: 'budget.xlsx [Sheet: Secret]',
      uri: 'mv2://files/budget.xlsx#sheet-2',
      labels: ['document'],
      metadata: {
        source: 'test',
        doc_name: 'budget.xlsx',
        doc_type: 'xlsx',
        doc_title: 'Budget',
        doc_author: 'Bo',
        doc_created: '2024-01-01T00:00:00.000Z',
        sheet_name: 'Secret',
        sheet_index: 1,
        total_sheets: 2,
      },
    });
    await memory.putFile(written(folder, PPTX));
    expect(await memory.getFrameInfo(2)).toMatchObject({
      title: 'talk.pptx [Slide 1]',
      metadata: { slide_number: 1, slide_title: 'Opening words', total_slides: 2 },
    });
  });

  it('is found by the title in the head of a web page, which nobody sees in it', async () => {
    const folder = scratch();
    await using memory = await memoryIn(folder);
    const html = '<title>Harbour rules</title><p>Ships enter freely.</p>';
    const path = written(folder, { filename: 'page.html', data: Buffer.from(html) });
    await memory.putFile(path);
    await memory.put({ file: path });
    const { hits } = await memory.find('rules of the harbour');
    expect(hits.map(({ frame_id }) => frame_id).toSorted()).toEqual([0, 1]);
    expect(hits.find(({ frame_id }) => frame_id === 0)).toMatchObject({
      title: 'page.html',
      text: 'Ships enter freely.',
      metadata: { doc_title: 'Harbour rules' },
    });
    expect([await memory.view(0), await memory.view(1)]).toEqual(['Ships enter freely.', html]);
  });

  it('cuts pages at the size of chunks', async () => {
    const folder = scratch();
    await using memory = await memoryIn(folder);
    const { framesAdded } = await memory.putFile(written(folder, XLSX), { chunkSize: 100 });
    expect(framesAdded).toBeGreaterThan(2);
    expect(await memory.getFrameInfo(1)).toMatchObject({
      title: expect.stringMatching(/^budget\.xlsx \[Sheet: Plan\] \[Chunk 2\/\d\]$/),
      uri: 'mv2://files/budget.xlsx#sheet-1-chunk-2',
      metadata: { sheet_name: 'Plan', chunk_index: 1 },
    });
  });

  it('an unreadable document is an error, and nothing is stored', async () => {
    const folder = scratch();
    await using memory = await memoryIn(folder);
    const path = written(folder, { filename: 'junk.docx', data: Uint8Array.of(1, 2, 3, 4) });
    await expect(memory.putFile(path)).rejects.toMatchObject({
      code: 'MV018',
      details: { reason: 'not_a_document' },
    });
    await expect(memory.put({ file: path })).rejects.toMatchObject({ code: 'MV018' });
    expect((await memory.stats()).frame_count).toBe(0);
    await memory.putFile(written(folder, RTF));
    expect((await memory.stats()).frame_count).toBe(1);
  });

  it('ends with its signal', async () => {
    const folder = scratch();
    const stop = new AbortController();
    const [plugin] = plugins;
    const html = async (): Promise<DocumentParser> => {
      const parser = await plugin?.documentParsers['html']?.();
      if (parser === undefined) throw new Error('HTML has no parser');
      return {
        ...parser,
        parse(source, options) {
          // The signal that a parser gets is one of its own, and is looked at with each 64 kB.
          if (options?.signal !== undefined) {
            onLook(options.signal, (looks) => {
              if (looks === 20) stop.abort();
            });
          }
          return parser.parse(source, options);
        },
      };
    };
    await using memory = await create(join(folder, 'memory.mv2'), {
      plugins: [{ spec: 'plugin/v1', name: '@acme/documents', documentParsers: { html } }],
    });
    const data = new TextEncoder().encode(`<html><body>${'<p>many words</p>'.repeat(300_000)}</body></html>`);
    const putting = memory.putFile(written(folder, { filename: 'a.html', data }), { signal: stop.signal });
    await expect(putting).rejects.toMatchObject({ code: 'MV018', details: { reason: 'aborted' } });
    expect((await memory.stats()).frame_count).toBe(0);
  });
});

describe('put({ file })', () => {
  it('keeps the bytes, and finds the document by its text', async () => {
    const folder = scratch();
    await using memory = await memoryIn(folder);
    const id = await memory.put({ file: written(folder, DOCX) });
    expect((await memory.find('"froze twice in January"')).hits[0]).toMatchObject({
      frame_id: Number(id),
      title: 'report',
    });
    const { data, mimeType, filename } = await memory.extractAsset(id);
    expect(Buffer.compare(data, DOCX.data)).toBe(0);
    expect([mimeType, filename]).toEqual([expect.stringContaining('wordprocessingml'), 'report.docx']);
    expect(await memory.view(id)).toContain('Words in a box.');
  });

  it('what the caller says about it comes first', async () => {
    const folder = scratch();
    await using memory = await memoryIn(folder);
    await memory.put({ file: written(folder, DOCX), searchText: 'a report about ice', metadata: { a: 1 } });
    expect((await memory.find('froze')).total_hits).toBe(0);
    expect((await memory.find('report about ice')).total_hits).toBe(1);
  });

  it('HTML comes back as it is, and is found by what a reader sees', async () => {
    const folder = scratch();
    await using memory = await memoryIn(folder);
    const html = '<p>Seen <b>words</b></p><script>const unseenword = 1;</script>';
    const id = await memory.put({ file: written(folder, { filename: 'a.html', data: Buffer.from(html) }) });
    expect(await memory.view(id)).toBe(html);
    expect((await memory.find('unseenword')).total_hits).toBe(0);
    expect((await memory.find('"seen words"')).total_hits).toBe(1);
  });
});

describe('putFiles', () => {
  it('takes a thousand files of all kinds, tells how far it is, and a bad one does not stop the rest', async () => {
    const folder = scratch();
    await using memory = await memoryIn(folder);
    mkdirSync(join(folder, 'files/deeper'), { recursive: true });
    const bad = new Map<string, string>();
    for (let at = 0; at < 1000; at += 1) {
      const sample = SAMPLES[at % SAMPLES.length];
      if (sample === undefined) continue;
      const ending = sample.filename.slice(sample.filename.lastIndexOf('.'));
      const filename = `${at % 2 === 0 ? 'deeper/' : ''}${String(at).padStart(4, '0')}${ending}`;
      const isBad = at % 47 === 7;
      const data = isBad ? Uint8Array.of(1, 2, 3, 4) : sample.data;
      writeFileSync(join(folder, 'files', filename), data);
      if (isBad && !/\.(txt|md|json|csv|tsv)$/.test(ending)) bad.set(filename, 'MV018');
    }
    const told: [number, number][] = [];
    const heaps: number[] = [];
    const result = await memory.putFiles(join(folder, 'files'), {
      recursive: true,
      onProgress({ processed, total }) {
        told.push([processed, total]);
        if (processed % 50 !== 0) return;
        collect();
        heaps.push(process.memoryUsage().heapUsed);
      },
    });
    // Flat: what the first half left is not added to by the second.
    expect(Math.max(...heaps.slice(10))).toBeLessThan(Math.max(...heaps.slice(0, 10)) + 16e6);
    expect(new Map(result.errors.map(({ filename, code }) => [filename, code]))).toEqual(bad);
    expect(bad.size).toBeGreaterThan(3);
    expect(result.filesProcessed).toBe(1000 - bad.size);
    expect(told).toEqual(Array.from({ length: 1000 }, (_, at) => [at + 1, 1000]));
    expect((await memory.stats()).frame_count).toBe(result.framesAdded);
    expect(result.files.map(({ filename }) => filename)).toEqual(
      result.files.map(({ filename }) => filename).toSorted(),
    );
    for (const word of ['walrus', 'fjord', 'gulls', 'mayor']) {
      expect((await memory.find(word)).total_hits).toBeGreaterThan(10);
    }
  }, 120_000);

  it('ends where the caller of its progress says so, and says which files are left out', async () => {
    const folder = scratch();
    await using memory = await memoryIn(folder);
    for (const filename of ['a.rtf', 'b.rtf', 'c.rtf']) written(folder, { filename, data: RTF.data });
    const stop = (): never => {
      throw new Error('enough');
    };
    const result = await memory.putFiles(folder, { onProgress: stop });
    expect(result.filesProcessed).toBe(1);
    expect(result.errors.map(({ filename, code }) => [filename, code])).toEqual([
      ['b.rtf', 'MV019'],
      ['c.rtf', 'MV019'],
    ]);
  });
});

it('without the plugin, the package is named', async () => {
  const folder = scratch();
  await using memory = await create(join(folder, 'memory.mv2'));
  for (const filename of ['a.docx', 'a.rtf', 'a.eml', 'a.epub', 'a.pdf']) {
    const path = written(folder, { filename, data: RTF.data });
    await expect(memory.putFile(path)).rejects.toMatchObject({
      code: 'MV018',
      details: { package: '@memvid/documents' },
      suggestion: expect.stringContaining('npm install @memvid/documents'),
    });
  }
});
