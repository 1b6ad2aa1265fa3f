import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { corpus } from '../corpus/corpus.ts';
import type { Samples } from '../record.ts';
import type { Job } from './job.ts';
import { Meter, within } from './meter.ts';

const RECORD = Buffer.alloc(2048, 'r');
const RECORDS = 500;

/** What the machine itself takes: one synced record of 2 KiB in a file that is there already, and making documents. */
export default async function disk(job: Job): Promise<Samples> {
  const file = openSync(job.store, 'w+');
  for (let index = 0; index < RECORDS; index += 1) writeSync(file, RECORD, 0, RECORD.length);
  fdatasyncSync(file);
  const meter = new Meter({});
  await within(Array.from({ length: RECORDS }).keys(), job.budget, (index) =>
    meter.call(async () => {
      writeSync(file, RECORD, 0, RECORD.length, index * RECORD.length);
      fdatasyncSync(file);
    }),
  );
  const samples = meter.samples('sync');
  closeSync(file);
  const source = corpus(job.corpus);
  for (const _ of source.documents(0, 1));
  const making = new Meter({});
  await making.call(async () => {
    for (const _ of source.documents(0, job.documents));
  });
  const generate = { value: (making.wall / job.documents) * 1000, unit: 'us/document' };
  return { ...samples, generate };
}
