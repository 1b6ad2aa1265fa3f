import { checkString, invalidInput } from '@memvid/core';
import { isRecord, optionalOneOf } from './check.js';
import { DEDUPE, DEFAULT_LEVEL, switchesOf, textDocument } from './document.js';
import type { Dedupe, DocumentFields, IngestSwitches } from './document.js';
import { readFileDocument } from './file-document.js';
import type { Handle } from './handle.js';
import { checkVectors, vectorRequest, type VectorInput } from './vectors.js';

/** One document: `text` or `file`, exactly one of them. */
export interface PutInput extends DocumentFields, IngestSwitches, VectorInput {
  text?: string | undefined;
  /** Path of a text file (plain text, Markdown, JSON, CSV, HTML …). Its bytes come back from `extractAsset`. */
  file?: string | undefined;
  /** What to do when a document with the same content is stored already. Default `"keep"`. */
  dedupe?: Dedupe | undefined;
  /** Whether the rules for memory cards may read it. Default `true`. */
  enableEnrichment?: boolean | undefined;
  vectorCompression?: boolean | undefined;
}

/** Stores one document, durably, and gives its frame id. */
export async function put(handle: Handle, input: PutInput): Promise<string> {
  handle.assertWritable('put');
  if (!isRecord(input)) throw invalidInput('input', input, 'an object { text, … } or { file, … }');
  const text = input.text ?? undefined;
  const file = input.file ?? undefined;
  if ((text === undefined) === (file === undefined)) {
    throw invalidInput(
      'text, file',
      text === undefined ? 'neither' : 'both',
      'exactly one of "text" and "file"',
    );
  }
  const switches = switchesOf(input);
  const dedupe = optionalOneOf(input.dedupe, 'dedupe', DEDUPE) ?? 'keep';
  const request = vectorRequest(input, [input], false);
  const document =
    file === undefined
      ? textDocument(input, '', checkString('text', text), switches)
      : await readFileDocument(input, 'put', file, switches);
  if (request !== undefined) await checkVectors(handle, 'put', request);
  const stored = await handle.put('put', document, { compressionLevel: DEFAULT_LEVEL, dedupe });
  return String(stored.id);
}
