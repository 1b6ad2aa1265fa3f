// Stream many documents in, with a report for each: node examples/bulk-import.ts
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { create, type PutManyInput } from '@memvid/sdk';

/** Any iterable will do: lines of a file, rows of a query, pages of an interface. */
async function* rows(): AsyncGenerator<PutManyInput> {
  for (let index = 0; index < 2000; index += 1) {
    const text = `Row ${index} speaks of ${index % 2 === 0 ? 'granite' : 'moss'}.`;
    // One row in a thousand is broken, as in life.
    yield index % 1000 === 999
      ? ({ title: `Row ${index}` } as PutManyInput)
      : { title: `Row ${index}`, text };
  }
}

const folder = await mkdtemp(join(tmpdir(), 'memvid-example-'));
const memory = await create(join(folder, 'rows.mv2'));

const report = await memory.putMany(rows(), {
  onError: 'report',
  batchSize: 500,
  onProgress: ({ processed, failed }) => console.log(`${processed} rows, ${failed} failed`),
});
for (const item of report.items) {
  if (item.error !== null) console.log(`row ${item.index}: ${item.error.code} ${item.error.message}`);
}
console.log('stored:', report.stored, 'granite:', (await memory.find('granite', { k: 1 })).total_hits);

await memory.close();
await rm(folder, { recursive: true });
