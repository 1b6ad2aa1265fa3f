import { randomUUID } from 'node:crypto';
import { checkArray, type NativeDocument } from '@memvid/core';
import { signalOf } from './batch-options.js';
import {
  filledString,
  optionalFilledString,
  optionalNumber,
  optionalStrings,
  optionsOf,
  recordOf,
  refuseOptions,
} from './check.js';
import { DEFAULT_LEVEL, fieldsOf, switchesOf, textDocument } from './document.js';
import { vectorRequest, type VectorInput } from './embedding/document-vectors.js';
import { putEmbedded } from './embedding/put-embedded.js';
import { aborted } from './failures.js';
import type { Handle } from './handle.js';
import { store } from './write-queue.js';

export interface CorrectOptions extends VectorInput {
  /** What the correction is about; stored as tags. */
  topics?: readonly string[] | undefined;
  /** Where it comes from; stored as `metadata.source`. */
  source?: string | undefined;
  /** Factor on the score of the correction, from 1 to 100. Default 2. */
  boost?: number | undefined;
}

/** One of several; what makes the vectors is the memory's embedder. */
export interface Correction
  extends Omit<CorrectOptions, keyof VectorInput>, Pick<VectorInput, 'embedding' | 'embeddingIdentity'> {
  statement: string;
}

const TITLE_CHARACTERS = 50;
const STORE = { compressionLevel: DEFAULT_LEVEL, dedupe: 'keep' } as const;

/** What `correct` takes, and one of several corrections does not. */
const OF_ONE = {
  embedder: 'pass it to `correct`, or open the memory with it',
  enableEmbedding: 'pass it to `correct`',
  embeddingModel: 'pass it to `correct`',
  signal: 'pass it to `correct`',
} as const;

/** Stores a statement that outranks what it corrects. */
export async function correct(handle: Handle, statement: string, options?: CorrectOptions): Promise<string> {
  handle.assertWritable('correct');
  const given = optionsOf(options);
  const document = correctionDocument(statement, given, '');
  const signal = signalOf(given['signal']);
  if (signal?.aborted === true) throw aborted('correct', signal);
  const request = vectorRequest(handle, 'correct', given, [given], false);
  if (request === undefined) return String((await handle.put('correct', document, STORE)).id);
  const [id = ''] = await putEmbedded(handle, 'correct', [document], request, {
    store: STORE,
    signal,
    nameOf: () => 'statement',
  });
  return id;
}

/** Stores several corrections in one transaction. */
export async function correctMany(handle: Handle, corrections: readonly Correction[]): Promise<string[]> {
  handle.assertWritable('correctMany');
  const list = checkArray('corrections', corrections, 'an array of { statement, … }');
  const items = list.map((item, index) =>
    recordOf(item, `corrections[${index}]`, 'an object { statement, … }'),
  );
  const documents = items.map((given, index) => {
    refuseOptions(given, `corrections[${index}].`, OF_ONE);
    return correctionDocument(given['statement'], given, `corrections[${index}].`);
  });
  if (documents.length === 0) return [];
  const request = vectorRequest(handle, 'correctMany', {}, items, true);
  if (request !== undefined) {
    return putEmbedded(handle, 'correctMany', documents, request, {
      store: STORE,
      nameOf: (index) => `corrections[${index}].statement`,
    });
  }
  const stored = await handle.write('correctMany', (native) => store(native, documents, STORE));
  return stored.map(({ id }) => String(id));
}

function correctionDocument(
  statement: unknown,
  options: Readonly<Record<string, unknown>>,
  at: string,
): NativeDocument {
  const text = filledString(statement, `${at}statement`);
  const topics = optionalStrings(options['topics'], `${at}topics`);
  const source = optionalFilledString(options['source'], `${at}source`);
  const boost = optionalNumber(options['boost'], `${at}boost`, { min: 1, max: 100 }) ?? 2;
  const title = `Correction: ${[...text].slice(0, TITLE_CHARACTERS).join('')}`;
  const fields = {
    title,
    label: 'correction',
    uri: `mv2://correction/${randomUUID()}`,
    ...(topics === undefined ? {} : { tags: topics }),
    ...(source === undefined ? {} : { metadata: { source } }),
  };
  return { ...textDocument(fieldsOf(fields, ''), text, switchesOf({})), boost };
}
