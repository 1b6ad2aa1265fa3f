import { type DocumentParser, definePlugin, type Factory } from '@memvid/core';
import manifest from '../package.json' with { type: 'json' };
import { KINDS } from './kinds.js';
import { type DocumentsOptions, settingsOf } from './limits.js';
import { parserOf } from './parser.js';

/** A plugin that reads documents. */
export interface DocumentsPlugin {
  readonly spec: 'plugin/v1';
  readonly name: string;
  readonly version: string;
  readonly documentParsers: Readonly<Record<string, Factory<DocumentParser>>>;
}

/** Has `putFile`, `putFiles` and `put({ file })` read documents: `open(path, { plugins: [documentsPlugin()] })`. */
export function documentsPlugin(options: DocumentsOptions = {}): DocumentsPlugin {
  const all = settingsOf(options);
  return definePlugin({
    spec: 'plugin/v1',
    name: manifest.name,
    version: manifest.version,
    documentParsers: Object.fromEntries(
      Object.entries(KINDS).map(([ending, kind]) => [ending, () => parserOf(kind, all)]),
    ),
  });
}
