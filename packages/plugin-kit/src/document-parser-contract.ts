import assert from 'node:assert/strict';
import type { DocumentParser, DocumentSource, ParsedDocument } from '@memvid/core';
import { assertRefusesAborted, assertWhole, leavingUnchanged } from './calls.js';
import type { Runner } from './runner.js';

/** A document, and what is in it. */
export interface SampleDocument {
  readonly source: DocumentSource;
  /** Texts of it, every one of which has to be found. */
  readonly sentences: readonly string[];
  /** How many pages, sheets, slides or chapters it has. Default: not looked at. */
  readonly pages?: number | undefined;
  /** How many tables. Default: not looked at. */
  readonly tables?: number | undefined;
}

export interface DocumentParserContract {
  /** Makes the parser; called once a test. */
  create: () => DocumentParser | Promise<DocumentParser>;
  documents: readonly SampleDocument[];
  /** Whether any bytes are a document of this kind, as those of plain text are. Default `false`. */
  takesAnything?: boolean | undefined;
  name?: string | undefined;
}

/** What every document parser has to do. */
export function documentParserContract({ describe, it }: Runner, contract: DocumentParserContract): void {
  const { documents } = contract;
  describe(contract.name ?? 'document parser contract', () => {
    it('says what it is: spec, name, and the media types it reads', async () => {
      const parser = await contract.create();
      assert.equal(parser.spec, 'document-parser/v1');
      assert.ok(parser.name.trim() !== '', '`name` must not be blank');
      assert.ok(parser.mimeTypes.length > 0, '`mimeTypes` must name at least one');
      for (const type of parser.mimeTypes) assert.match(type, /^\w[\w.+-]*\/[\w.+*-]+$/, 'a media type');
    });

    it('gives all of the text, in pages, and leaves the document as it is', async () => {
      const parser = await contract.create();
      for (const { source: given, sentences, pages, tables } of documents) {
        // A Buffer, as `readFile` gives it, is not the same again when it is copied.
        const source = { ...given, data: Uint8Array.from(given.data) };
        const parsed = await leavingUnchanged(source, (own) => parser.parse(own));
        assertShape(parsed, source.filename);
        for (const sentence of sentences) {
          assert.ok(
            parsed.text.includes(sentence),
            `"${sentence}" must be in the text of ${source.filename}`,
          );
        }
        if (pages !== undefined) assert.equal(parsed.pages.length, pages, `pages of ${source.filename}`);
        if (tables !== undefined) assert.equal(parsed.tables.length, tables, `tables of ${source.filename}`);
      }
    });

    it('gives the same document twice, and reads two at a time', async () => {
      const parser = await contract.create();
      for (const { source } of documents) {
        const [first, second] = await Promise.all([parser.parse(source), parser.parse(source)]);
        assert.deepEqual(second, first);
      }
    });

    it('reads no more pages than it is asked for', async () => {
      const parser = await contract.create();
      for (const { source } of documents) {
        const { pages } = await parser.parse(source, { maxPages: 1 });
        assert.ok(pages.length <= 1, `${pages.length} pages of ${source.filename} with maxPages: 1`);
      }
    });

    it('what cannot be read is an error with a message, not an empty document', async () => {
      if (contract.takesAnything === true) return;
      const parser = await contract.create();
      const [sample] = documents;
      const wrong = [Uint8Array.of(), Uint8Array.of(1, 2, 3, 4), new Uint8Array(5000).fill(0x41)];
      for (const data of wrong) {
        const filename = sample?.source.filename ?? 'broken';
        await assert.rejects(
          async () => parser.parse({ data, filename }),
          (error) => error instanceof Error && error.message.trim() !== '',
          `${data.length} bytes that are no document must be an error`,
        );
      }
    });

    it('rejects when its signal is aborted before', async () => {
      const parser = await contract.create();
      const source = documents[0]?.source;
      if (source !== undefined) await assertRefusesAborted((signal) => parser.parse(source, { signal }));
    });
  });
}

function assertShape(parsed: ParsedDocument, filename: string): void {
  assert.ok(parsed.type.trim() !== '', '`type` must not be blank');
  for (const name of ['title', 'author', 'created'] as const) {
    const value = parsed[name];
    assert.ok(value === undefined || value.trim() !== '', `\`${name}\` must be left out where there is none`);
  }
  if (parsed.created !== undefined) {
    assert.ok(!Number.isNaN(Date.parse(parsed.created)), '`created` must be a date in ISO 8601');
  }
  assert.ok(parsed.pages.length > 0, `${filename} has at least one page`);
  let from = 0;
  for (const [index, page] of parsed.pages.entries()) {
    assertWhole(page.number, `pages[${index}].number`);
    assert.ok(index === 0 || page.number > (parsed.pages[index - 1]?.number ?? 0), 'pages are in order');
    const at = parsed.text.indexOf(page.text, from);
    assert.ok(at >= 0, `the text of page ${page.number} must be in \`text\`, behind that of the page before`);
    from = at + page.text.length;
  }
  for (const table of parsed.tables) {
    assert.ok(table.headers.length > 0, 'a table has columns');
    for (const row of table.rows) {
      assert.equal(row.length, table.headers.length, 'a row is as long as the headers');
    }
    assert.ok(
      parsed.pages.some(({ number }) => number === table.page),
      'the page of a table is one of the pages',
    );
  }
  for (const warning of parsed.warnings) assert.ok(warning.trim() !== '', 'a warning says something');
}
