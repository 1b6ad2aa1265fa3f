import assert from 'node:assert/strict';
import type { TableExtractor, TableSource } from '@memvid/core';
import { assertRefusesAborted, leavingUnchanged } from './calls.js';
import type { Runner } from './runner.js';

export interface TableExtractorContract {
  /** Makes the extractor; called once a test. */
  create: () => TableExtractor | Promise<TableExtractor>;
  /** Documents, and how many tables are in each. */
  documents: readonly { readonly source: TableSource; readonly tables: number }[];
  name?: string | undefined;
}

/** What every table extractor has to do. */
export function tableExtractorContract({ describe, it }: Runner, contract: TableExtractorContract): void {
  const { documents } = contract;
  describe(contract.name ?? 'table extractor contract', () => {
    it('says what it is: spec, name, and the media types it reads', async () => {
      const extractor = await contract.create();
      assert.equal(extractor.spec, 'table-extractor/v1');
      assert.ok(extractor.name.trim() !== '', '`name` must not be blank');
      assert.ok(extractor.mimeTypes.length > 0, '`mimeTypes` must name at least one');
      for (const type of extractor.mimeTypes) assert.match(type, /^\w[\w.+-]*\/[\w.+*-]+$/, 'a media type');
    });

    it('finds the tables, whole, and leaves the document as it is', async () => {
      const extractor = await contract.create();
      for (const { source, tables: count } of documents) {
        const { tables } = await leavingUnchanged(source, (own) => extractor.extract(own));
        assert.equal(tables.length, count, `tables in ${source.filename}`);
        for (const table of tables) {
          assert.ok(table.headers.length > 0, 'a table has columns');
          for (const row of table.rows) {
            assert.equal(row.length, table.headers.length, 'a row is as long as the headers');
          }
          assert.ok(Number.isSafeInteger(table.pageStart) && table.pageStart >= 1, 'pages count from 1');
          assert.ok(table.pageEnd >= table.pageStart, '`pageEnd` is not before `pageStart`');
          const { rowPages, pageStart, pageEnd } = table;
          if (rowPages !== undefined) {
            assert.equal(rowPages.length, table.rows.length, '`rowPages` has a page for each row');
            for (const page of rowPages) {
              assert.ok(
                Number.isSafeInteger(page) && page >= pageStart && page <= pageEnd,
                'a page of the table',
              );
            }
          }
          assert.ok(table.quality >= 0 && table.quality <= 1, '`quality` is from 0 to 1');
          assert.ok(table.detectionMode.trim() !== '', '`detectionMode` must not be blank');
        }
      }
    });

    it('a document that cannot be read is an error, not an empty list', async () => {
      const extractor = await contract.create();
      const data = new TextEncoder().encode('this is no document of any kind');
      const [mimeType] = extractor.mimeTypes;
      await assert.rejects(async () => extractor.extract({ data, filename: 'broken', mimeType }));
    });

    it('rejects when its signal is aborted before', async () => {
      const extractor = await contract.create();
      const source = documents[0]?.source;
      if (source !== undefined) await assertRefusesAborted((signal) => extractor.extract(source, { signal }));
    });
  });
}
